"""What controllers see of a store that its other readers do not."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from trio_k8swatch._object_meta import MetadataOf

from .observer_protocol import Observer
from .store import Store

__all__ = ["Backstage"]

T = TypeVar("T")


class Backstage(Store[T]):
    """Where a store comes from, and everything that happens in it at once and in order."""

    def __init__(self, store: Store[T]) -> None:
        super().__init__(store._cache)  # noqa: SLF001 - the same record seen through one more window

    @property
    def metadata(self) -> MetadataOf:
        """How to get at the metadata of an object."""
        return self._cache.metadata

    @property
    def collection(self) -> Any:
        """Which collection this is a copy of, if it is one of an `ApiClient`; else None."""
        return getattr(self._cache.source, "collection", None)

    @property
    def object_type(self) -> Any:
        """What its objects are, if that is known; else None."""
        return getattr(self._cache.source, "type", None)

    def covering(self, namespace: str | None) -> Store[T]:
        """The store that shows what happens in a namespace soonest: this one, or one of its parts."""
        return Store(self._cache.covering(namespace))

    async def relist_at_once(self) -> None:
        """As `relist`, which puts off what is asked for again and again; this does not, so do not."""
        await self._cache.ask_for_list(at_once=True).wait()

    @contextmanager
    def observed_by(self, observer: Observer) -> Generator[None]:
        """Tell `observer` of all changes in the block, and of the end of the watch."""
        notifier = self._cache.notifier
        notifier.observers = (*notifier.observers, observer)
        if self._cache.stopped is not None:
            observer.ended(self._cache.stopped)
        try:
            yield
        finally:
            notifier.observers = tuple(other for other in notifier.observers if other is not observer)
