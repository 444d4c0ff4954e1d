"""From the changes of a store to the keys that they concern."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar, cast, overload

import msgspec

from trio_k8swatch._store import Backstage, Delta, Observer, Put, Store, in_slices, refuse_awaitable

from ._key import Key
from ._predicates import Where, as_predicate

__all__ = ["Source", "watch"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Add(Protocol):
    """`WorkQueue.add`."""

    def __call__(self, key: Any, /, *, background: bool = False) -> object: ...


class Source(msgspec.Struct, Generic[K], frozen=True, eq=False):
    """Where a controller gets keys from; made by `watch`."""

    store: Store[Any]
    keys: Callable[[Any], Iterable[K]]
    where: Callable[[Any, Any], bool]

    def concerned(self, delta: Delta[Any]) -> Iterable[K]:
        """The keys that a change concerns: those of the state before, too, because an owner may have lost something."""
        if isinstance(delta, Put):
            old, new, states = delta.old, delta.new, (delta.new, delta.old)
        else:
            old, new, states = delta.final or delta.old, None, (delta.final, delta.old)
        if not self.where(old, new):
            return ()
        return dict.fromkeys(key for state in states if state is not None for key in self.keys(state))

    @contextmanager
    def feeding(self, add: Add, ended: Callable[[str], object]) -> Generator[None]:
        """Add the keys of all changes in the block."""
        with Backstage(self.store).observed_by(_Feed(self, add, ended)):
            yield

    async def add_all(self, add: Add) -> None:
        """Add the keys of all that is there, in the background."""

        def add_some(objects: list[Any]) -> None:
            for obj in objects:
                for key in self.concerned(Put("", None, obj)):
                    add(key, background=True)

        await in_slices(self.store.items(), add_some)


class _Feed(Observer):
    def __init__(self, source: Source[Any], add: Add, ended: Callable[[str], object]) -> None:
        self._source = source
        self._add = add
        self._ended = ended

    def changed(self, deltas: Sequence[Delta[Any]], *, listed: bool) -> None:
        for delta in deltas:
            for key in self._source.concerned(delta):
                self._add(key, background=listed)

    def ended(self, why: str) -> None:
        self._ended(why)


@overload
def watch(store: Store[T], *, where: Where | None = ...) -> Source[Key]: ...
@overload
def watch(
    store: Store[T], *, keys: Callable[[T], list[K] | set[K] | K | None], where: Where | None = ...
) -> Source[K]: ...
def watch(store: Store[Any], *, keys: Callable[[Any], Any] | None = None, where: Where | None = None) -> Source[Any]:
    """Keys for `run_controller` from the changes of a store, and from all that is in it at the start.

    `keys(obj)` says which keys an object concerns: one, a list or set of them, or None; a tuple is one key. It is called
    for the state before a change and the state after it. Without, an object concerns its own `Key`; `by_owner(kind)` gives
    the keys of its owners; looking into any index is as good. `where` leaves changes out: `changed("spec.replicas")`, or
    any function of the state before and the state after, None for an object that was not there or is gone.

    Both run inside the lock of the store, and what they raise ends its watch, as with handlers. Raises ConfigError if
    `where` looks at a field that the type of the store does not have.
    """
    predicate = as_predicate(where or (lambda old, new: True))
    backstage = Backstage(store)
    predicate.check(backstage.object_type)

    def own_key(obj: Any) -> Key:
        meta = backstage.metadata(obj)
        return Key(meta.namespace or "", meta.name)

    function = keys or own_key

    def all_keys(obj: Any) -> Iterable[Any]:
        made = function(obj)
        refuse_awaitable("watch(keys=…)", made)
        if made is None:
            return ()
        return cast("Iterable[Any]", made) if isinstance(made, (list, set, frozenset)) else (made,)

    return Source(store, all_keys, predicate)
