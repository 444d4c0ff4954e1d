"""One collection of objects on the server: its lists and its watches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import chain
from typing import Generic, Protocol, TypeVar

from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta, MetadataOf
from trio_k8swatch._pager import list_pages, take_in_parts
from trio_k8swatch._wire import Lines, LineSplitter, Listing, Page, WatchEvent, decoder_for

from .collection import Collection
from .requests import located
from .response_body import Body

__all__ = ["EventStream", "Resource"]

T = TypeVar("T")


class Server(Protocol):
    """What a resource needs of its client (`ApiClient`)."""

    async def read(
        self, path: str, query: dict[str, str], *, accept: str, doing: str, take: Callable[[bytes], object]
    ) -> None: ...

    def stream(
        self, path: str, query: dict[str, str], *, accept: str, doing: str
    ) -> AbstractAsyncContextManager[Body]: ...

    async def has_streaming_lists(self) -> bool: ...

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]: ...

    @property
    def next_attempt_at(self) -> float | None: ...


class EventStream(AsyncIterator[WatchEvent[T]], Generic[T]):
    """The events of one watch request, in order. Iterate over it; the watcher takes what is there at once."""

    def __init__(self, body: Body, decode: Callable[[Lines], Iterator[WatchEvent[T]]], doing: str) -> None:
        self._body = body
        self._decode = decode
        self._doing = doing
        self._lines = LineSplitter()
        self._ready: Iterator[WatchEvent[T]] = iter(())

    async def receive(self) -> Iterator[WatchEvent[T]] | None:
        """Wait for bytes; the events that are complete with them, perhaps none. None when the server has ended it.

        Events are decoded as the iterator is moved on, which raises ProtocolError at the first that makes no sense.
        Raises Unavailable if the stream is cut.
        """
        data = await self._body.read()
        return None if data is None else self._events(data)

    def _events(self, data: bytes) -> Iterator[WatchEvent[T]]:
        with located(self._doing):
            yield from chain.from_iterable(map(self._decode, self._lines.feed(data)))

    async def __anext__(self) -> WatchEvent[T]:
        """The next event; StopAsyncIteration when the server has ended the watch. Errors as `receive`."""
        while (event := next(self._ready, None)) is None:
            received = await self.receive()
            if received is None:
                raise StopAsyncIteration
            self._ready = received
        return event


class Resource(Generic[T]):
    """One collection of objects on the server (`ApiClient.resource`). Satisfies `Client`."""

    def __init__(self, client: Server, collection: Collection, type_: type[T], drop: Iterable[str] = ()) -> None:
        self._client = client
        self._decoder = decoder_for(type_, collection.api_version, drop)
        self.collection = collection
        self.type = type_
        self.metadata: MetadataOf = self._decoder.metadata
        """How to get at the metadata of an object."""

    def __repr__(self) -> str:
        return f"<Resource {self.collection}>"

    async def list(self, options: ListOptions | None = None) -> Listing[T]:
        """All objects, read in pages of `options.page_size`, as they were at one resourceVersion.

        Half a list is never returned. Raises ApiError for a refusal, Unavailable if there is no answer or it is cut off,
        ProtocolError if it is no list of this kind.
        """
        items: list[T] = []

        async def page(options: ListOptions) -> ListMeta:
            return await self.page(options, lambda part: items.extend(part.items))

        version = await list_pages(page, options or ListOptions(), restart=items.clear)
        return Listing(items, ListMeta(resource_version=version))

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        """Read one page, handing it to `take` in parts as it comes; its metadata, whose token says where the next begins.

        Errors as `list`, Expired for an old token, and then what was taken is void.
        """
        doing = f"list {self.collection}"
        reader = self._decoder.page_decoder()
        path, query, accept = self.collection.path, options.list_query(), self._decoder.accept_list

        def take_what_is_whole(data: bytes) -> None:
            part = reader.feed(data)
            if part is not None:
                take(part)

        await self._client.read(path, query, accept=accept, doing=doing, take=take_what_is_whole)
        with located(doing):
            rest = reader.finish()
            await take_in_parts(rest.parts(), take)
        return rest.metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions | None = None) -> AsyncGenerator[EventStream[T]]:
        """One watch request: `async with resource.watch(options) as events: async for event in events: ...`.

        From `options.resource_version` until the server ends it, after `options.timeout_seconds` at the latest. Leave it
        wherever you like. There are no retries, and silence has no limit: for that there is `open_watch`. Raises ApiError
        when the request is refused; an ERROR event is an event, and the last of its stream.
        """
        doing = f"watch {self.collection}"
        query = (options or ListOptions()).watch_query()
        accept = self._decoder.accept_watch
        async with self._client.stream(self.collection.path, query, accept=accept, doing=doing) as body:
            yield EventStream(body, self._decoder.events, doing)

    async def has_streaming_lists(self) -> bool:
        """See `ApiClient.has_streaming_lists`."""
        return await self._client.has_streaming_lists()

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        """See `ApiClient.admitted`."""
        return self._client.admitted(to_list=to_list)

    @property
    def next_attempt_at(self) -> float | None:
        """See `ApiClient.next_attempt_at`."""
        return self._client.next_attempt_at
