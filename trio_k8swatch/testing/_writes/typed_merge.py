"""Two values of one shape: what one becomes under the other, in what they differ, and which fields are in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from trio_k8swatch.testing._json import Object, encode_plain, is_list, is_object

from .field_paths import Path, item_key
from .shapes import Shape

# Null is something that was said; this is not.
ABSENT: Final = object()


@dataclass(slots=True)
class Comparison:
    """The fields in which a value differs from the one before."""

    added: set[Path] = field(default_factory=set[Path])
    modified: set[Path] = field(default_factory=set[Path])
    removed: set[Path] = field(default_factory=set[Path])

    @property
    def changed(self) -> set[Path]:
        """What is other than it was, where there is something."""
        return self.added | self.modified


def merged(shape: Shape, live: Any, applied: Any) -> Any:
    """What `live` becomes: `applied` where they differ, both where the parts have owners of their own."""
    if applied is ABSENT or live is ABSENT:
        return live if applied is ABSENT else applied
    match _container(shape, live, applied):
        case "map":
            before, after = _as_object(live), _as_object(applied)
            return {
                name: merged(shape.child(name), before.get(name, ABSENT), after.get(name, ABSENT))
                for name in dict.fromkeys([*before, *after])
            }
        case "list":
            before, after = _keyed(shape, live), _keyed(shape, applied)
            keys = _in_order(list(before), list(after))
            return [merged(shape.item(), before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys]
        case _:
            return applied


def _in_order(live: list[str], applied: list[str]) -> list[str]:
    """Those that both have in the order of `applied`; each of the others behind the one that it stood behind."""
    old, new = deque(live), deque(applied)
    shared = deque(key for key in applied if key in set(live))
    result: list[str] = []
    while old or new:
        if old and old[0] not in applied:
            result.append(old.popleft())
        elif old and (old[0] in result or (new and old[0] != new[0] and shared and old[0] != shared[0])):
            # It has been taken, or comes later than another that both have.
            old.popleft()
        else:
            key = new.popleft()
            result.append(key)
            if old and old[0] == key:
                old.popleft()
            if shared and shared[0] == key:
                shared.popleft()
    return result


def compared(shape: Shape, old: Any, new: Any) -> Comparison:
    """How `new` differs from `old`."""
    result = Comparison()
    _compare(shape, old, new, (), result)
    return result


def _compare(shape: Shape, old: Any, new: Any, path: Path, result: Comparison) -> None:
    kind = _container(shape, old, new)
    if kind:
        before, after = _parts(shape, old, kind), _parts(shape, new, kind)
        for element in dict.fromkeys([*before, *after]):
            inner = shape.item() if kind == "list" else shape.child(element[2:])
            _compare(inner, before.get(element, ABSENT), after.get(element, ABSENT), (*path, element), result)
    if old is ABSENT:
        result.added.add(path)
    elif new is ABSENT:
        result.removed.add(path)
    elif not kind and differ(old, new):
        result.modified.add(path)


def differ(one: Any, other: Any) -> bool:
    """Whether two JSON values are not the same: true and 1 are not."""
    return one != other or encode_plain(one) != encode_plain(other)


def fields_in(shape: Shape, value: Any) -> set[Path]:
    """What whoever applies `value` owns."""
    return set(_fields(shape, value, ()))


def _fields(shape: Shape, value: Any, path: Path) -> Iterator[Path]:
    kind = _container(shape, value, ABSENT)
    if kind == "map":
        for name, inner in value.items():
            here = (*path, f"f:{name}")
            if inner is None or inner == {} or not shape.declares(name):
                yield here
            if inner is not None and inner != {}:
                yield from _fields(shape.child(name), inner, here)
    elif kind == "list":
        for element, inner in _keyed(shape, value).items():
            yield (*path, element)
            yield from _fields(shape.item(), inner, (*path, element))
    elif path and not (value == [] and (shape.keys or shape.is_set)):
        yield path


def without(shape: Shape, value: Any, paths: set[Path]) -> Any:
    """What is left of a value when these fields are taken out: of a list whose items all go, `ABSENT`."""
    kind = _container(shape, value, ABSENT)
    if not kind or not paths:
        return value
    below: dict[str, set[Path]] = {}
    for path in paths:
        below.setdefault(path[0], set())
        if len(path) > 1:
            below[path[0]].add(path[1:])
    left: dict[str, Any] = {}
    for element, inner in _parts(shape, value, kind).items():
        if (element,) not in paths:
            inside = shape.item() if kind == "list" else shape.child(element[2:])
            rest = without(inside, inner, below.get(element, set()))
            if rest is not ABSENT:
                left[element] = rest
    if kind == "list":
        return list(left.values()) or ABSENT
    return {element[2:]: inner for element, inner in left.items()}


def with_named(shape: Shape, paths: Iterable[Path]) -> set[Path]:
    """The same fields, and the fields of types around them, which are not noted by themselves."""
    result: set[Path] = set()
    for path in paths:
        result.add(path)
        place = shape
        for depth, element in enumerate(path[:-1], 1):
            if not element.startswith("f:"):
                place = place.item()
                continue
            if place.declares(element[2:]):
                result.add(path[:depth])
            place = place.child(element[2:])
    return result


def _container(shape: Shape, one: Any, other: Any) -> str:
    """`map` or `list` for values whose parts have owners of their own; empty for one value, and where both are empty."""
    if shape.atomic:
        return ""
    if is_object(one) or is_object(other):
        fits = all(is_object(value) or value is None or value is ABSENT for value in (one, other))
        return "map" if fits and (one or other) and not (_is_empty(one) and _is_empty(other)) else ""
    if (shape.keys or shape.is_set) and (is_list(one) or is_list(other)):
        return "" if _is_empty(one) and _is_empty(other) else "list"
    return ""


def _is_empty(value: Any) -> bool:
    return value is ABSENT or not value


def _parts(shape: Shape, value: Any, kind: str) -> dict[str, Any]:
    if kind == "list":
        return _keyed(shape, value)
    return {f"f:{name}": inner for name, inner in _as_object(value).items()}


def _as_object(value: Any) -> Object:
    return value if is_object(value) else {}


def _keyed(shape: Shape, value: Any) -> dict[str, Any]:
    return {item_key(shape, item): item for item in value} if is_list(value) else {}
