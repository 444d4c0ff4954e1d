"""Which changes are worth a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._store import refuse_awaitable

from ._field_paths import FieldPath

__all__ = ["Predicate", "Where", "as_predicate", "changed", "generation_changed"]

Where: TypeAlias = "Predicate | Callable[[Any, Any], bool]"
"""Asked with the state before and the state after; None where there is none."""


class Predicate:
    """Says of a change whether it matters: `predicate(old, new)`, where None stands for no object.

    Combined by `&`, `|` and `~`. Make one of any function: `Predicate(lambda old, new: …)`.
    """

    def __init__(self, says: Callable[[Any, Any], bool], *, paths: tuple[FieldPath, ...] = ()) -> None:
        self._says = says
        self.paths = paths
        """The fields that it looks at, as far as it says so."""

    def __call__(self, old: Any, new: Any) -> bool:
        matters = self._says(old, new)
        refuse_awaitable("a predicate (where=)", matters)
        return matters

    def __and__(self, other: Where) -> Predicate:
        one = as_predicate(other)
        return Predicate(lambda old, new: self(old, new) and one(old, new), paths=self.paths + one.paths)

    def __or__(self, other: Where) -> Predicate:
        one = as_predicate(other)
        return Predicate(lambda old, new: self(old, new) or one(old, new), paths=self.paths + one.paths)

    def __invert__(self) -> Predicate:
        return Predicate(lambda old, new: not self(old, new), paths=self.paths)

    def check(self, type_: type[Any] | None) -> None:
        """Raise ConfigError if it looks at a field that no object of `type_` ever has."""
        for path in self.paths:
            path.check(type_)


def as_predicate(where: Where) -> Predicate:
    """What a caller gave, as one that can be combined."""
    return where if isinstance(where, Predicate) else Predicate(where)


def changed(*paths: str | tuple[str, ...]) -> Predicate:
    """True if any of these fields differs, and for objects that come or go.

    Paths are written as in YAML, `"spec.replicas"`, or, where a name has a dot in it, as a tuple,
    `("metadata", "annotations", "example.com/size")`. A field that is missing equals null. `watch` refuses a path that the
    type of its store does not have.
    """
    fields = tuple(FieldPath.parse(path) for path in paths)

    def differs(old: Any, new: Any) -> bool:
        if old is None or new is None:
            return True
        before, after = _opened(old), _opened(new)
        return any(field.value(before) != field.value(after) for field in fields)

    return Predicate(differs, paths=fields)


generation_changed: Final = changed("metadata.generation")
"""True if what is desired has changed: the server counts `metadata.generation` up for the spec, and not for the status."""


def _opened(obj: Any) -> Any:
    """Decoded once for all paths, if it is JSON text still."""
    return _Lazily(obj) if isinstance(obj, DynamicObject) else obj


class _Lazily(Mapping[str, Any]):
    """The fields at the top of an object, each decoded when it is asked for."""

    def __init__(self, obj: DynamicObject) -> None:
        self._object = obj
        self._decoded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._decoded:
            self._decoded[name] = self._object[name]
        return self._decoded[name]

    def __iter__(self) -> Any:
        return iter(self._object)

    def __len__(self) -> int:
        return len([*self._object])
