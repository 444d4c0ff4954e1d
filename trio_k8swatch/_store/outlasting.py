"""A store that is read where trio's clock may be out of reach: in other threads, and when the run is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .health import Health
from .store import Store

__all__ = ["OutlastingStore"]

T = TypeVar("T")


class OutlastingStore(Store[T], Generic[T]):
    """The same store, whose health is measured by a clock that is passed in."""

    def __init__(self, store: Store[T], now: Callable[[], float]) -> None:
        super().__init__(store._cache)  # noqa: SLF001 - the same record seen through one more window
        self._now = now

    @property
    def health(self) -> Health:
        """How the watch is doing, at this moment."""
        return self._cache.vitals.seen(self._now(), self._cache.resource_version)
