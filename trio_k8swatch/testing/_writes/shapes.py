"""What kind of value stands at a field: one value, fields of their own, or items that are identified by keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, is_object
from trio_k8swatch.testing._schema import Field, fields_of, is_atomic, type_of, zero

_SCALARS: Final = {
    **dict.fromkeys("sy", "string"),
    **dict.fromkeys("iln", "numeric"),
    **dict.fromkeys("qxtm", "any scalar"),
    "b": "boolean",
}
_TYPES: Final = {
    "object": "map",
    "array": "list",
    "string": "string",
    "integer": "numeric",
    "number": "numeric",
    "boolean": "boolean",
}


class Shape(Protocol):
    """A place in an object of some kind.

    `atomic`: whoever sets it sets all of it. `keys`: which fields identify the items of a list. `is_set`: the
    items of a list identify themselves. `written`: it is there although nobody set it. `expects`: what stands
    there, `map`, `list`, `string`, `numeric`, `boolean` or `any scalar`; empty where that is not known.
    `declares`: whether a field is one of its type, and not a key of a map.
    """

    @property
    def atomic(self) -> bool: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def is_set(self) -> bool: ...
    @property
    def written(self) -> bool: ...
    @property
    def expects(self) -> str: ...
    def knows(self, name: str) -> bool: ...
    def declares(self, name: str) -> bool: ...
    def child(self, name: str) -> Shape: ...
    def item(self) -> Shape: ...
    def key_default(self, key: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Free:
    """A place of which no schema says anything: objects have fields, lists are atomic."""

    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    written: bool = False
    expects: str = ""

    def knows(self, name: str) -> bool:
        return True

    def declares(self, name: str) -> bool:
        return False

    def child(self, name: str) -> Shape:
        return FREE

    def item(self) -> Shape:
        return FREE

    def key_default(self, key: str) -> Any:
        return None


FREE: Final = Free()
SCALAR: Final = Free(atomic=True)


class BuiltIn:
    """A place in an object of a built-in type. One is made for each field of a type, and kept with it."""

    __slots__ = ("atomic", "field", "is_set", "keys", "written")

    def __init__(self, field: Field) -> None:
        self.field = field
        self.keys: tuple[str, ...] = field.keys
        self.is_set: bool = field.is_set
        self.written: bool = field.zero or field.written
        self.atomic: bool = field.atomic or not field.is_object or is_atomic(field.type)
        if field.container == "[":
            self.atomic = not field.keys and not field.is_set
        elif field.container == "{":
            self.atomic = field.atomic

    @property
    def is_struct(self) -> bool:
        """Whether an object of a type stands there, with fields that have owners of their own."""
        return self.field.is_object and not self.field.container and not self.atomic

    @property
    def expects(self) -> str:
        if self.field.container:
            return "list" if self.field.container == "[" else "map"
        return "map" if self.field.is_object else _SCALARS.get(self.field.type, "")

    def knows(self, name: str) -> bool:
        return bool(self.field.container) or not self.field.is_object or name in fields_of(self.field.type)

    def declares(self, name: str) -> bool:
        return not self.field.container and self.field.is_object and name in fields_of(self.field.type)

    def child(self, name: str) -> Shape:
        if self.field.container == "{":
            return self.item()
        return _shapes(self.field.type).get(name, FREE) if self.field.is_object else FREE

    def item(self) -> Shape:
        return _item(self.field.type)

    def key_default(self, key: str) -> Any:
        field = fields_of(self.field.type).get(key) if self.field.is_object else None
        if field is None or field.default is not None:
            return field.default if field is not None else None
        # What is always written is there, and empty, where nobody said it.
        return zero(field.type) if field.written else None


@cache
def _shapes(type_name: str) -> dict[str, BuiltIn]:
    return {name: BuiltIn(field) for name, field in fields_of(type_name).items()}


@cache
def _item(type_name: str) -> BuiltIn:
    return BuiltIn(Field("", type_name))


@dataclass(frozen=True, slots=True)
class Structural:
    """A place in a custom object, by the schema of its definition."""

    schema: Object
    written: bool = False

    @property
    def atomic(self) -> bool:
        schema = self.schema
        if schema.get("type") == "array":
            return bool(schema.get("x-kubernetes-list-type", "atomic") == "atomic")
        if schema.get("x-kubernetes-map-type") == "atomic":
            return True
        return schema.get("type") in {"string", "integer", "number", "boolean"}

    @property
    def expects(self) -> str:
        return _TYPES.get(str(self.schema.get("type") or ""), "")

    def knows(self, name: str) -> bool:
        schema = self.schema
        if schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties"):
            return True
        properties: object = schema.get("properties")
        return name in properties if is_object(properties) else self.expects != "map"

    def declares(self, name: str) -> bool:
        properties: object = self.schema.get("properties")
        return is_object(properties) and name in properties

    @property
    def keys(self) -> tuple[str, ...]:
        if self.schema.get("x-kubernetes-list-type") != "map":
            return ()
        return tuple(self.schema.get("x-kubernetes-list-map-keys") or ())

    @property
    def is_set(self) -> bool:
        return self.schema.get("x-kubernetes-list-type") == "set"

    def child(self, name: str) -> Shape:
        properties: object = self.schema.get("properties")
        if is_object(properties) and is_object(properties.get(name)):
            return Structural(cast("Object", properties[name]))
        additional: object = self.schema.get("additionalProperties")
        return Structural(additional) if is_object(additional) else FREE

    def item(self) -> Shape:
        items: object = self.schema.get("items")
        return Structural(items) if is_object(items) else FREE

    def key_default(self, key: str) -> Any:
        properties: object = cast("Object", self.schema.get("items") or {}).get("properties")
        return cast("Object", properties[key]).get("default") if is_object(properties) and key in properties else None


METADATA: Final[Shape] = BuiltIn(Field("", "meta.v1.ObjectMeta", zero=True))


@dataclass(frozen=True, slots=True)
class _Custom(Structural):
    """A custom object as a whole: its metadata are those of the API."""

    def knows(self, name: str) -> bool:
        return not self.schema or name in {"apiVersion", "kind", "metadata"} or Structural.knows(self, name)

    def declares(self, name: str) -> bool:
        return name == "metadata" or Structural.declares(self, name)

    def child(self, name: str) -> Shape:
        return METADATA if name == "metadata" else Structural.child(self, name)


def shape_of(kind: ResourceType) -> Shape:
    """The shape of whole objects of a kind."""
    built_in = type_of(kind.api_version, kind.kind)
    if built_in is not None and not kind.custom:
        return _item(built_in)
    return _Custom(kind.schema or {})
