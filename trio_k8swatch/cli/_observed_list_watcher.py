"""A list-watcher that reports how its lists and watches proceed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta
from trio_k8swatch._reflector import Events, ListWatcher, WrappedListWatcher
from trio_k8swatch._wire import Page

__all__ = ["ObservedListWatcher"]

T = TypeVar("T")


class ObservedListWatcher(WrappedListWatcher[T]):
    """A source whose pages and watches are counted.

    `on_page(taken, total)` is called after each page of a list that has several: how many objects were read so far, and
    how many there are, None if the server does not say (it never does with selectors).
    """

    def __init__(self, list_watcher: ListWatcher[T], on_page: Callable[[int, int | None], object]) -> None:
        super().__init__(list_watcher)
        self._on_page = on_page
        self._taken = 0
        self.watches_opened = 0

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        """The source's page."""
        if not options.continue_token:
            self._taken = 0

        def counted(part: Page[T]) -> None:
            self._taken += len(part.items)
            take(part)

        metadata = await self._list_watcher.page(options, counted)
        is_last = not metadata.continue_token
        if options.continue_token or not is_last:
            remaining = 0 if is_last else metadata.remaining_item_count
            self._on_page(self._taken, None if remaining is None else self._taken + remaining)
        return metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[Events[T]]:
        """The source's watch."""
        async with self._list_watcher.watch(options) as events:
            self.watches_opened += 1
            yield events

    async def prefers_streaming_lists(self) -> bool:
        """Never: a streaming list does not say how long it will be."""
        return False
