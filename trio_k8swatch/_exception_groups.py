"""Exceptions that leave a nursery as they were raised instead of in a group."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["lone_exception"]


@contextmanager
def lone_exception() -> Generator[None]:
    """Let a single exception leave the nursery inside as itself; several stay a group, and so does a group in a group."""
    lone: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        lone, *others = group.exceptions
        if others:
            raise
    if lone is not None:
        context = lone.__context__
        try:
            raise lone
        finally:
            # Raising has made the group its context, and our frame keeps it alive: both would only confuse.
            lone.__context__ = context
            del lone, context
