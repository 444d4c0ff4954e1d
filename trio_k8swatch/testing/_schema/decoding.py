"""An object as the server's typed decoder reads it: checked field by field, unknown fields named and dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from trio_k8swatch.testing._json import Object, is_list, is_object

from .known import KEPT_EMPTY, NULLS, OMITTED_ANYWAY, OMITTED_ZEROS
from .scalars import GO_TYPES, Unreadable, WrongType, json_type, scalar, zero
from .table import Field, fields_of

_ABSENT: Final = object()
_INT32: Final = 1 << 31
_INT64: Final = 1 << 63
_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"
# Fields that hold a schema or a list of them, a schema or a boolean.
SCHEMAS_OR: Final = frozenset("AB")
_INTEGERS: Final = frozenset("il")


class Undecodable(Exception):
    """The object cannot be decoded at all; the message is what Go's decoder says."""


@dataclass(slots=True)
class Decoded:
    """The object as the server keeps it, and the paths of the fields that it does not know, in the order found."""

    object: Object
    unknown: list[str] = field(default_factory=list[str])


def decoded(type_name: str, value: Object, *, cast_numbers: bool = False) -> Decoded:
    """Decode an object of a type in the table. Raises `Undecodable` where a field has the wrong type.

    Nulls and empty lists, maps and strings are dropped as Go's `omitempty` drops them; what it always writes is there.
    `cast_numbers`: those that are too large lose their upper bits, as where an object is not read from JSON.
    """
    walk = _Walk([], cast_numbers)
    try:
        return Decoded(walk.object(type_name, value, "", ""), walk.unknown)
    except Unreadable as error:
        raise Undecodable(str(error)) from None


def filled(type_name: str, value: Object) -> Object:
    """An object of which each part has been decoded, as if the whole had been."""
    result = dict(value)
    _fill_zeros(type_name, result)
    return result


@dataclass(slots=True)
class _Walk:
    unknown: list[str]
    cast_numbers: bool = False

    def object(self, type_name: str, value: Object, path: str, fields_path: str) -> Object:
        """`path` counts list items, as warnings do; `fields_path` does not, as Go's decoder does not."""
        known = fields_of(type_name)
        result: Object = {}
        for name, inner in value.items():
            spec = known.get(name)
            if spec is None:
                self.unknown.append(f"{path}.{name}" if path else name)
                continue
            # Most values are texts and numbers: these need no place, which is only named where something is wrong.
            if _is_plain(spec, inner):
                kept: Any = inner
            else:
                here = f"{path}.{name}" if path else name
                place = _Place(type_name, f"{fields_path}.{name}" if fields_path else name)
                kept = self.field(spec, inner, here, place)
            if kept == [] and name in NULLS.get(type_name, ()):
                kept = None
            if kept is not _ABSENT and (kept or not _is_omitted(type_name, name, spec, kept)):
                result[name] = kept
        _fill_zeros(type_name, result)
        return result

    def field(self, spec: Field, value: Any, path: str, place: _Place) -> Any:
        if value is None:
            return _ABSENT
        if spec.container == "[":
            if not is_list(value):
                raise place.wrong(value, f"[]{_go_type(spec)}")
            return [self.item(spec, one, f"{path}[{i}]", place) for i, one in enumerate(value)]
        if spec.container == "{":
            if not is_object(value):
                raise place.wrong(value, f"map[string]{_go_type(spec)}")
            return {key: self.item(spec, one, f"{path}.{key}", place) for key, one in value.items()}
        return self.item(spec, value, path, place)

    def item(self, spec: Field, value: Any, path: str, place: _Place) -> Any:
        if value is None and spec.type != "*":
            return {} if spec.is_object else zero(spec.type)
        if spec.type in SCHEMAS_OR:
            return self.schema(spec.type, value, path, place)
        if spec.is_object:
            if not is_object(value):
                raise place.wrong(value, _go_type(spec))
            return self.object(spec.type, value, path, place.path)
        if self.cast_numbers and spec.type in _INTEGERS:
            value = _cast(value, spec.type)
        try:
            return scalar(spec.type, value)
        except WrongType as error:
            raise place.wrong(error.value, error.go_type) from None

    def schema(self, kind: str, value: Any, path: str, place: _Place) -> Any:
        """A schema, or what may stand in its place. What is not known in it is dropped without a word."""
        if is_object(value):
            return _Walk([]).object(_SCHEMA, value, path, place.path)
        if is_list(value) and kind == "A":
            return [self.schema(kind, one, path, place) for one in value]
        if kind == "B" and not isinstance(value, bool):
            raise Unreadable("boolean or JSON schema expected")
        return value if kind == "B" else None


@dataclass(slots=True)
class _Place:
    type_name: str
    path: str

    def wrong(self, value: Any, go_type: str) -> Undecodable:
        owner = self.type_name.rpartition(".")[2]
        what = json_type(value)
        if what == "number" and go_type in {"int32", "int64"}:
            what = f"number {value}"
        return Undecodable(f"json: cannot unmarshal {what} into Go struct field {owner}.{self.path} of type {go_type}")


def _cast(value: Any, kind: str) -> Any:
    """A number as Go's conversions make it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or -_INT32 <= value < _INT32:
        return value
    whole = int(value) if -_INT64 <= value < _INT64 else -_INT64
    return whole if kind == "l" else (whole + _INT32) % (2 * _INT32) - _INT32


def _is_plain(spec: Field, value: Any) -> bool:
    """Whether a value is what a field without a container takes as it is."""
    if spec.container:
        return False
    if type(value) is str:
        return spec.type == "s"
    return type(value) is int and spec.type in _INTEGERS and -_INT32 <= value < _INT32


def _go_type(spec: Field) -> str:
    if spec.is_object:
        group_version, _, name = spec.type.rpartition(".")
        return f"{group_version.rpartition('.')[2]}.{name}"
    return GO_TYPES.get(spec.type, {"q": "resource.Quantity", "x": "intstr.IntOrString"}.get(spec.type, "v1.Time"))


def _is_omitted(type_name: str, name: str, spec: Field, value: Any) -> bool:
    """Whether Go's `omitempty` leaves out what is empty or zero; pointers to numbers and booleans it writes."""
    if (type_name, name) in OMITTED_ANYWAY:
        return value in ("", [], {}, 0, False)
    if spec.written or spec.zero or value is None:
        return False
    if value == {} and not spec.container:
        # A pointer to an empty object is something; anything else in a table of unknown types is kept, too.
        return False
    if isinstance(value, int | float):
        return (type_name, name) in OMITTED_ZEROS or name in OMITTED_ZEROS
    return name not in KEPT_EMPTY


def _fill_zeros(type_name: str, result: Object) -> None:
    """What Go writes although nobody said it: objects that are no pointers, and what has no `omitempty`."""
    for name, spec in _always_written(type_name):
        if name in result:
            continue
        if spec.zero:
            result[name] = {}
            _fill_zeros(spec.type, result[name])
        else:
            result[name] = zero(spec.type)
    for name in NULLS.get(type_name, ()):
        result.setdefault(name, None)


@cache
def _always_written(type_name: str) -> tuple[tuple[str, Field], ...]:
    return tuple(
        (name, spec)
        for name, spec in fields_of(type_name).items()
        if spec.zero
        or (
            spec.written
            and not spec.container
            and not spec.is_object
            and spec.type in "sbiln"
            and (type_name, name) not in OMITTED_ANYWAY
        )
    )
