"""What of an applied object does not fit its kind: the words of the library that merges, one line for each field."""

from __future__ import annotations

import json
from typing import Any

from trio_k8swatch.testing._json import Object, encode, is_list, is_object
from trio_k8swatch.testing._json_in_go import go_syntax, go_text, go_type

from .shapes import Shape


def typed_errors(shape: Shape, value: Any, path: str = "") -> list[str]:
    """The lines, in the order of fields. Null fits everywhere."""
    wrong = None if value is None else _mismatch(shape, value)
    if wrong:
        return [f"{path}: {wrong}"]
    if is_object(value):
        return [line for name in sorted(value) for line in _field(shape, name, value[name], f"{path}.{name}")]
    if is_list(value):
        return _items(shape, value, path)
    return []


def _field(shape: Shape, name: str, value: Any, path: str) -> list[str]:
    if not shape.knows(name):
        return [f"{path}: field not declared in schema"]
    return typed_errors(shape.child(name), value, path)


def _mismatch(shape: Shape, value: Any) -> str:  # noqa: PLR0911 - a table
    match shape.expects:
        case "map" if not is_object(value):
            return f"expected map, got &{{{go_text(value)}}}"
        case "list" if not is_list(value):
            return f"expected list, got &{{{go_text(value)}}}"
        case "string" if not isinstance(value, str):
            return f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"
        case "numeric" if isinstance(value, bool) or not isinstance(value, int | float):
            return f"expected numeric (int or float), got {go_type(value)}"
        case "boolean" if not isinstance(value, bool):
            return f"expected boolean, got &{{{go_text(value)}}}"
        case "any scalar" if is_object(value) or is_list(value):
            return f"expected any scalar, got &{{{go_text(value)}}}"
        case _:
            return ""


def _items(shape: Shape, value: list[Any], path: str) -> list[str]:
    if not (shape.keys or shape.is_set):
        return [line for i, one in enumerate(value) for line in typed_errors(shape.item(), one, f"{path}[{i}]")]
    found: list[str] = []
    seen: set[str] = set()
    for i, one in enumerate(value):
        if shape.keys and (why := _not_keyed(shape, one)):
            found.append(f"{path}: element {i}: associative list with keys {why}")
            continue
        key = _shown_key(shape, one)
        if key in seen:
            found.append(f"{path}: duplicate entries for key [{key}]")
        seen.add(key)
        found += typed_errors(shape.item(), one, f"{path}[{key}]")
    return found


def _not_keyed(shape: Shape, item: Any) -> str:
    if item is None:
        return "may not have a null element"
    if not is_object(item):
        return "may not have non-map elements"
    if all(item.get(key) is None and shape.key_default(key) is None for key in shape.keys):
        keys = encode(sorted(shape.keys)).decode()
        return f"has an element that omits all key fields {keys} (and doesn't have default values for any key fields)"
    return ""


def _shown_key(shape: Shape, item: Any) -> str:
    if not shape.keys:
        return f"={json.dumps(item, ensure_ascii=False)}"
    obj: Object = item
    pairs = ((key, obj.get(key, shape.key_default(key))) for key in sorted(shape.keys))
    return ",".join(f"{key}={json.dumps(one, ensure_ascii=False)}" for key, one in pairs if one is not None)
