"""The indexes of one copy, each kept exact for as long as it is registered.

Rule: whatever one of them does, the others are notified. One that raises is taken out, so that the rest agree with the objects.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._store.checkpoints import in_slices
from trio_k8swatch._store.deltas import Delta, Put
from trio_k8swatch._store.handlers import is_async

from .key_indexes import Index, can_be_rebuilt

__all__ = ["Registration", "Registrations"]

T = TypeVar("T")


class Registration(Generic[T]):
    """An index that is kept exact for as long as anyone can read it: it is not kept alive."""

    def __init__(self, index: Index[T]) -> None:
        self._find: Callable[[], Index[T] | None]
        try:
            self._find = weakref.ref(index)
        except TypeError:
            raise ConfigError(
                f"{type(index).__name__} has __slots__ without '__weakref__': add that, a store must not keep indexes alive"
            ) from None

    @property
    def index(self) -> Index[T] | None:
        """None once it is not kept exact any more."""
        return self._find()

    def end(self) -> None:
        """Leave the index as it is from now on. May be called twice, at any moment, in any thread."""
        # Nothing else is touched here: whoever is in the middle of going through them may go on.
        self._find = _nothing


class Registrations(Generic[T]):
    """Tells indexes of changes, in the order in which they were registered (H8)."""

    def __init__(self) -> None:
        self.registrations: tuple[Registration[T], ...] = ()

    def attach(self, index: Index[T], objects: Iterable[T]) -> Registration[T]:
        """Fill `index` with `objects`, and keep it exact from now on."""
        _refuse_async(index)
        registration = Registration(index)
        _fill(index, objects)
        self.registrations = (*(other for other in self.registrations if other.index is not None), registration)
        return registration

    def apply(self, delta: Delta[T]) -> None:
        """One change. Raises what an index raises, when all have been notified."""
        broken: Exception | None = None
        for registration in self.registrations:
            index = registration.index
            try:
                if index is not None:
                    _take_in(index, delta)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other indexes come first
                _take_out(registration, error)
                broken = broken or error
        if broken is not None:
            raise broken

    def apply_all(self, deltas: Sequence[Delta[T]], rebuilt: Mapping[Registration[T], Any]) -> None:
        """Many changes, after which an index is as in `rebuilt`, if it is there. Raises as `apply`."""
        broken: Exception | None = None
        for registration in self.registrations:
            index = registration.index
            try:
                if registration in rebuilt and can_be_rebuilt(index):
                    index.adopt(rebuilt[registration])
                elif index is not None:
                    for delta in deltas:
                        _take_in(index, delta)
            except Exception as error:  # noqa: BLE001 - as above
                _take_out(registration, error)
                broken = broken or error
        if broken is not None:
            raise broken

    async def rebuild(self, objects: Iterable[T]) -> dict[Registration[T], Any]:
        """All indexes that can be built out of sight, built anew from `objects`, with checkpoints."""
        rebuilt: dict[Registration[T], Any] = {}
        for registration in self.registrations:
            index = registration.index
            if not can_be_rebuilt(index):
                continue
            try:
                fresh = rebuilt[registration] = index.fresh()
                await in_slices(objects, partial(_fill, fresh))
            except Exception as error:
                _take_out(registration, error)
                raise
        return rebuilt


def _refuse_async(index: object) -> None:
    for name in ("add", "update", "delete"):
        if is_async(getattr(index, name)):
            raise ConfigError(
                f"{type(index).__name__}.{name} is async: indexes move inside the commit, which never waits"
            )


def _nothing() -> None:
    return None


def _take_out(registration: Registration[Any], error: Exception) -> None:
    error.add_note(f"raised by the index {type(registration.index).__name__}, which was taken out of the store")
    registration.end()


def _fill(index: Index[T], objects: Iterable[T]) -> None:
    for obj in objects:
        index.add(obj)


def _take_in(index: Index[T], delta: Delta[T]) -> None:
    if isinstance(delta, Put):
        if delta.old is None:
            index.add(delta.new)
        else:
            index.update(delta.old, delta.new)
    else:
        last = delta.old
        if delta.final is not None:
            index.update(last, delta.final)
            last = delta.final
        index.delete(last)
