"""Custom objects against the schema of their CustomResourceDefinition: pruned, defaulted, checked."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime
from functools import cache
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, copied, is_list, is_object, json_type
from trio_k8swatch.testing._json_in_go import go_text, go_type

from .causes import Causes

_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_MAX_REPLICAS: Final = 2_147_483_647
_INT64: Final = 1 << 63
_OF_EVERY_OBJECT: Final = frozenset({"apiVersion", "kind", "metadata"})


def pruned(kind: ResourceType, obj: Object) -> tuple[Object, list[str]]:
    """A copy without the fields that the schema does not know, and their paths."""
    if kind.schema is None:
        return copied(obj), []
    unknown: list[str] = []
    rest = {key: value for key, value in obj.items() if key not in _OF_EVERY_OBJECT}
    kept = cast("Object", _prune(kind.schema, copied(rest), "", unknown))
    return {**{key: obj[key] for key in obj if key in _OF_EVERY_OBJECT}, **kept}, unknown


def completed(kind: ResourceType, obj: Object, *, nulls: bool = False) -> Object:
    """The object with defaults, and without nulls that the schema does not want; it is changed in place.

    With `nulls` they stay: who applies an object is told.
    """
    return cast("Object", _complete(kind.schema, obj, nulls=nulls)) if kind.schema else obj


def check_scale(kind: ResourceType, obj: Object, causes: Causes) -> None:
    """Note replicas that the scale of a custom object could not show."""
    if "scale" not in kind.subresources:
        return
    for path in kind.scale_paths[:2]:
        value: Any = obj
        expected = "map[string]interface{}"
        *parents, last = path.split(".")
        for name in [*parents, last]:
            if not is_object(value) or value.get(name) is None:
                break
            value, expected = value[name], "int64" if name == last else expected
            if not (is_object(value) if name != last else isinstance(value, int) and not isinstance(value, bool)):
                why = f".{path} accessor error: {go_text(value)} is of the type {go_type(value)}, expected {expected}"
                causes.invalid(f".{path}", 0, why)
                break
        else:
            if value < 0:
                causes.invalid(f".{path}", value, "should be a non-negative integer")
            elif value > _MAX_REPLICAS:
                causes.invalid(f".{path}", value, f"should be less than or equal to {_MAX_REPLICAS}")


def check_schema(kind: ResourceType, obj: Object, causes: Causes) -> None:
    """Note every field that does not fit.

    Knows types, formats of times, required, enum, bounds of numbers, lengths, pattern, lists that are maps or sets, and
    of Kubernetes' own words preserving unknown fields, int-or-string and nullable. Whoever makes a definition that says
    more than that (CEL rules, `allOf`…) is warned.
    """
    if kind.schema is None:
        return
    rest = {key: value for key, value in obj.items() if key not in _OF_EVERY_OBJECT}
    _check_object(kind.schema, rest, "", causes, skip=_OF_EVERY_OBJECT)


def _prune(schema: Object, value: Any, path: str, unknown: list[str]) -> Any:
    if is_list(value):
        items: object = schema.get("items")
        if is_object(items):
            return [_prune(items, one, f"{path}[{i}]", unknown) for i, one in enumerate(value)]
        return value
    if not is_object(value):
        return value
    result: Object = {}
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        below = _schema_of(schema, name)
        if below is not None:
            result[name] = _prune(below, inner, here, unknown)
        elif (
            schema.get(_PRESERVE)
            or (schema.get(_EMBEDDED) and name in _OF_EVERY_OBJECT)
            or schema.get("additionalProperties") is True
        ):
            result[name] = inner
        else:
            unknown.append(here)
    return result


def _schema_of(schema: Object, name: str) -> Object | None:
    properties = cast("Object", schema.get("properties") or {})
    found: object = properties.get(name, schema.get("additionalProperties"))
    return found if is_object(found) else None


def _complete(schema: Object, value: Any, *, nulls: bool) -> Any:
    if is_list(value):
        items: object = schema.get("items")
        return [_complete(items, one, nulls=nulls) for one in value] if is_object(items) else value
    if not is_object(value):
        return int(value) if _is_whole(schema, value) else value
    properties = cast("dict[str, Object]", schema.get("properties") or {})
    for name, inner in properties.items():
        if name in value and value[name] is None and not inner.get("nullable") and ("default" in inner or not nulls):
            del value[name]
        if name not in value and "default" in inner:
            value[name] = inner["default"]
    for name in list(value):
        below = _schema_of(schema, name)
        if below is None:
            continue
        if value[name] is None and not below.get("nullable") and not nulls:
            del value[name]
        else:
            value[name] = _complete(below, value[name], nulls=nulls)
    return value


def _is_whole(schema: Object, value: Any) -> bool:
    """3.0 is an integer to whoever writes JavaScript, and to the server."""
    return schema.get("type") == "integer" and isinstance(value, float) and value.is_integer()


def check_value(schema: Object, value: Any, path: str, causes: Causes) -> None:
    """Note what of a value does not fit its schema."""
    if value is None and schema.get("nullable"):
        return
    if not _fits(schema, value):
        wanted = _wanted(schema)
        # A text of the wrong format is shown itself.
        got = value if schema.get("type") == "string" and isinstance(value, str) else json_type(value)
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            # Go has read it as a fraction.
            got = "number"
        text = f'Invalid value: "{got}": {path} in body must be of type {wanted}: "{got}"'
        causes.add(path, "FieldValueTypeInvalid", text)
        if schema.get("type") == "integer" and isinstance(value, int | float) and not isinstance(value, bool):
            text = f'Invalid value: "": Checked value must be of type integer (default format) in {path}'
            causes.add("<nil>", "FieldValueInvalid", text)
        _check_enum(schema, value, path, causes)
        return
    _check_limits(schema, value, path, causes)
    if is_object(value):
        _check_object(schema, value, path, causes)
    elif is_list(value):
        _check_list(schema, value, path, causes)


def _check_object(
    schema: Object, value: Object, path: str, causes: Causes, *, skip: frozenset[str] = frozenset()
) -> None:
    for name in cast("list[str]", schema.get("required") or []):
        if name not in value and name not in skip:
            causes.required(f"{path}.{name}" if path else name)
    for name, inner in value.items():
        below = _schema_of(schema, name)
        if below is not None and name not in skip:
            check_value(below, inner, f"{path}.{name}" if path else name, causes)
    _check_count(schema, value, path, causes, what="Properties")


def _check_list(schema: Object, value: list[Any], path: str, causes: Causes) -> None:
    _check_count(schema, value, path, causes, what="Items")
    items: object = schema.get("items")
    if is_object(items):
        for i, one in enumerate(value):
            check_value(items, one, f"{path}[{i}]", causes)
    kind = schema.get("x-kubernetes-list-type")
    if schema.get("uniqueItems") or kind in {"set", "map"}:
        _check_unique(schema, value, path, causes)


def _check_unique(schema: Object, value: list[Any], path: str, causes: Causes) -> None:
    keys = cast("list[str]", schema.get("x-kubernetes-list-map-keys") or [])
    seen: set[str] = set()
    for i, one in enumerate(value):
        if one is None:
            continue
        if keys and not is_object(one):
            causes.invalid(f"{path}[{i}]", one, "must be an object for an array of list-type map")
            continue
        told_by: Any = {key: one[key] for key in keys if key in one} if keys and is_object(one) else one
        text = json.dumps(told_by, sort_keys=True)
        if text in seen:
            causes.duplicate(f"{path}[{i}]", told_by)
        seen.add(text)


def _check_count(schema: Object, value: Any, path: str, causes: Causes, *, what: str) -> None:
    count, word = len(value), what.lower()
    if count > schema.get(f"max{what}", count):
        text = f"Too many: {count}: must have at most {schema[f'max{what}']} items"
        causes.add(path, "FieldValueTooMany", text)
    if count < schema.get(f"min{what}", 0):
        causes.invalid(path, count, f"{path} in body should have at least {schema[f'min{what}']} {word}")


def _fits(schema: Object, value: Any) -> bool:  # noqa: PLR0911 - a table
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    match schema.get("type"):
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str) and _has_format(schema.get("format"), value)
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
            return whole or _is_whole(schema, value)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case _:
            return True


def _wanted(schema: Object) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer,string"
    return str(schema.get("format") if schema.get("type") == "string" and schema.get("format") else schema.get("type"))


def _has_format(name: object, value: str) -> bool:
    """Times are checked; other formats are words that the server does not know, or rarely used."""
    try:
        match name:
            case "date-time":
                datetime.fromisoformat(value.upper())
                return "T" in value.upper() and bool(re.search(r"(Z|[+-]\d\d:\d\d)$", value.upper()))
            case "date":
                date.fromisoformat(value)
                return len(value) == len("2026-01-01")
            case _:
                return True
    except ValueError:
        return False


def _check_limits(schema: Object, value: Any, path: str, causes: Causes) -> None:
    _check_enum(schema, value, path, causes)
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(schema, value, path, causes)
    if isinstance(value, str):
        _check_text(schema, value, path, causes)


def _check_enum(schema: Object, value: Any, path: str, causes: Causes) -> None:
    if "enum" in schema and value not in schema["enum"]:
        causes.unsupported(path, value, [one if isinstance(one, str) else json.dumps(one) for one in schema["enum"]])


def _check_number(schema: Object, value: float, path: str, causes: Causes) -> None:
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if value < least or (schema.get("exclusiveMinimum") is True and value == least):
        words = "greater than" if schema.get("exclusiveMinimum") is True else "greater than or equal to"
        causes.invalid(path, value, f"{path} in body should be {words} {least}")
    if value > most or (schema.get("exclusiveMaximum") is True and value == most):
        words = "less than" if schema.get("exclusiveMaximum") is True else "less than or equal to"
        causes.invalid(path, value, f"{path} in body should be {words} {most}")
    step = schema.get("multipleOf")
    if step and isinstance(value, int) and not int(step):
        # The server takes the step of a whole number for a whole number.
        causes.invalid(path, 0, f"factor MultipleOf declared for {path} must be positive: 0")
    elif step and math.fmod(value, step):
        causes.invalid(path, value, f"{path} in body should be a multiple of {step}")


def _check_text(schema: Object, value: str, path: str, causes: Causes) -> None:
    if len(value) < schema.get("minLength", 0):
        causes.invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
        return
    if len(value) > schema.get("maxLength", len(value)):
        causes.too_long(path, schema["maxLength"])
        return
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _compiled(pattern).search(value):
        causes.invalid(path, value, f"{path} in body should match '{pattern}'")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Go's syntax is a subset of Python's, as far as schemas use it."""
    return re.compile(pattern)
