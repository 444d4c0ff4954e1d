"""Fields of an object as paths, as `managedFields` writes them: which are set, and which list items belong together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias, cast

from ._json import Object, is_list, is_object

# Elements are `f:name` for a field, `k:{"name":"web"}` for an item of an associative list, `v:"x"` for one of a set.
Path: TypeAlias = tuple[str, ...]

# Lists whose items are told apart by some of their fields; all others are atomic, or sets.
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "addresses": (("type",),),
    "conditions": (("type",),),
    "containers": (("name",),),
    "env": (("name",),),
    "ephemeralContainers": (("name",),),
    "imagePullSecrets": (("name",),),
    "initContainers": (("name",),),
    "ownerReferences": (("uid",),),
    "podIPs": (("ip",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
    "volumes": (("name",),),
}
_SETS = frozenset({"finalizers"})
_MAPS = frozenset(
    {"labels", "annotations", "data", "binaryData", "matchLabels", "nodeSelector", "limits", "requests", "capacity"}
    | {"allocatable", "selector", "stringData"}
)
_SERVER_OWNED = frozenset(
    {"name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"}
)
_DEFAULTS = {"protocol": "TCP"}


def list_keys(field: str, items: list[Any]) -> tuple[str, ...] | None:
    """The fields that tell the items of this list apart, or None if it is atomic."""
    if not all(isinstance(item, dict) for item in items):
        return None
    for keys in _KEYS.get(field, ()):
        if all(keys[0] in item for item in items):
            return keys
    return None


def item_key(item: Object, keys: tuple[str, ...]) -> str:
    """The path element of a list item."""
    values = {key: item.get(key, _DEFAULTS.get(key)) for key in keys}
    return f"k:{json.dumps(values, separators=(',', ':'), sort_keys=True, ensure_ascii=False)}"


def leaves(obj: Object, *, custom: bool) -> dict[Path, Any]:
    """Every field that is set, down to where it is atomic, with its value; without what the server owns."""
    result: dict[Path, Any] = {}
    for key, value in obj.items():
        if key in {"apiVersion", "kind"}:
            continue
        if key == "metadata":
            value = {name: inner for name, inner in value.items() if name not in _SERVER_OWNED}  # noqa: PLW2901
            if not value:
                continue
        _collect((f"f:{key}",), key, value, result, custom=custom and key != "metadata")
    return result


def _collect(path: Path, field: str, value: Any, result: dict[Path, Any], *, custom: bool) -> None:
    if is_object(value) and value:
        for key, inner in value.items():
            _collect((*path, f"f:{key}"), key, inner, result, custom=custom)
        return
    if is_list(value) and value and not custom:
        keys = list_keys(field, value)
        if keys is not None:
            for item in value:
                _collect((*path, item_key(item, keys)), "", item, result, custom=custom)
            return
        if field in _SETS:
            for item in value:
                result[*path, f"v:{json.dumps(item)}"] = item
            return
    result[path] = value


def to_fields_v1(paths: Iterable[Path], *, custom: bool) -> Object:
    """The nested form in which `managedFields` keeps them."""
    root: Object = {}
    for path in sorted(paths):
        node = root
        for depth, element in enumerate(path):
            if depth and _marks_itself(path, depth, custom=custom):
                node.setdefault(".", {})
            node = cast("Object", node.setdefault(element, {}))
    return _sorted(root)


def from_fields_v1(fields: Object, prefix: Path = ()) -> set[Path]:
    """The leaves of the nested form."""
    result: set[Path] = set()
    for element, inner in fields.items():
        if element == ".":
            continue
        path = (*prefix, element)
        below = from_fields_v1(inner, path)
        result |= below or {path}
    return result


def remove(obj: Object, path: Path) -> None:
    """Take one field out of an object, and the containers that it leaves empty."""
    _remove(obj, path, "")


def _remove(node: Any, path: Path, field: str) -> None:
    element, rest = path[0], path[1:]
    kind, _, name = element.partition(":")
    if kind == "f" and isinstance(node, dict):
        inner = cast("Object", node)
        if name not in inner:
            return
        if rest:
            _remove(inner[name], rest, name)
        if not rest or inner[name] in ({}, []):
            del inner[name]
    elif is_list(node):
        for item in list(node):
            if kind == "v" and json.dumps(item) == name:
                node.remove(item)
            elif kind == "k" and item_key(item, tuple(json.loads(name))) == element:
                if rest:
                    _remove(item, rest, "")
                if not rest or set(item) <= set(json.loads(name)):
                    node.remove(item)


def _marks_itself(path: Path, depth: int, *, custom: bool) -> bool:
    """Whether the node above `path[depth]` is listed as a field of its own, not only for what is in it."""
    parent, element = path[depth - 1], path[depth]
    if parent.startswith("k:") or element.startswith(("k:", "v:")):
        # The containers of a pod are never listed themselves: the field is required.
        return parent != "f:containers"
    return parent[2:] in _MAPS or (custom and path[0] != "f:metadata") or depth >= 4


def _sorted(node: Object) -> Object:
    return {key: _sorted(node[key]) for key in sorted(node)}
