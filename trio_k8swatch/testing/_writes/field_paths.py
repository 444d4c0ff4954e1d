"""Fields of an object as paths, as `managedFields` writes them: which are set, and which list items belong together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias, cast

from trio_k8swatch.testing._json import Object, is_list, is_object

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
SETS = frozenset({"finalizers"})
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
            value = {name: inner for name, inner in value.items() if name not in _SERVER_OWNED}  # noqa: PLW2901 - only its own fields
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
        if field in SETS:
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


def remove(obj: Object, paths: Iterable[Path]) -> None:
    """Take fields out of an object, and the containers that this leaves empty.

    A list item goes with its key, once nothing else is left of it: so what is inside goes first, and keys last.
    """
    for path in sorted(paths, key=lambda path: (-len(path), _is_key(path), path)):
        _remove(obj, path)


def _remove(node: Any, path: Path) -> None:
    element, rest = path[0], path[1:]
    kind, _, name = element.partition(":")
    if kind == "f" and is_object(node):
        if rest and name in node:
            _remove(node[name], rest)
        if not rest or node.get(name) in ({}, []):
            node.pop(name, None)
    elif kind == "v" and is_list(node):
        node[:] = [item for item in node if json.dumps(item) != name]
    elif kind == "k" and is_list(node):
        keys = tuple(json.loads(name))
        item = next((item for item in node if item_key(item, keys) == element), None)
        if item is None:
            return
        if len(rest) > 1 or not _is_key(path):
            _remove(item, rest)
        elif set(item) <= set(keys):
            node.remove(item)


def _is_key(path: Path) -> bool:
    """Whether the path ends at a field that tells a list item from others."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def _marks_itself(path: Path, depth: int, *, custom: bool) -> bool:
    """Whether the node above `path[depth]` is listed as a field of its own, not only for what is in it."""
    parent, element = path[depth - 1], path[depth]
    if parent.startswith("k:") or element.startswith(("k:", "v:")):
        # The containers of a pod are never listed themselves: the field is required.
        return parent != "f:containers"
    return parent[2:] in _MAPS or (custom and path[0] != "f:metadata") or depth >= 4


def _sorted(node: Object) -> Object:
    return {key: _sorted(node[key]) for key in sorted(node)}
