"""What a watch needs of a client, and how anyone's client becomes that."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, Generic, Protocol, TypeGuard, TypeVar, cast, runtime_checkable

import msgspec

from trio_k8swatch._errors import ProtocolError, Status
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta, Metadata, MetadataOf, metadata_from, metadata_of
from trio_k8swatch._pager import take_in_parts
from trio_k8swatch._wire import OBJECT_EVENT_OF, OBJECT_EVENTS, Bookmark, Failure, Page, WatchEvent, bookmark_at

__all__ = [
    "Accessors",
    "Client",
    "Events",
    "ForeignListWatcher",
    "Gated",
    "ListWatcher",
    "Renewable",
    "WrappedListWatcher",
    "bytes_of",
]

T = TypeVar("T")


@runtime_checkable
class Client(Protocol):
    """What `open_watch` needs of a client: `Resource` is one; any other will do, with `Accessors` if its objects look different.

    Both calls raise a `K8sWatchError` for what should be tried again; any other exception ends the watch.
    """

    async def list(self, options: ListOptions, /) -> Any:
        """Everything, all pages, read at one version; `options.resource_version` says how old it may be."""
        ...

    def watch(self, options: ListOptions, /) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """The events after `options.resource_version`, until the server ends the stream.

        An event is one of this library's, or anything with `type` and `object`, as attributes, keys or a pair.
        """
        ...


class Accessors(msgspec.Struct, Generic[T], frozen=True):
    """Glue for a `Client` whose lists or objects are not those of this library."""

    items: Callable[[Any], Iterable[T]]
    """From what `list` returns to the objects. They are the store's from then on."""
    resource_version: Callable[[Any], str]
    """From what `list` returns to the version at which it was read."""
    metadata: Callable[[T], Metadata | Mapping[str, Any]]
    """From an object to its metadata: with attributes as `ObjectMeta`, or a dict as in JSON."""


class Events(Protocol[T]):
    """One open watch."""

    async def receive(self) -> Iterator[WatchEvent[T]] | None:
        """Wait for something to come: the events that are complete with it, perhaps none. None at the end."""
        ...


def bytes_of(events: object) -> int:
    """How many bytes of a body have come with `events` (`body_bytes`, which is optional); 0 if they do not know."""
    # With every read of a streaming list: a Protocol that is checked at run time would cost as much as its events.
    size: int = getattr(events, "body_bytes", 0)
    return size


@runtime_checkable
class ListWatcher(Protocol[T]):
    """What the watcher works with."""

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object], /) -> ListMeta:
        """Read one page of a list, handing it to `take` in parts as it comes, in order. Its metadata."""
        ...

    def watch(self, options: ListOptions, /) -> AbstractAsyncContextManager[Events[T]]:
        """One watch request."""
        ...

    async def prefers_streaming_lists(self) -> bool:
        """Whether a watch that begins with everything there is is better than pages."""
        ...


@runtime_checkable
class Gated(Protocol):
    """A list-watcher whose client knows when the server may be asked, for all watches together. Optional."""

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        """Wait until this watch may send a request, or read a list until the end of the block.

        Raises Unavailable when the server turns out to be unreachable while this waits.
        """
        ...

    @property
    def next_attempt_at(self) -> float | None:
        """When the server is asked again; None if it may be asked now."""
        ...


@runtime_checkable
class Renewable(Protocol):
    """A list-watcher whose client can see that there are new credentials. Optional."""

    async def has_new_credentials(self) -> bool:
        """Whether there are others than the server has last refused, as far as that can be seen."""
        ...


