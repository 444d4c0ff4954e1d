"""Custom objects against the schema of their CustomResourceDefinition: checked, defaulted, pruned."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, copied, is_list, is_object

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def shaped(kind: ResourceType, obj: Object) -> Object:
    """A copy with defaults filled in and unknown fields pruned; 422 naming every field that does not fit.

    Knows type, required, enum, minimum, maximum, the lengths, pattern, and of Kubernetes' own words preserving unknown
    fields, int-or-string and nullable. CEL rules and combined schemas (`allOf`…) are not looked at.
    """
    schema = kind.schema or {}
    result = copied(obj)
    causes: list[Object] = []
    properties = cast("dict[str, Object]", schema.get("properties") or {})
    for name in list(result):
        if name in {"apiVersion", "kind", "metadata"}:
            continue
        if name in properties:
            result[name] = _value(properties[name], result[name], name, causes)
        elif not schema.get(_PRESERVE):
            del result[name]
    _required(schema, result, "", causes)
    if causes:
        name = result["metadata"].get("name", "")
        texts = [f"{cause['field']}: {cause['message']}" for cause in causes]
        listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        details: Object = {"name": name, "group": kind.group, "kind": kind.kind, "causes": causes}
        message = f'{kind.kind}.{kind.group} "{name}" is invalid: {listed}'
        raise Refused(422, "Invalid", message, details=details)
    return result


def _value(schema: Object, value: Any, path: str, causes: list[Object]) -> Any:
    if value is None and schema.get("nullable"):
        return value
    if not _fits(schema, value):
        shown = json.dumps(value, ensure_ascii=False)
        wanted = schema["type"]
        text = f'Invalid value: {shown}: {path} in body must be of type {wanted}: "{_type_of(value)}"'
        causes.append({"reason": "FieldValueTypeInvalid", "message": text, "field": path})
        return value
    _check_limits(schema, value, path, causes)
    if is_object(value):
        return _object(schema, value, path, causes)
    if is_list(value) and "items" in schema:
        return [_value(schema["items"], one, f"{path}[{i}]", causes) for i, one in enumerate(value)]
    return value


def _object(schema: Object, value: Object, path: str, causes: list[Object]) -> Object:
    properties = cast("dict[str, Object]", schema.get("properties") or {})
    additional = schema.get("additionalProperties")
    result: Object = {}
    for name, inner in value.items():
        if name in properties:
            result[name] = _value(properties[name], inner, f"{path}.{name}", causes)
        elif isinstance(additional, dict):
            result[name] = _value(cast("Object", additional), inner, f"{path}.{name}", causes)
        elif schema.get(_PRESERVE) or additional is True:
            result[name] = inner
    for name, inner in properties.items():
        if name not in result and "default" in inner:
            result[name] = inner["default"]
    _required(schema, result, path, causes)
    return result


def _required(schema: Object, value: Object, path: str, causes: list[Object]) -> None:
    for name in cast("list[str]", schema.get("required") or []):
        if name not in value:
            field = f"{path}.{name}" if path else name
            causes.append({"reason": "FieldValueRequired", "message": "Required value", "field": field})


def _fits(schema: Object, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    wanted = schema.get("type")
    if wanted not in _TYPES:
        return True
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _check_limits(schema: Object, value: Any, path: str, causes: list[Object]) -> None:
    def complain(text: str, reason: str = "FieldValueInvalid") -> None:
        causes.append({"reason": reason, "message": text, "field": path})

    shown = json.dumps(value, ensure_ascii=False)
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(one) for one in schema["enum"])
        complain(f"Unsupported value: {shown}: supported values: {supported}", "FieldValueNotSupported")
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        complain(f"Invalid value: {shown}: {path} in body should be greater than or equal to {schema['minimum']}")
    if isinstance(value, int | float) and value > schema.get("maximum", value):
        complain(f"Invalid value: {shown}: {path} in body should be less than or equal to {schema['maximum']}")
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        complain(f"Invalid value: {shown}: {path} in body should be at least {schema['minLength']} chars long")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        complain(f"Too long: may not be more than {schema['maxLength']} bytes", "FieldValueTooLong")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        complain(f"Invalid value: {shown}: {path} in body should match '{schema['pattern']}'")


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, types in _TYPES.items() if isinstance(value, types)), "null")
