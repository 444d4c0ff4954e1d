"""The metadata of an object read, and its managedFields cut out of the text, in one go."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import msgspec

from trio_k8swatch._object_meta import ObjectMeta

__all__ = ["read_and_cut"]

_NAME: Final = b'"managedFields"'
"""A key with its quotes cannot stand inside a string: there they would be escaped."""

_COLON: Final = ord(":")
_COMMA: Final = ord(",")
_OPENING_BRACE: Final = ord("{")
_CLOSING_BRACE: Final = ord("}")


class _Metadata(ObjectMeta, frozen=True, rename="camel", gc=False):
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata


_decode: Final = msgspec.json.Decoder(_Object).decode
_others: Final = attrgetter(*ObjectMeta.__struct_fields__)


def read_and_cut(raw: bytes) -> tuple[ObjectMeta, bytes] | None:
    """The metadata of the object in `raw`, and `raw` without its `metadata.managedFields`, by two slices.

    None if that cannot be had so simply: the field is written in an odd way, or something else is called so, too, or the
    metadata does not fit. Raises one of msgspec's errors for what is no JSON.
    """
    try:
        found = _decode(raw).metadata
    except msgspec.ValidationError:
        return None
    metadata = ObjectMeta(*_others(found))
    value = bytes(found.managed_fields)
    if not value:
        return (metadata, raw) if raw.rfind(_NAME) < 0 else None
    begin = raw.find(_NAME)
    behind = begin + len(_NAME)
    # Without a space, as every real server writes it.
    if begin < 0 or raw[behind] != _COLON or not raw.startswith(value, behind + 1):
        return None
    end = behind + 1 + len(value)
    if raw[end] == _COMMA:
        end += 1
    elif raw[end] != _CLOSING_BRACE:
        return None
    elif raw[begin - 1] == _COMMA:
        begin -= 1
    elif raw[begin - 1] != _OPENING_BRACE:
        return None
    view = memoryview(raw)
    cut = b"".join((view[:begin], view[end:]))
    # Backwards is three times as fast in CPython.
    return (metadata, cut) if cut.rfind(_NAME, begin) < 0 else None