class WrappedListWatcher(Generic[T]):
    """What every list-watcher around another has of that one: its name, and its gate if it has one."""

    def __init__(self, list_watcher: ListWatcher[T]) -> None:
        self._list_watcher = list_watcher

    def __repr__(self) -> str:
        return repr(self._list_watcher)

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        """See `Gated`. At once, if the list-watcher inside has no client that knows when the server may be asked."""
        inside = self._list_watcher
        return inside.admitted(to_list=to_list) if isinstance(inside, Gated) else nullcontext()

    async def has_new_credentials(self) -> bool:
        """See `Renewable`. Never, if the list-watcher inside cannot see it."""
        inside = self._list_watcher
        return isinstance(inside, Renewable) and await inside.has_new_credentials()

    @property
    def next_attempt_at(self) -> float | None:
        """See `Gated`."""
        inside = self._list_watcher
        return inside.next_attempt_at if isinstance(inside, Gated) else None


class ForeignListWatcher(Generic[T]):
    """Someone else's client as a source."""

    def __init__(self, client: Client, accessors: Accessors[T] | None) -> None:
        self._client = client
        self._accessors = accessors or _DEFAULT

    @property
    def metadata(self) -> MetadataOf:
        """How to get at an object's metadata."""
        return self._metadata

    def _metadata(self, obj: Any) -> Metadata:
        found = self._accessors.metadata(obj)
        # The accessor of a client whose objects are dicts gives a part of them.
        return metadata_from(found) if isinstance(found, Mapping) else found

    async def page(self, options: ListOptions, take: Callable[[Page[T]], object]) -> ListMeta:
        """All of it: paging is the client's business."""
        with lone_exception():
            listing = await self._client.list(options)
        accessors = cast("Accessors[T]", self._accessors)
        metadata = ListMeta(resource_version=accessors.resource_version(listing))
        await take_in_parts(Page([*accessors.items(listing)], metadata).parts(), take)
        return metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[Events[T]]:
        """The client's stream."""
        # Clients with a nursery round their stream would hand back what we raise in a group.
        with lone_exception(), lone_exception():
            async with self._client.watch(options) as events:
                yield _ForeignEvents(aiter(events), self._metadata)

    async def prefers_streaming_lists(self) -> bool:
        """Nothing is known of it."""
        return False

    def __repr__(self) -> str:
        return repr(self._client)


class _ForeignEvents(Generic[T]):
    def __init__(self, events: AsyncIterator[Any], metadata: MetadataOf) -> None:
        self._events = events
        self._metadata = metadata

    async def receive(self) -> Iterator[WatchEvent[T]] | None:
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            return None
        return iter((_own_event(event, self._metadata),))


def _own_event(event: Any, metadata: MetadataOf) -> WatchEvent[Any]:
    """`event` as one of ours."""
    if _is_own(event):
        return event
    type_, obj = _type_and_object(event)
    if type_ in OBJECT_EVENT_OF:
        return OBJECT_EVENT_OF[type_](obj)
    if type_ == "BOOKMARK":
        return bookmark_at(metadata(obj).resource_version)
    if type_ == "ERROR":
        try:
            return Failure(msgspec.convert(obj, Status, from_attributes=True))
        except msgspec.ValidationError as error:
            raise ProtocolError(f"an ERROR event holds no Status: {error}") from error
    raise ProtocolError(f"an event of unknown type {type_!r}")


def _is_own(event: Any) -> TypeGuard[WatchEvent[Any]]:
    return isinstance(event, (*OBJECT_EVENTS, Bookmark, Failure))


def _type_and_object(event: Any) -> tuple[str, Any]:
    if isinstance(event, tuple):
        pair = cast("tuple[Any, Any]", event)
    elif isinstance(event, Mapping):
        keys = cast("Mapping[str, Any]", event)
        pair = keys["type"], keys["object"]
    else:
        pair = event.type, event.object
    type_, obj = pair
    return str(getattr(type_, "value", type_)), obj


def _items(listing: Any) -> Iterable[Any]:
    return cast("Iterable[Any]", listing["items"] if isinstance(listing, Mapping) else listing.items)


def _resource_version(listing: Any) -> str:
    if isinstance(listing, Mapping):
        return cast("str", listing["metadata"]["resourceVersion"])
    return cast("str", listing.metadata.resource_version)


_DEFAULT: Final[Accessors[Any]] = Accessors(_items, _resource_version, metadata_of)
