"""Shard selectors (KEP-5866): text in, predicate out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from trio_k8swatch.testing._http.statuses import bad_request
from trio_k8swatch.testing._json import Object

from .selectors import Predicate

__all__ = ["shard_selector"]

_RANGE: Final = re.compile(
    r"\s*shardRange\(\s*object\.metadata\.(uid|namespace)\s*,\s*'(0x[0-9a-f]{1,17})'\s*,\s*'(0x[0-9a-f]{1,17})'\s*\)\s*"
)
_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3


def _hash(text: str) -> int:
    value = _OFFSET
    for byte in text.encode():
        value = (value ^ byte) * _PRIME % 2**64
    return value


def shard_selector(text: str) -> Predicate | None:
    """A predicate for `shardRange(object.metadata.uid, '0x0', '0x8') || …`; None if it selects everything."""
    if not text:
        return None
    matches = [_RANGE.fullmatch(part) for part in text.split("||")]
    ranges = [(int(match[2], 16), int(match[3], 16)) for match in matches if match is not None]
    fields = {match[1] for match in matches if match is not None}
    if len(ranges) < len(matches) or len(fields) != 1 or any(begin >= end for begin, end in ranges):
        raise bad_request(f"invalid shard selector: {text!r}")
    return _in_ranges(fields.pop(), ranges)


def _in_ranges(field: str, ranges: list[tuple[int, int]]) -> Callable[[Object], bool]:
    def matches(obj: Object) -> bool:
        hashed = _hash(str(obj["metadata"].get(field) or ""))
        return any(begin <= hashed < end for begin, end in ranges)

    return matches
