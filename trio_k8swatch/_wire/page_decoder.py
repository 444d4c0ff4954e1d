"""Bodies of lists decoded while they arrive, part by part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from trio_k8swatch._errors import ProtocolError
from trio_k8swatch._object_meta import ListMeta

from .event_types import Page
from .expected_kind import Kinds
from .item_boundaries import MAX_OPENING_BYTES, ItemCutter, opening_of
from .nulls import tolerating_nulls
from .uid_filter import UidFilter

__all__ = ["BROKEN", "PageDecoder"]

T = TypeVar("T")

BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not JSON, not UTF-8, not of the type, or nested a million deep."""


MAX_HELD_BYTES: Final = 256 * 1024 * 1024
"""Of a body, that may be kept undecoded: the largest lists in one piece have some tens of megabytes (R14)."""


class _List(msgspec.Struct, frozen=True, rename="camel"):
    """A list as it is on the wire."""

    kind: str | None = None
    api_version: str | None = None
    metadata: ListMeta | None = None
    items: list[msgspec.Raw] | None = None


class _KindOnly(msgspec.Struct, frozen=True):
    kind: str = ""


class PageDecoder(Generic[T]):
    """Reads one body of a list: `feed` it what comes, then `finish`. The page comes out of these, in parts.

    Items are cut out by guessing, and decoded at once. From the first cut on that was wrong, and with bodies whose form gives
    nothing to guess from, everything is kept, and read when it is complete.

    Without `decode_array`, items are given the kind and apiVersion that lists leave out before they are decoded, each by
    itself. All errors are ProtocolError, and quote no contents.
    """

    def __init__(
        self,
        kinds: Kinds,
        decode: Callable[[bytes], T],
        decode_array: Callable[[bytes], list[T]] | None,
        keep: UidFilter | None = None,
    ) -> None:
        self._keep = keep
        self._kinds = kinds
        self._decode = decode
        self._decode_array = decode_array
        self._body_bytes = 0
        # Decoded, counted, and not given out yet.
        self._items: list[T] = []
        self._new_bytes = 0
        # What the head says already, if that is enough for giving out items.
        self._metadata: ListMeta | None = None
        self._may_guess = True
        self._cutter: ItemCutter | None = None
        # Once items were cut out: the body up to them, and what to put in the place of their opening braces.
        self._head = b""
        self._prefix = b"{"
        # Of the body, without head and items, what no cutter has.
        self._rest = bytearray()

    def feed(self, data: bytes) -> Page[T] | None:
        """The body goes on with `data`. What is whole of the page with that, and was not given out before.

        None if that is nothing, or the page's version is not known yet. Raises ProtocolError if this turns out to be no list
        of this kind, or goes on for ever.
        """
        self._body_bytes += len(data)
        self._new_bytes += len(data)
        if self._cutter is None:
            self._rest += data
            data = self._guess() if self._may_guess else b""
        if self._cutter is not None:
            array = self._cutter.feed(data)
            try:
                self._take(self._cutter, array)
            except BROKEN:
                self._rest += b",".join((array[1:-1], self._cutter.rest))
                self._cutter = None
        if len(self._rest) + (self._cutter.held_bytes if self._cutter else 0) > MAX_HELD_BYTES:
            raise ProtocolError(f"{MAX_HELD_BYTES} bytes of a list came, and no item that can be read")
        return self._part(self._metadata) if self._items and self._metadata is not None else None

    def finish(self) -> Page[T]:
        """The body is complete: what was not given out of the page, perhaps nothing."""
        if self._cutter is not None:
            rest = self._cutter.rest
            end = rest.rfind(b"}]") + 1
            try:
                metadata, others = self._parsed(self._head + rest[end:])
                # If there are items behind it, that was not the end of them.
                if end and not others:
                    self._take(self._cutter, b"[%b]" % rest[:end])
                    return self._part(metadata)
            except BROKEN:
                pass
            self._rest += rest
        try:
            metadata, items = self._parsed(self._head + self._rest)
            for raw in items or ():
                if self._keep is None or self._keep.keeps_item(bytes(raw)):
                    self._items.append(tolerating_nulls(self._decode, self._completed(bytes(raw))))
        except BROKEN as error:
            message = f"the body of a list ({self._body_bytes} bytes) does not have the expected form: {error}"
            raise ProtocolError(message) from error
        return self._part(metadata)

    def _part(self, metadata: ListMeta) -> Page[T]:
        part = Page(self._items, metadata, self._new_bytes)
        self._items, self._new_bytes = [], 0
        return part

    def _guess(self) -> bytes:
        """Find out how to cut out the items; what is there of them. b"" if that cannot be, or not yet."""
        opening = opening_of(self._rest)
        self._may_guess = opening is None and len(self._rest) < MAX_OPENING_BYTES
        if opening is None:
            return b""
        try:
            # Which fails, too, if these are the items of something further inside.
            metadata, items = self._parsed(opening.head + b"]}")
        except BROKEN:
            return b""
        if items is None:
            return b""
        self._metadata = metadata if metadata.resource_version else None
        if self._decode_array is None and b'"kind":' not in opening.beginning:
            if not self._kinds.prefix:
                return b""
            self._prefix = self._kinds.prefix
        self._head = opening.head
        self._cutter = ItemCutter(opening.beginning)
        begun = bytes(self._rest[len(self._head) :])
        self._rest.clear()
        return begun

    def _take(self, cutter: ItemCutter, array: bytes) -> None:
        if not array:
            return
        if self._keep is not None:
            # All are looked at before any is taken: if one was cut wrongly, none is.
            items = [item for item in cutter.items(array, self._prefix) if self._keep.keeps_item(item)]
            self._items += [self._decode(item) for item in items]
        elif self._decode_array is not None:
            self._items += self._decode_array(array)
        else:
            self._items += [self._decode(item) for item in cutter.items(array, self._prefix)]

    def _parsed(self, text: bytes | bytearray) -> tuple[ListMeta, list[msgspec.Raw] | None]:
        """What a list says of itself, and its items if it has any."""
        found = msgspec.json.decode(text, type=_List)
        self._kinds.check_list(found.kind or "", found.api_version or "", has_items=found.items is not None)
        return found.metadata or ListMeta(), found.items

    def _completed(self, raw: bytes) -> bytes:
        """`raw`, with kind and apiVersion where it does not say them. Servers that say them do so at the beginning."""
        if self._decode_array is not None or raw.startswith((b'{"kind":', b'{"apiVersion":')):
            return raw
        prefix = self._kinds.prefix
        return raw if not prefix or msgspec.json.decode(raw, type=_KindOnly).kind else prefix + raw[1:].lstrip()
