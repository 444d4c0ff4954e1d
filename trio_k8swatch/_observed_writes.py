"""Who is notified of what a task writes to the API server."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

__all__ = ["Write", "note_write", "observing_writes"]


class Write(NamedTuple):
    """One write that the server has accepted, or may have."""

    api_version: str
    plural: str
    namespace: str
    uid: str
    resource_version: str
    """Of the object after the write; empty if it is gone, or if there was no answer and it may have been written or not."""
    gone: bool = False
    """Whether the object is deleted, and not only marked for deletion."""


_observer: ContextVar[Callable[[Write], object] | None] = ContextVar("observer of writes", default=None)


@contextmanager
def observing_writes(take: Callable[[Write], object]) -> Generator[None]:
    """Hand to `take` all that this task, and tasks that it starts meanwhile, write in the block."""
    token = _observer.set(take)
    try:
        yield
    finally:
        _observer.reset(token)


def note_write(write: Write) -> None:
    """Say that the server has accepted a write. For clients; who watches is not their business."""
    take = _observer.get()
    if take is not None:
        take(write)
