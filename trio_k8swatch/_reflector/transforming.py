"""A list-watcher whose objects are replaced before anyone sees them (`open_watch(transform=)`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta
from trio_k8swatch._store import refuse_awaitable
from trio_k8swatch._wire import OBJECT_EVENT_OF, OBJECT_EVENTS, Page, WatchEvent

from .list_watcher import Events, ListWatcher, WrappedListWatcher, bytes_of

__all__ = ["TransformingListWatcher"]

T = TypeVar("T")


class TransformingListWatcher(WrappedListWatcher[T]):
    """Passes every object of a list or an event through `transform`.

    What that raises is given to `on_fault`, because it is not the server's, whatever it is and whatever a client makes of it.
    """

    def __init__(
        self, list_watcher: ListWatcher[T], transform: Callable[[T], T], on_fault: Callable[[Exception], object]
    ) -> None:
        super().__init__(list_watcher)
        self._function = transform
        self._on_fault = on_fault

    def _transform(self, obj: T) -> T:
        try:
            new = self._function(obj)
            refuse_awaitable("open_watch(transform=…)", new)
        except Exception as error:
            self._on_fault(error)
            raise
        return new

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        """The page, transformed part by part."""
        transform = self._transform

        def transformed(part: Page[T]) -> None:
            take(Page([transform(obj) for obj in part.items], part.metadata, part.body_bytes))

        return await self._list_watcher.page(options, transformed)

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[Events[T]]:
        """The watch, each event transformed when it is asked for."""
        async with self._list_watcher.watch(options) as events:
            yield _TransformedEvents(events, self._transform)

    async def prefers_streaming_lists(self) -> bool:
        """As the list-watcher inside."""
        return await self._list_watcher.prefers_streaming_lists()


class _TransformedEvents(Generic[T]):
    def __init__(self, events: Events[T], transform: Callable[[T], T]) -> None:
        self._events = events
        self._transform = transform

    @property
    def body_bytes(self) -> int:
        return bytes_of(self._events)

    async def receive(self) -> Iterator[WatchEvent[T]] | None:
        batch = await self._events.receive()
        return None if batch is None else map(self._transformed, batch)

    def _transformed(self, event: WatchEvent[T]) -> WatchEvent[T]:
        if isinstance(event, OBJECT_EVENTS):
            return OBJECT_EVENT_OF[event.type](self._transform(event.object))
        return event
