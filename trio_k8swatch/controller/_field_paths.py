"""Fields of objects by the path that they have in YAML, whatever the objects' type."""

from __future__ import annotations

import re
import types
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._object_meta import DynamicObject

__all__ = ["FieldPath"]


class FieldPath(msgspec.Struct, frozen=True):
    """The names from the top of an object down to a field."""

    names: tuple[str, ...]

    @classmethod
    def parse(cls, path: str | tuple[str, ...]) -> FieldPath:
        """A path as users write it. Raises ConfigError for what is none."""
        names = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
        if not names or not all(names):
            raise ConfigError(f"changed({path!r}): use for example changed('spec.replicas')")
        return cls(names)

    def __str__(self) -> str:
        return ".".join(self.names)

    def value(self, obj: Any) -> Any:
        """What the object has there; None if it has nothing."""
        for name in self.names:
            if obj is None:
                return None
            if isinstance(obj, Mapping):
                obj = cast("Mapping[str, Any]", obj).get(name)
            else:
                obj = getattr(obj, _attribute(cast("Hashable", type(obj)), name), None)
        return obj

    def check(self, type_: type[Any] | None) -> None:
        """Raise ConfigError if no object of `type_` has this field. What holds any field is not refused."""
        inner: Any = type_
        for depth, name in enumerate(self.names):
            inner = _without_none(inner)
            if inner in {None, Any, DynamicObject} or not isinstance(inner, type) or issubclass(inner, Mapping):
                return
            fields = _fields(cast("Hashable", inner))
            if fields is None:
                return
            if name not in fields:
                above = ".".join(self.names[:depth]) or "the object"
                has = ", ".join(sorted(fields)) or "no fields"
                raise ConfigError(
                    f"changed({str(self)!r}): {above} ({inner.__name__}) has no field {name!r}; it has {has}"
                )
            inner = fields[name]


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in {Union, types.UnionType}:
        some = [arg for arg in get_args(hint) if arg is not type(None) and arg is not msgspec.UnsetType]
        return some[0] if len(some) == 1 else None
    return get_origin(hint) or hint


@lru_cache(maxsize=1024)
def _fields(type_: Any) -> dict[str, Any] | None:
    """The fields of a type under their names in JSON; None if it is not known what it has."""
    if issubclass(type_, msgspec.Struct):
        return {field.encode_name: field.type for field in msgspec.structs.fields(type_)}
    if type_ in {int, float, str, bool}:
        return {}
    try:
        hints = get_type_hints(type_)
    except Exception:  # noqa: BLE001 - annotations of others may be anything
        return None
    return {_camel(name): hint for name, hint in hints.items()} | hints or None


@lru_cache(maxsize=4096)
def _attribute(type_: Any, name: str) -> str:
    """What a field is called in Python."""
    if issubclass(type_, msgspec.Struct):
        for field in msgspec.structs.fields(type_):
            if field.encode_name == name:
                return field.name
    return name if hasattr(type_, name) else _snake(name) if hasattr(type_, _snake(name)) else name


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda letter: f"_{letter[1].lower()}", name)
