"""The schemas in an OpenAPI v3 document: built-in kinds from the table of types, custom ones from their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from trio_k8swatch.testing._json import Object, copied
from trio_k8swatch.testing._schema import Field, fields_of, is_atomic, type_of

from .resource_types import ResourceType

_TYPES: Final[dict[str, Object]] = {
    "s": {"type": "string"},
    "y": {"type": "string", "format": "byte"},
    "i": {"type": "integer", "format": "int32"},
    "l": {"type": "integer", "format": "int64"},
    "b": {"type": "boolean"},
    "n": {"type": "number", "format": "double"},
    "*": {"x-kubernetes-preserve-unknown-fields": True},
    "A": {"x-kubernetes-preserve-unknown-fields": True},
    "B": {"x-kubernetes-preserve-unknown-fields": True},
}

_SHARED: Final = {
    "q": "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "t": "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "m": "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    "x": "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
}

_SHARED_SCHEMAS: Final[dict[str, Object]] = {
    "q": {"oneOf": [{"type": "string"}, {"type": "number"}]},
    "t": {"type": "string", "format": "date-time"},
    "m": {"type": "string", "format": "date-time"},
    "x": {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
}

_PACKAGES: Final = {
    "meta": "io.k8s.apimachinery.pkg.apis",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis",
}
"""Where Kubernetes keeps the types of a group; all others are in `io.k8s.api`."""

_METADATA: Final = "meta.v1.ObjectMeta"


def schemas(kinds: Iterable[ResourceType]) -> dict[str, Object]:
    """All schemas that these kinds need, by the names that they have in a real server's document."""
    result: dict[str, Object] = {}
    wanted: list[str] = []
    for kind in kinds:
        name = type_of(kind.api_version, kind.kind)
        if name is not None:
            wanted.append(name)
            result[_full_name(name)] = {"x-kubernetes-group-version-kind": [_group_version_kind(kind)]}
        elif kind.schema is not None:
            wanted.append(_METADATA)
            result[_custom_name(kind)] = _custom(kind, kind.schema)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            result[_full_name(name)] = _object(name) | result.get(_full_name(name), {})
            wanted += [field.type for field in fields_of(name).values() if field.is_object]
    shared = {_SHARED[letter]: schema for letter, schema in _SHARED_SCHEMAS.items()}
    return dict(sorted((shared | result).items())) if result else {}


def _object(name: str) -> Object:
    fields = fields_of(name)
    required = [field_name for field_name, field in fields.items() if field.required]
    return {
        "type": "object",
        "properties": {field_name: _field(field) for field_name, field in fields.items()},
        **({"required": required} if required else {}),
        **({"x-kubernetes-map-type": "atomic"} if is_atomic(name) else {}),
    }


def _field(field: Field) -> Object:
    match field.container:
        case "[":
            return {"type": "array", "items": _value(field.type), **dict(_list_extensions(field))}
        case "{":
            atomic = {"x-kubernetes-map-type": "atomic"} if field.atomic else {}
            return {"type": "object", "additionalProperties": _value(field.type), **atomic}
        case _:
            return {**_value(field.type), **dict(_value_extensions(field))}


def _value(type_: str) -> Object:
    name = _SHARED.get(type_) or (_full_name(type_) if len(type_) > 1 else "")
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}]} if name else dict(_TYPES[type_])


def _value_extensions(field: Field) -> Iterator[tuple[str, object]]:
    if field.zero:
        yield "default", {}
    elif field.default is not None:
        yield "default", field.default
    if field.enum:
        yield "enum", list(field.enum)
    if field.retain_keys:
        yield "x-kubernetes-patch-strategy", "retainKeys"


def _list_extensions(field: Field) -> Iterator[tuple[str, object]]:
    if field.keys:
        yield "x-kubernetes-list-type", "map"
        yield "x-kubernetes-list-map-keys", list(field.keys)
    elif field.is_set or field.atomic:
        yield "x-kubernetes-list-type", "set" if field.is_set else "atomic"
    if field.merge_key is not None:
        yield "x-kubernetes-patch-strategy", "merge,retainKeys" if field.retain_keys else "merge"
    if field.merge_key:
        yield "x-kubernetes-patch-merge-key", field.merge_key


def _custom(kind: ResourceType, schema: Object) -> Object:
    """The schema of the definition, with the metadata that every object has."""
    described = copied(schema)
    own = {"apiVersion": _TYPES["s"], "kind": _TYPES["s"], "metadata": _value(_METADATA)}
    described["properties"] = {**(described.get("properties") or {}), **copied(own)}
    return {**described, "x-kubernetes-group-version-kind": [_group_version_kind(kind)]}


def _full_name(name: str) -> str:
    return f"{_PACKAGES.get(name.partition('.')[0], 'io.k8s.api')}.{name}"


def _custom_name(kind: ResourceType) -> str:
    """`com.example.v1.Widget`."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _group_version_kind(kind: ResourceType) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}
