"""The values that watches and lists consist of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from trio_k8swatch._errors import Status
from trio_k8swatch._object_meta import ListMeta

__all__ = [
    "INITIAL_EVENTS_END",
    "OBJECT_EVENTS",
    "OBJECT_EVENT_OF",
    "Added",
    "Bookmark",
    "Deleted",
    "Failure",
    "Listing",
    "Modified",
    "Page",
    "WatchEvent",
    "bookmark_at",
]

T = TypeVar("T")

_PART_OBJECTS: Final = 500
"""How many objects are taken between two checkpoints: about a millisecond's worth."""

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
"""The annotation of the bookmark that ends a streaming list. Its value has to be "true": presence alone says nothing."""


class Added(msgspec.Struct, Generic[T], frozen=True, tag_field="type", tag="ADDED", gc=False):
    """The object was created, or came to match the selector."""

    type: ClassVar[Literal["ADDED"]] = "ADDED"
    object: T


class Modified(msgspec.Struct, Generic[T], frozen=True, tag_field="type", tag="MODIFIED", gc=False):
    """The object was written."""

    type: ClassVar[Literal["MODIFIED"]] = "MODIFIED"
    object: T


class Deleted(msgspec.Struct, Generic[T], frozen=True, tag_field="type", tag="DELETED", gc=False):
    """The object was deleted, or left the selector. `object` is its final state."""

    type: ClassVar[Literal["DELETED"]] = "DELETED"
    object: T


class _MarkerMeta(msgspec.Struct, frozen=True, rename="camel", gc=False):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Marker(msgspec.Struct, frozen=True, gc=False):
    metadata: _MarkerMeta | None = None


class Bookmark(msgspec.Struct, frozen=True, tag_field="type", tag="BOOKMARK", gc=False):
    """Nothing happened up to `resource_version`: a watch may be resumed from there."""

    type: ClassVar[Literal["BOOKMARK"]] = "BOOKMARK"
    object: _Marker | None = None

    @property
    def resource_version(self) -> str:
        """Empty if the server sent none; such a bookmark says nothing."""
        marker = self.object
        return marker.metadata.resource_version if marker and marker.metadata else ""

    @property
    def ends_initial_events(self) -> bool:
        """Whether a streaming list is complete with this bookmark."""
        marker = self.object
        if marker is None or marker.metadata is None:
            return False
        return (marker.metadata.annotations or {}).get(INITIAL_EVENTS_END) == "true"


class Failure(msgspec.Struct, frozen=True, tag_field="type", tag="ERROR", gc=False):
    """The server gives up the stream, and says why."""

    type: ClassVar[Literal["ERROR"]] = "ERROR"
    object: Status


OBJECT_EVENTS: Final = (Modified, Added, Deleted)
"""The events that are about an object, the most frequent first."""

OBJECT_EVENT_OF: Final[dict[str, Callable[[Any], Added[Any] | Modified[Any] | Deleted[Any]]]] = {
    event.type: event for event in OBJECT_EVENTS
}
"""By the type that the wire has; each makes an event of its object."""

WatchEvent: TypeAlias = Added[T] | Modified[T] | Deleted[T] | Bookmark | Failure
"""One line of a watch stream."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One answer to a list request, or a part of it as it came; each part has the metadata of the whole."""

    items: list[T]
    metadata: ListMeta
    body_bytes: int = 0

    def parts(self) -> Iterator[Page[T]]:
        """The same page in pieces of about a millisecond's work each."""
        if len(self.items) <= _PART_OBJECTS:
            yield self
            return
        for begin in range(0, len(self.items), _PART_OBJECTS):
            items = self.items[begin : begin + _PART_OBJECTS]
            yield Page(items, self.metadata, 0 if begin else self.body_bytes)


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """All objects of a list, all pages of it, as they were at one resourceVersion."""

    items: list[T]
    metadata: ListMeta

    @property
    def resource_version(self) -> str:
        """The version at which the whole list was read; a watch from here misses nothing."""
        return self.metadata.resource_version


def bookmark_at(resource_version: str) -> Bookmark:
    """A bookmark from a client that has decoded it itself."""
    return Bookmark(_Marker(_MarkerMeta(resource_version)))
