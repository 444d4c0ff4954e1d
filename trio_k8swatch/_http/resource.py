"""One collection of objects on the server: its lists and its watches."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar, overload

import msgspec
from msgspec.structs import replace

from trio_k8swatch._errors import ProtocolError, Unavailable
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import DynamicObject, ListMeta, Metadata
from trio_k8swatch._pager import list_pages, take_in_parts
from trio_k8swatch._wire import Decoder, Lines, LineSplitter, Listing, Page, UidFilter, WatchEvent, decoder_for

from .collection import Collection
from .requests import located, located_error
from .response_body import Body
from .writes.call import Call
from .writes.finalizers import add_finalizer, checked_finalizer, remove_finalizer
from .writes.verbs import Sender, Verbs, kind_of
from .writes.write_options import Propagation, delete_options, patch_content_type, write_query

__all__ = ["EventStream", "Resource", "beside"]

T = TypeVar("T")
S = TypeVar("S")


class Server(Sender, Protocol):
    """What a resource needs of its client (`ApiClient`)."""

    async def read(
        self, path: str, query: dict[str, str], *, accept: str, doing: str, take: Callable[[bytes], object]
    ) -> None: ...

    def stream(
        self, path: str, query: dict[str, str], *, accept: str, doing: str, begins_with_list: bool = False
    ) -> AbstractAsyncContextManager[Body]: ...

    async def prefers_streaming_lists(self) -> bool: ...

    async def has_new_credentials(self) -> bool: ...

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
        self.body_bytes: int = 0
        """What came so far, decompressed."""
        self._ready: Iterator[WatchEvent[T]] = iter(())

    async def receive(self) -> Iterator[WatchEvent[T]] | None:
        """Wait for bytes; the events that are complete with them, perhaps none. None when the server has ended it.

        Events are decoded as the iterator is moved on, which raises ProtocolError at the first that makes no sense.
        Raises Unavailable if the stream is cut.
        """
        try:
            data = await self._body.read()
        except Unavailable as error:
            raise located_error(error, self._doing) from error
        if data is None:
            return None
        self.body_bytes += len(data)
        return self._events(data)

    def _events(self, data: bytes) -> Iterator[WatchEvent[T]]:
        try:
            yield from chain.from_iterable(map(self._decode, self._lines.feed(data)))
        except ProtocolError as error:
            raise located_error(error, self._doing) from error

    async def __anext__(self) -> WatchEvent[T]:
        """The next event; StopAsyncIteration when the server has ended the watch. Errors as `receive`."""
        while (event := next(self._ready, None)) is None:
            received = await self.receive()
            if received is None:
                raise StopAsyncIteration
            self._ready = received
        return event


class Resource(Verbs[T]):
    """One collection of objects on the server (`ApiClient.resource`). Satisfies `Client`.

    Lists and watches read it; the verbs read and write single objects, each with one request.
    """

    def __init__(
        self,
        client: Server,
        collection: Collection,
        type_: type[T],
        drop: Iterable[str] = (),
        *,
        decoder: Decoder[T] | None = None,
    ) -> None:
        super().__init__(client, collection, decoder or decoder_for(type_, collection.api_version, drop))
        self._client = client
        self.type: builtins.type[T] = type_

    def __repr__(self) -> str:
        return f"<Resource {self.collection}>"

    def in_namespace(self, namespace: str) -> Resource[T]:
        """The same resource in one namespace. No request is made. Raises ConfigError for what cannot be a namespace."""
        collection = replace(self.collection, namespace=namespace)
        return Resource(self._client, collection, self.type, decoder=self._decoder)

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

    async def page(
        self, options: ListOptions, take: Callable[[Page[T]], object], *, keep: UidFilter | None = None
    ) -> ListMeta:
        """Read one page, handing it to `take` in parts as it comes; its metadata, whose token says where the next begins.

        Items that `keep` leaves out are not decoded. Errors as `list`, Expired for an old token, and then what was taken is void.
        """
        doing = f"list {self.collection}"
        reader = self._decoder.page_decoder(keep)
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
    async def watch(
        self, options: ListOptions | None = None, *, keep: UidFilter | None = None
    ) -> AsyncGenerator[EventStream[T]]:
        """One watch request: `async with resource.watch(options) as events: async for event in events: ...`.

        From `options.resource_version` until the server ends it, after `options.timeout_seconds` at the latest. Leave it
        wherever you like. There are no retries, and silence has no limit: for that there is `open_watch`. Raises ApiError
        when the request is refused; an ERROR event is an event, and the last of its stream. `keep` is for shards.
        """
        doing = f"watch {self.collection}"
        options = options or ListOptions()
        query, accept, streams = options.watch_query(), self._decoder.accept_watch, options.send_initial_events
        async with self._client.stream(
            self.collection.path, query, accept=accept, doing=doing, begins_with_list=streams
        ) as body:
            decode = self._decoder.events if keep is None else partial(self._decoder.events, keep=keep)
            yield EventStream(body, decode, doing)

    # Writing, beyond single verbs

    async def delete_all(
        self,
        options: ListOptions | None = None,
        *,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> tuple[T, ...]:
        """Delete all objects that the selectors of `options` choose, in this namespace; what the server says it deleted.

        Without selectors: all of them. The server deletes one after the other, so an error may leave some deleted. A
        resource of all namespaces has this only if its objects have none: else Unsupported.
        """
        chosen = options or ListOptions()
        query = {**replace(chosen, page_size=None).list_query(), **write_query(dry_run=dry_run)}
        body = delete_options(propagation=propagation, grace_seconds=grace_seconds, dry_run=dry_run)
        doing = f"deletecollection {self.collection}"
        text = await self._client.ask(
            Call(
                "DELETE",
                self.collection.path,
                "deletecollection",
                doing,
                self._decoder.accept_list,
                query,
                msgspec.json.encode(body) if body else None,
            )
        )
        if kind_of(text, doing) == "Status":
            return ()
        items: list[T] = []
        reader = self._decoder.page_decoder()
        with located(doing):
            if (part := reader.feed(text)) is not None:
                items.extend(part.items)
            await take_in_parts(reader.finish().parts(), lambda rest: items.extend(rest.items))
        return tuple(items)

    @overload
    def subresource(self, name: str) -> Verbs[DynamicObject]: ...
    @overload
    def subresource(self, name: str, *, type: type[S]) -> Verbs[S]: ...
    def subresource(self, name: str, *, type: Any = DynamicObject) -> Verbs[Any]:
        """The verbs for `status`, `scale`, `eviction`, `binding`, `token` … of single objects.

        `subresource("scale").patch("web", {"spec": {"replicas": 3}})`; what is created of an object needs its name:
        `subresource("eviction").create({...}, name="web-0")`. Answers become `type`: for
        `status` that may be the type of the resource.
        """
        # Another kind than that of the collection, from another API group perhaps.
        return Verbs(self._client, self.collection, decoder_for(type, self.collection.api_version), name)

    async def add_finalizer(self, obj: T, finalizer: str) -> T:
        """Make sure that this very object has `finalizer`, whoever else writes to it meanwhile; the object as it then is.

        Raises NotFound if it is gone, and what the server has against it: one that is being deleted takes no more.
        """
        doing, read, patch, uid = self._finalizing(obj, "add", checked_finalizer(finalizer))
        return self._decoder.object(await add_finalizer(read, patch, uid, finalizer, doing), doing)

    async def remove_finalizer(self, obj: T, finalizer: str) -> T | None:
        """Make sure that this very object does not have `finalizer`; the object as it then is, or None if it is gone.

        The last finalizer of an object that is being deleted takes it away: the answer is then its last state.
        """
        doing, read, patch, uid = self._finalizing(obj, "remove", finalizer)
        text = await remove_finalizer(read, patch, uid, finalizer, doing)
        return None if text is None else self._decoder.object(text, doing)

    def _finalizing(
        self, obj: T, what: str, finalizer: str
    ) -> tuple[str, Callable[[], Awaitable[bytes]], Callable[[bytes], Awaitable[bytes]], str]:
        meta: Metadata = self.metadata(obj)
        namespace = meta.namespace or None

        async def patch(text: bytes) -> bytes:
            media = patch_content_type("merge")
            return await self._client.ask(self._call("patch", "PATCH", meta.name, namespace, {}, text, media))

        async def read() -> bytes:
            return await self._client.ask(self._call("get", "GET", meta.name, namespace))

        return f"{what} finalizer {finalizer} of {meta.name} of {self.collection}", read, patch, meta.uid

    async def prefers_streaming_lists(self) -> bool:
        """See `ApiClient.prefers_streaming_lists`."""
        return await self._client.prefers_streaming_lists()

    async def has_new_credentials(self) -> bool:
        """See `ApiClient.has_new_credentials`."""
        return await self._client.has_new_credentials()

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        """See `ApiClient.admitted`."""
        return self._client.admitted(to_list=to_list)

    @property
    def next_attempt_at(self) -> float | None:
        """See `ApiClient.next_attempt_at`."""
        return self._client.next_attempt_at


def beside(resource: Resource[Any], api_version: str, plural: str, type_: type[S]) -> Resource[S]:
    """Another resource of the same server, in all namespaces."""
    client: Server = resource._client  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the class is in this file
    return Resource(client, Collection(api_version, plural), type_)
