"""Which object an event is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._object_meta import DynamicObject, metadata_of

__all__ = ["ObjectReference", "reference_to"]


class ObjectReference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`core/v1.ObjectReference`."""

    kind: str
    api_version: str
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


def reference_to(obj: Any, kind: str | None, api_version: str | None) -> ObjectReference:
    """The reference to an object of any type. Raises ConfigError, or ProtocolError, if it does not say what it is."""
    own_kind, own_version = _type_of(obj)
    kind, api_version = kind or own_kind, api_version or own_version
    meta = metadata_of(obj)
    name, namespace, uid, version = (
        _text(getattr(meta, fact, "")) for fact in ("name", "namespace", "uid", "resource_version")
    )
    if not (kind and api_version and name):
        raise ConfigError(
            f"event: a {type(obj).__name__} does not say its kind, apiVersion and name: use kind=… and api_version=…"
        )
    return ObjectReference(kind, api_version, name, namespace, uid, version)


def _type_of(obj: Any) -> tuple[str, str]:
    if isinstance(obj, DynamicObject):
        return obj.kind, obj.api_version
    if isinstance(obj, Mapping):
        fields = cast("Mapping[str, Any]", obj)
        return _text(fields.get("kind")), _text(fields.get("apiVersion"))
    return _text(getattr(obj, "kind", "")), _text(getattr(obj, "api_version", "") or getattr(obj, "apiVersion", ""))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
