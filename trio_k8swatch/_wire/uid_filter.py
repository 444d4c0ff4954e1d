"""Whose event or item some bytes are, by uid, found before they are decoded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

__all__ = ["UidFilter"]

_MOST_HEAD_BYTES: Final = 1024
_HEAD: Final = re.compile(
    rb'\{"type":"(?:ADDED|MODIFIED|DELETED)","object":\{(?:"kind":"[^"\\]*",)?(?:"apiVersion":"[^"\\]*",)?(?:"kind":"[^"\\]*",)?'
    rb'"metadata":\{"name":"[^"\\]*",(?:"generateName":"[^"\\]*",)?(?:"namespace":"[^"\\]*",)?"uid":"([^"\\]*)"'
)
"""How Kubernetes writes an event of a built-in type: with nothing before the uid that holds anything else."""


class _Meta(msgspec.Struct, frozen=True, gc=False):
    uid: str = ""


class _Item(msgspec.Struct, frozen=True, gc=False):
    metadata: _Meta = _Meta()


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    object: _Item = _Item()


class UidFilter:
    """Says of bytes whether they are to be decoded, as `keep` says of the uid. What is not about one object is."""

    def __init__(self, keep: Callable[[bytes], bool]) -> None:
        self._keep = keep
        self._event = msgspec.json.Decoder(_Event).decode
        self._item = msgspec.json.Decoder(_Item).decode

    def keeps_line(self, buffer: bytes | bytearray, begin: int, end: int) -> bool:
        """Whether an event is to be decoded. One that makes no sense is: its decoder says so."""
        head = _HEAD.match(buffer, begin, min(end, begin + _MOST_HEAD_BYTES))
        if head is not None:
            return self._keep(head[1])
        try:
            event = self._event(buffer[begin:end])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return True
        return event.type not in {"ADDED", "MODIFIED", "DELETED"} or self._keep(event.object.metadata.uid.encode())

    def keeps_item(self, raw: bytes) -> bool:
        """Whether an item of a list is to be decoded. Raises what msgspec raises if it is no whole JSON object."""
        return self._keep(self._item(raw).metadata.uid.encode())
