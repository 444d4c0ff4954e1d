"""Who is notified of every change at once and in order, without a queue of changes in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .deltas import Delta

__all__ = ["Observer"]


class Observer(Protocol):
    """Called inside the lock, after the commit. What it raises ends the watch, as with handlers."""

    def changed(self, deltas: Sequence[Delta[Any]], *, listed: bool) -> object:
        """These were committed; `listed` if a list brought them, and not the watch."""
        ...

    def ended(self, why: str) -> object:
        """There will be no more."""
        ...
