"""Where the items of a list begin and end in its bytes, found without decoding them.

Where to cut is a guess, made from how the first item begins; it costs next to nothing. A guess that is wrong shows itself:
what begins where an item begins, and is whole JSON objects with commas between them, is that many items. If the last cut
was inside an item, what is before it is not whole.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["MAX_OPENING_BYTES", "ItemCutter", "Opening", "opening_of"]

_ITEMS: Final = b'"items":['
_METADATA: Final = b'"metadata":{'
_MAX_BEGINNING_BYTES: Final = 300
"""Of an item up to its metadata: kind and apiVersion at most. If it is longer, this is not a list as servers write it."""

MAX_OPENING_BYTES: Final = 64 * 1024
"""Of a list up to the metadata of its first item: mostly its continue token."""


class Opening(NamedTuple):
    """How a list begins."""

    head: bytes
    """Everything up to the bracket that opens the items."""
    beginning: bytes
    """What every item begins with, up to its metadata."""


def opening_of(body: bytes | bytearray) -> Opening | None:
    """How the list begins that `body` is the first part of; None if that cannot be determined, or not yet."""
    begin = body.find(_ITEMS) + len(_ITEMS)
    if begin < len(_ITEMS) or not body.startswith(b"{", begin):
        return None
    metadata = body.find(_METADATA, begin, begin + _MAX_BEGINNING_BYTES)
    if metadata < 0:
        return None
    return Opening(bytes(body[:begin]), bytes(body[begin : metadata + len(_METADATA)]))


class ItemCutter:
    """Cuts where something begins like the first item."""

    def __init__(self, beginning: bytes) -> None:
        self._boundary = b"}," + beginning
        self._rest: list[bytes] = []
        self.held_bytes = 0
        """How much of what was fed is not cut off yet."""

    @property
    def rest(self) -> bytes:
        """What is not cut off yet: an item that is not whole, or the last one with what follows the items."""
        return b"".join(self._rest)

    def feed(self, data: bytes) -> bytes:
        """What the body goes on with; all items up to the last boundary in there, as an array, or b"".

        A boundary that begins in one part and ends in the next is not looked for: there will be others.
        """
        end = data.rfind(self._boundary) + 1
        if not end:
            self._rest.append(data)
            self.held_bytes += len(data)
            return b""
        array = b"".join((b"[", *self._rest, memoryview(data)[:end], b"]"))
        self._rest = [data[end + 1 :]]
        self.held_bytes = len(self._rest[0])
        return array

    def items(self, array: bytes, prefix: bytes) -> list[bytes]:
        """The items of an array that was cut off, each by itself, with `prefix` in the place of its opening brace."""
        # All before any is decoded: what decoding allocates is not to lie in the gaps between them. From the end, because
        # CPython finds what is longer than a byte three times as fast backwards.
        items: list[bytes] = []
        view, boundary, end = memoryview(array), self._boundary, len(array) - len(b"]")
        while begin := array.rfind(boundary, 0, end) + 1:
            items.append(b"".join((prefix, view[begin + 2 : end])))
            end = begin
        items.append(b"".join((prefix, view[len(b"[{") : end])))
        items.reverse()
        return items
