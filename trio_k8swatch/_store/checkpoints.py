"""Long work in slices, so that the trio loop stays responsive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, TypeVar

import trio

__all__ = ["in_slices"]

X = TypeVar("X")

_SLICE_OBJECTS: Final = 250
"""How many objects are worked on between two checkpoints: well under a millisecond each."""


async def in_slices(
    things: Iterable[X], take: Callable[[list[X]], object], *, slice_objects: int = _SLICE_OBJECTS
) -> None:
    """Hand all of `things` to `take`, `slice_objects` at a time, with a checkpoint after each."""
    remaining = iter(things)
    while part := list(islice(remaining, slice_objects)):
        take(part)
        await trio.lowlevel.checkpoint()
