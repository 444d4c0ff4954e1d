"""A collection that says how its lists and watches get on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from trio_k8swatch._client import ApiClient, EventStream, Resource
from trio_k8swatch._resource import Collection, ListOptions
from trio_k8swatch._wire import Page

__all__ = ["ObservedResource"]

T = TypeVar("T")


class ObservedResource(Resource[T]):
    """A resource whose pages and watches are counted.

    `on_page(taken, total)` is called after each page of a list: how many objects were read so far, and how many there
    are, None if the server does not say (it never does with selectors).
    """

    def __init__(self, client: ApiClient, collection: Collection, type_: type[T]) -> None:
        super().__init__(client, collection, type_)
        self.on_page: Callable[[int, int | None], object] | None = None
        self.watches_opened = 0
        self._taken = 0

    async def page(self, options: ListOptions) -> Page[T]:
        """As `Resource.page`."""
        page = await super().page(options)
        self._taken = len(page.items) + (self._taken if options.continue_token else 0)
        if self.on_page is not None:
            remaining = page.metadata.remaining_item_count if page.metadata.continue_token else 0
            self.on_page(self._taken, None if remaining is None else self._taken + remaining)
        return page

    @asynccontextmanager
    async def watch(self, options: ListOptions | None = None) -> AsyncGenerator[EventStream[T]]:
        """As `Resource.watch`."""
        async with super().watch(options) as events:
            self.watches_opened += 1
            yield events
