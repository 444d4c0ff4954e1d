"""Lists and watches of a part of a collection, filtered by the server where it can, and here in any case."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from msgspec.structs import replace

from trio_k8swatch._errors import ApiError
from trio_k8swatch._http import Resource, beside
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import DynamicObject, ListMeta
from trio_k8swatch._reflector import Events, WrappedListWatcher
from trio_k8swatch._wire import Page

from ._coverage import Coverage

__all__ = ["ShardListWatcher"]

T = TypeVar("T")

_MOST_RANGES: Final = 160
"""In one selector, which has some ninety bytes for each: it stands in the URL, and servers go through it for every event."""

_TOO_MUCH: Final = frozenset({400, 413, 414, 422, 431})
"""How servers and proxies refuse a selector that is too long, or that they do not understand."""

_log: Final = logging.getLogger("trio_k8swatch.shard")


class ShardListWatcher(WrappedListWatcher[T]):
    """A resource, of which only the objects in some slots are seen."""

    def __init__(self, resource: Resource[T], slots: int) -> None:
        super().__init__(resource)
        self._resource = resource
        collection = resource.collection
        plain = beside(resource, collection.api_version, collection.plural, DynamicObject)
        self._plain = plain if collection.namespace is None else plain.in_namespace(collection.namespace)
        self._slots = slots
        self.served: int = 0
        """The slots of the next list."""
        self.listing: Coverage = self._cover()
        """Of the list that is read, or was read last."""
        self.listed: Coverage = self.listing
        """Of the list that was committed last."""
        self.server_filters: bool | None = None
        """Whether the server has said that it filters; None while nobody has asked."""
        self._listed_at: str = ""

    def _cover(self) -> Coverage:
        return Coverage(self._slots, self.served, _MOST_RANGES)

    def commit(self) -> None:
        """The list that was read last is the one to watch from."""
        self.listed = self.listing

    def narrow(self, lost: int) -> None:
        """These are served no more."""
        self.served &= ~lost
        for coverage in {self.listing, self.listed}:
            coverage.narrow(lost)

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        """A page, without what is in other slots."""
        if not options.continue_token:
            self.listing = self._cover()
            await self._find_out(options)
        metadata = await self._page(options, take)
        self._listed_at = metadata.resource_version
        return metadata

    async def _page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        coverage, filtered = self.listing, self._filtered(options, self.listing)
        try:
            return await self._resource.page(filtered, take, keep=coverage.filter)
        except ApiError as error:
            if filtered.shard_selector is None or error.status.code not in _TOO_MUCH:
                raise
            _log.warning("%r: %s; filtering here", self, error)
            self.server_filters = False
            return await self._resource.page(self._filtered(options, coverage), take, keep=coverage.filter)

    def _filtered(self, options: ListOptions, coverage: Coverage) -> ListOptions:
        return options if self.server_filters is False else replace(options, shard_selector=coverage.selector)

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[Events[T]]:
        """A watch, without what is in other slots."""
        if options.send_initial_events:
            self.listing = self._cover()
            await self._find_out(options)
        # A watch is opened before its list is committed. One that goes on from before a list that failed is as it was.
        is_of_listing = options.send_initial_events or options.resource_version == self._listed_at
        coverage = self.listing if is_of_listing else self.listed
        async with self._resource.watch(self._filtered(options, coverage), keep=coverage.filter) as events:
            yield events

    async def _find_out(self, options: ListOptions) -> None:
        """Once, list one object to see whether the server filters: it says so in no watch, and in no list of mere metadata."""
        selector = self.listing.selector
        if self.server_filters is not None or selector is None:
            return
        one = replace(options, page_size=1, send_initial_events=False, timeout_seconds=None, shard_selector=selector)
        one = replace(one, resource_version=None, resource_version_match=None)
        try:
            metadata = await self._plain.page(one, lambda page: None)
        except ApiError as error:
            if error.status.code not in _TOO_MUCH:
                raise
            _log.warning("%r: %s; filtering here", self, error)
            self.server_filters = False
            return
        self.server_filters = (metadata.shard_info or {}).get("selector") == selector
        where = "by the server" if self.server_filters else "here: the server does not say that it does"
        _log.info("%r: shards are filtered %s", self, where)

    async def prefers_streaming_lists(self) -> bool:
        """As the resource."""
        return await self._resource.prefers_streaming_lists()
