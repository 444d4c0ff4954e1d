"""A collection listed and watched as rows of the server's own table."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from trio_k8swatch._http import ApiClient, Collection, EventStream, located
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta
from trio_k8swatch._pager import take_in_parts
from trio_k8swatch._wire import Page
from trio_k8swatch.cli._table.server_table import TableReader, TableRow

__all__ = ["TableListWatcher"]

_TABLE: Final = "application/json;as=Table;v={};g=meta.k8s.io"
_ACCEPT: Final = ",".join([_TABLE.format("v1"), _TABLE.format("v1beta1"), "application/json"])
"""As kubectl has it; servers that make no tables send the objects, of which names and ages are shown."""


class TableListWatcher:
    """What `open_watch` needs to keep rows as it keeps objects, with all its care."""

    def __init__(self, client: ApiClient, collection: Collection, reader: TableReader) -> None:
        self._client = client
        self._collection = collection
        self._reader = reader

    def __repr__(self) -> str:
        return f"<Table of {self._collection}>"

    async def page(self, options: ListOptions, take: Callable[[Page[TableRow]], object]) -> ListMeta:
        """As `Resource.page`."""
        doing = f"list {self._collection}"
        body = await self._client.call(self._collection.path, options.list_query(), accept=_ACCEPT, doing=doing)
        with located(doing):
            page = self._reader.page(body)
        await take_in_parts(page.parts(), take)
        return page.metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[EventStream[TableRow]]:
        """As `Resource.watch`."""
        doing = f"watch {self._collection}"
        query = options.watch_query()
        async with self._client.stream(self._collection.path, query, accept=_ACCEPT, doing=doing) as body:
            yield EventStream(body, self._reader.events, doing)

    async def prefers_streaming_lists(self) -> bool:
        """Never: the bookmark that ends one has no place in a table."""
        return False

    async def has_new_credentials(self) -> bool:
        """As `ApiClient.has_new_credentials`."""
        return await self._client.has_new_credentials()

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        """As `ApiClient.admitted`."""
        return self._client.admitted(to_list=to_list)

    @property
    def next_attempt_at(self) -> float | None:
        """As `ApiClient.next_attempt_at`."""
        return self._client.next_attempt_at
