"""JSON as the API server writes it: key order, escapes, sorted maps."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, TypeGuard, cast

import msgspec

Object: TypeAlias = dict[str, Any]

METADATA_ORDER: Final = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
)  # fmt: skip
MANAGED_FIELDS_ORDER: Final = ("manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource")

# Go's encoder escapes these five, so that JSON may stand inside HTML and JavaScript. None can occur outside a string.
_ESCAPES: Final = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)

_encoder = msgspec.json.Encoder()
_sorting_encoder = msgspec.json.Encoder(order="sorted")
_decode = msgspec.json.Decoder().decode


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array: what is in it is anything."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[Object]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def part(obj: Object, name: str) -> Object:
    """The object in a field; an empty one, which is in nothing, where there is none."""
    value: object = obj.get(name)
    return value if is_object(value) else {}


def parts(obj: Object, name: str) -> list[Object]:
    """The objects in a list in a field."""
    value: object = obj.get(name)
    return [one for one in value if is_object(one)] if is_list(value) else []


def json_type(value: object) -> str:
    """What JSON calls a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "null"


def encode(value: object) -> bytes:
    """`value` as compact JSON, keys in the order they have."""
    return _escaped(_encoder.encode(value))


def encode_sorted(value: object) -> bytes:
    """`value` as compact JSON with sorted keys: how custom resources are written."""
    return _escaped(_sorting_encoder.encode(value))


def encode_plain(value: object) -> str:
    """`value` as compact JSON with sorted keys and nothing escaped that need not be: how `managedFields` writes keys."""
    return _sorting_encoder.encode(value).decode()


def decode(data: bytes) -> Any:
    """The value that `data` stands for; ValueError where it is not JSON."""
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        # Only since msgspec 0.21 is that a ValueError by itself.
        raise ValueError(str(error)) from None


def copied(value: Object) -> Object:
    """An independent copy that holds nothing but JSON types; TypeError where `value` is not JSON."""
    return cast("Object", _decode(_encoder.encode(value)))


def in_wire_order(obj: Object) -> Object:
    """An object of a built-in kind with its fields in the order of the Go structs, as far as they are common to all."""
    rest = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion", "metadata", "status"}}
    ordered: Object = {
        "kind": obj["kind"],
        "apiVersion": obj["apiVersion"],
        "metadata": _metadata(obj["metadata"]),
    }
    for key in ("data", "binaryData"):
        if isinstance(rest.get(key), dict):
            rest[key] = dict(sorted(rest[key].items()))
    ordered.update(rest)
    if "status" in obj:
        ordered["status"] = obj["status"]
    return ordered


def _metadata(metadata: Object) -> Object:
    ordered: Object = {key: metadata[key] for key in METADATA_ORDER if key in metadata}
    ordered.update({key: value for key, value in metadata.items() if key not in ordered})
    for key in ("labels", "annotations"):
        if key in ordered:
            ordered[key] = dict(sorted(ordered[key].items()))
    if "managedFields" in ordered:
        ordered["managedFields"] = [
            {key: entry[key] for key in MANAGED_FIELDS_ORDER if key in entry} for entry in ordered["managedFields"]
        ]
    return ordered


def _escaped(data: bytes) -> bytes:
    for raw, escape in _ESCAPES:
        if raw in data:
            data = data.replace(raw, escape)
    return data
