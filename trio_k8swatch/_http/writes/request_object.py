"""What a caller hands over to be written, as JSON text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._wire import BROKEN

__all__ = ["Patch", "Whole", "identity_of", "text_of", "whole_text_of"]

Whole: TypeAlias = Mapping[str, Any] | DynamicObject | bytes
"""An object with all its fields."""

Patch: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | DynamicObject | bytes | msgspec.Struct


class _Identity(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Head(msgspec.Struct, frozen=True):
    metadata: _Identity = _Identity()


def whole_text_of(obj: object, verb: str) -> bytes:
    """The JSON of an object with all its fields. Raises ConfigError for a projection, whose unnamed fields would be lost."""
    if isinstance(obj, (DynamicObject, bytes, Mapping)):
        return text_of(cast("Whole", obj))
    raise ConfigError(
        f"{verb}: a {type(obj).__name__} may have only some of the fields, and the others would be erased; "
        "use a dict, a DynamicObject or JSON bytes, or patch() what is to change"
    )


def text_of(obj: object) -> bytes:
    """The JSON of an object, a patch or a projection. Raises ConfigError for what has none."""
    if isinstance(obj, bytes):
        return obj
    if isinstance(obj, DynamicObject):
        return obj.raw
    try:
        return msgspec.json.encode(obj)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"a {type(obj).__name__} cannot be written as JSON: {error}") from error


def identity_of(text: bytes) -> tuple[str, str]:
    """Namespace and name that are in an object, each empty if it has none that could be read."""
    try:
        identity = msgspec.json.decode(text, type=_Head).metadata
    except BROKEN:
        # The server says better what is wrong with it.
        return "", ""
    return identity.namespace, identity.name
