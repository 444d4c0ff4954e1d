"""Fields of an object as paths, as `managedFields` writes them: which are set, and which list items belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from trio_k8swatch.testing._json import Object, decode, encode, encode_plain, is_list, is_object

from .shapes import BuiltIn, Shape

# Elements are `f:name` for a field, `k:{"name":"web"}` for an item of an associative list, `v:"x"` for one of a set.
Path: TypeAlias = tuple[str, ...]

_REMEMBERED_BYTES: Final = 8192
SERVER_OWNED: Final = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"}
)


def item_key(shape: Shape, item: Any) -> str:
    """The path element of a list item."""
    if shape.is_set or not is_object(item):
        return f"v:{encode_plain(item)}"
    return f"k:{encode_plain({key: item.get(key, shape.key_default(key)) for key in shape.keys})}"


def without_server_fields(obj: Object) -> Object:
    """What of an object anybody can be said to have set."""
    rest = {key: value for key, value in obj.items() if key not in {"apiVersion", "kind", "metadata"}}
    metadata = cast("Object", obj.get("metadata") or {})
    mine = {key: value for key, value in metadata.items() if key not in SERVER_OWNED}
    return {**rest, **({"metadata": mine} if mine else {})}


def children(shape: Shape, value: Any) -> Iterator[tuple[str, Shape, Any]] | None:
    """The parts that have owners of their own, or None for what is one value."""
    if is_object(value) and value and not (shape.atomic or shape.keys or shape.is_set):
        return ((f"f:{key}", shape.child(key), inner) for key, inner in value.items())
    if is_list(value) and value and (shape.keys or shape.is_set):
        return ((item_key(shape, one), shape.item(), one) for one in value)
    return None


def nodes(shape: Shape, value: Any, path: Path) -> set[Path]:
    """A value and everything in it."""
    result: set[Path] = set()
    _add_nodes(shape, value, path, result)
    return result


def _add_nodes(shape: Shape, value: Any, path: Path, result: set[Path]) -> None:
    result.add(path)
    # Most places are one value: nothing is looked for in them.
    if shape.atomic or not isinstance(value, dict | list):
        return
    for element, inner_shape, inner in children(shape, value) or ():
        _add_nodes(inner_shape, inner, (*path, element), result)


def written_fields(shape: Shape, obj: Object) -> Object:
    """What is owned by whoever makes `obj`, as `to_fields_v1` has it: the same as that of what `compare` finds set."""
    found: Object = {}
    for element, inner, value in children(shape, obj) or ():
        if isinstance(inner, BuiltIn) and inner.is_struct and len(text := encode(value)) <= _REMEMBERED_BYTES:
            fields = _remembered(inner, text)
        else:
            fields = _set_fields(inner, value)
        if fields is not None:
            found[element] = fields
    return _in_order(found)


@lru_cache(maxsize=256)
def _remembered(shape: BuiltIn, text: bytes) -> Object | None:
    """Who makes many objects makes them with one and the same spec."""
    return _set_fields(shape, decode(text))


def _set_fields(shape: Shape, value: Any) -> Object | None:
    """What is owned of a value that was not there before; None if nothing is."""
    if value is None:
        return None
    if not shape.written:
        return _all_fields(shape, value)
    if _is_one_value(shape, value):
        return None if value in ({}, [], "", 0) else {}
    below = ((element, _set_fields(inner, one)) for element, inner, one in children(shape, value) or ())
    return _in_order({element: fields for element, fields in below if fields is not None}) or None


def _all_fields(shape: Shape, value: Any) -> Object:
    if _is_one_value(shape, value):
        return {}
    found: Object = {element: _all_fields(inner, one) for element, inner, one in children(shape, value) or ()}
    found["."] = {}
    return _in_order(found)


def _is_one_value(shape: Shape, value: Any) -> bool:
    # Most places are: nothing is looked for in them.
    return shape.atomic or not value or not isinstance(value, dict | list) or children(shape, value) is None


def _in_order(fields: Object) -> Object:
    return dict(sorted(fields.items())) if len(fields) > 1 else fields


def compare(shape: Shape, old: Object, new: Object, path: Path = ()) -> tuple[set[Path], set[Path]]:
    """What was set on the way from `old` to `new`, and what was taken away."""
    changed: set[Path] = set()
    gone: set[Path] = set()
    before = {element: (inner, value) for element, inner, value in children(shape, old) or ()}
    after = {element: (inner, value) for element, inner, value in children(shape, new) or ()}
    for element, (inner, value) in before.items():
        if element not in after:
            gone |= nodes(inner, value, (*path, element))
    for element, (inner, value) in after.items():
        here = (*path, element)
        was: Any = before[element][1] if element in before else None
        if element not in before and not inner.written and value is not None:
            changed |= nodes(inner, value, here)
        elif was != value:
            more = _compare_values(inner, was, value, here)
            changed |= more[0]
            gone |= more[1]
    return changed, gone


def _compare_values(shape: Shape, old: Any, new: Any, path: Path) -> tuple[set[Path], set[Path]]:
    if children(shape, old) is None and children(shape, new) is None:
        # Nobody set what is written where it is empty.
        empty = new is None or (shape.written and old is None and new in ({}, [], "", 0))
        return (set() if empty else {path}), set()
    return compare(shape, old, new, path)


def to_fields_v1(paths: Iterable[Path]) -> Object:
    """The nested form in which `managedFields` keeps them.

    In order; what is in the set and has something below it is marked by a dot. In order of the paths, what is below comes
    right after it, and the dot comes before all other elements.
    """
    root: Object = {}
    before: Path | None = None
    last = root
    for path in sorted(paths):
        if before is not None and path[: len(before)] == before:
            last["."] = {}
        last = root
        for element in path:
            last = cast("Object", last.setdefault(element, {}))
        before = path
    return root


def from_fields_v1(fields: Object, prefix: Path = ()) -> set[Path]:
    """The paths of the nested form."""
    result: set[Path] = set()
    for element, inner in fields.items():
        path = (*prefix, element)
        if element == ".":
            result.add(prefix)
        else:
            result |= from_fields_v1(cast("Object", inner), path) or {path}
    return result
