"""The items of a list, cut out of its body without reading it twice.

Rule 1: where the cuts are is a guess, made from how the first item begins; it costs next to nothing.
Rule 2: a guess that is wrong shows itself. Every piece has to be one whole JSON object, and the pieces with the commas
between them are the list: if one cut were inside an item, the pieces on both sides of it would not be whole.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["Cut", "cut_items"]

_ITEMS: Final = b'"items":['
_METADATA: Final = b'"metadata":{'
_MAX_BEGINNING_BYTES: Final = 300
"""Of an item up to its metadata: kind and apiVersion at most. If it is longer, this is not a list as servers write it."""


class Cut(NamedTuple):
    """A list in pieces."""

    rest: bytes
    """The body without its items."""
    beginning: bytes
    """What every item begins with, up to its metadata."""
    ends: list[bytes]
    """How each of them goes on; all but the last without their last brace."""

    def items(self, prefix: bytes) -> list[bytes]:
        """The items as bytes of their own, with `prefix` for a beginning that does not say the kind."""
        beginning = self.beginning
        if b'"kind":' not in beginning and prefix:
            beginning = prefix + beginning[1:]
        *others, last = self.ends
        return [*(b"".join((beginning, end, b"}")) for end in others), beginning + last]


def cut_items(body: bytes) -> Cut | None:
    """Where the items of `body` probably are; None if that cannot be told.

    Whoever decodes them has to take any failure to decode for a wrong guess, and read the body in another way.
    """
    begin = body.find(_ITEMS)
    end = body.rfind(b"}]") + 1
    if begin < 0 or not end:
        return None
    begin += len(_ITEMS)
    metadata = body.find(_METADATA, begin, begin + _MAX_BEGINNING_BYTES)
    if metadata < 0 or not body.startswith(b"{", begin):
        return None
    beginning = body[begin : metadata + len(_METADATA)]
    return Cut(body[:begin] + body[end:], beginning, body[begin + len(beginning) : end].split(b"}," + beginning))
