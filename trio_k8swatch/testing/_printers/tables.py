"""Tables: what `kubectl get` asks for."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from trio_k8swatch.testing._api.resource_types import Column, ResourceType
from trio_k8swatch.testing._json import Object, is_list, is_object

from .cells import ONLY_AGE, SIMPLE, Cells, age, since
from .column_descriptions import COMMON, DESCRIPTIONS
from .pod_cells import DETAILED, pod_conditions

_NAME_LAST: Final = "events"


def column_definitions(kind: ResourceType) -> list[Object]:
    """The columns, the name first; Events, whose names say nothing, have it last and show it on demand."""
    columns = [_definition(kind, column) for column in _columns(kind)]
    name: Object = {"name": "Name", "type": "string", "format": "name", "description": COMMON["Name"], "priority": 0}
    return [*columns, {**name, "priority": 1}] if kind.storage_name == _NAME_LAST else [name, *columns]


def row(kind: ResourceType, obj: Object, now: datetime, shown: Object | None) -> Object:
    """One object as a row; `shown` is what of the object itself comes with it."""
    name, cells = obj["metadata"].get("name", ""), _cells(kind, obj, now)
    cells = [*cells, name] if kind.storage_name == _NAME_LAST else [name, *cells]
    conditions = pod_conditions(obj) if kind.storage_name == "pods" else []
    return {"cells": cells, **({"conditions": conditions} if conditions else {}), "object": shown}


def _columns(kind: ResourceType) -> tuple[Column, ...]:
    if kind.custom:
        return kind.columns or ONLY_AGE[0]
    return _known(kind)[0]


def _cells(kind: ResourceType, obj: Object, now: datetime) -> list[Any]:
    if not kind.custom:
        return _known(kind)[1](obj, now)
    if not kind.columns:
        return [age(obj, now)]
    return [_custom_cell(column, obj, now) for column in kind.columns]


def _known(kind: ResourceType) -> tuple[tuple[Column, ...], Cells]:
    return DETAILED.get(kind.storage_name) or SIMPLE.get(kind.storage_name) or ONLY_AGE


def _definition(kind: ResourceType, column: Column) -> Object:
    known = {} if kind.custom else COMMON | DESCRIPTIONS.get(kind.storage_name, {})
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or known.get(column.name, ""),
        "priority": column.priority,
    }


def _custom_cell(column: Column, obj: Object, now: datetime) -> Any:
    value = _json_path(column.json_path, obj)
    if value is not None and column.type == "date":
        return since(value, now)
    return value


def _json_path(path: str, obj: Object) -> Any:
    """The simple paths that printer columns use: `.spec.a`, `.spec['b.c']`, `.items[0].x`, `.c[?(@.type=="R")].s`."""
    value: Any = obj
    pattern = r"""\.([\w\x00-]+)|\['([^']+)'\]|\[(\d+)\]|\[\?\(@\.([\w-]+)\s*==\s*["']([^"']*)["']\)\]"""
    for name, quoted, index, key, wanted in re.findall(pattern, path.replace(r"\.", "\0")):
        if name or quoted:
            field = (name or quoted).replace("\0", ".")
            value = value.get(field) if is_object(value) else None
        elif is_list(value):
            chosen = value[int(index) : int(index) + 1] if index else [one for one in value if one.get(key) == wanted]
            value = chosen[0] if chosen else None
        else:
            return None
    return value
