"""Bodies of lists: their head, and their items, decoded at once or a few hundred at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

import msgspec

from ._errors import ProtocolError
from ._items import cut_items
from ._kinds import Kinds
from ._objects import ListMeta
from ._wire import Page

__all__ = ["BROKEN", "PageOf", "completed_page", "not_a_list", "parts_of_page"]

T = TypeVar("T")

BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not JSON, not UTF-8, not of the type, or nested a million deep."""

_PART_ITEMS: Final = 250
"""Of a large page: half a millisecond to two, so that nobody else has to wait."""


class PageOf(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """A list as it is on the wire."""

    kind: str = ""
    api_version: str = ""
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


class _KindOnly(msgspec.Struct, frozen=True):
    kind: str = ""


def completed_page(body: bytes, kinds: Kinds, decode: Callable[[bytes], T]) -> Page[T]:
    """A page whose items are given the kind and apiVersion that lists leave out, then decoded."""
    try:
        parts = list(parts_of_page(body, kinds, decode, complete=True))
    except BROKEN:
        # The cuts were wrong, or an item does not fit its type: the long way tells which.
        parts = []
    if parts:
        return Page([item for part in parts for item in part.items], parts[0].metadata)
    try:
        head = _head(body, kinds)
        items = [decode(_completed(bytes(raw), kinds.prefix)) for raw in head.items or ()]
    except BROKEN as error:
        raise not_a_list(body, error) from error
    return Page(items, head.metadata)


def parts_of_page(body: bytes, kinds: Kinds, decode: Callable[[bytes], T], *, complete: bool) -> Iterator[Page[T]]:
    """As `completed_page`, in parts to be put together, each decoded when it is asked for; none if that cannot be.

    Without `complete` items stay as they are. Raises one of `BROKEN`, at any part, where the list has to be read in one
    piece after all.
    """
    cut = cut_items(body)
    if cut is None:
        return
    head = _head(cut.rest, kinds)
    items = iter(cut.items(kinds.prefix if complete else b""))
    while part := [decode(item) for item in islice(items, _PART_ITEMS)]:
        yield Page(part, head.metadata)


def _head(body: bytes, kinds: Kinds) -> PageOf[msgspec.Raw]:
    head = msgspec.json.decode(body, type=PageOf[msgspec.Raw])
    kinds.check_list(head.kind, head.api_version, has_items=head.items is not None)
    return head


def _completed(raw: bytes, prefix: bytes) -> bytes:
    """`raw`, with `prefix` where it does not say its kind itself. Servers that say it do so at the beginning."""
    if raw.startswith((b'{"kind":', b'{"apiVersion":')) or not prefix:
        return raw
    head = msgspec.json.decode(raw, type=_KindOnly)
    return raw if head.kind else prefix + raw[1:].lstrip()


def not_a_list(body: bytes, error: Exception) -> ProtocolError:
    """The error that says so."""
    return ProtocolError(f"the body of a list ({len(body)} bytes) does not have the expected form: {error}")
