"""A store together with one index of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, Self, TypeVar, cast, overload

from trio_k8swatch._store.store import Store

from .key_indexes import FlatNameIndex, Index, KeyIndex, NameIndex

__all__ = ["IndexedStore"]

T = TypeVar("T")
S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
I_co = TypeVar("I_co", covariant=True)


class IndexedStore(Store[T], Generic[T, I_co]):
    """A store with one index beside it, which is filled with what is there and kept exact from then on.

    Make any number of them, at any time. The index is kept exact for as long as anyone can read it: until `close()` or the
    end of a `with` block, after which it stays as it is, or until the index and all its IndexedStores are garbage collected.
    `index = IndexedStore(store, NameIndex()).index` is enough. The store itself is the same store.
    """

    # An index that names no type of its own, `NameIndex()`, takes it from the store.
    @overload
    def __init__(self: IndexedStore[S, NameIndex[S]], store: Store[S], index: NameIndex[S]) -> None: ...
    @overload
    def __init__(self: IndexedStore[S, FlatNameIndex[S]], store: Store[S], index: FlatNameIndex[S]) -> None: ...
    @overload
    def __init__(self: IndexedStore[S, KeyIndex[S, K]], store: Store[S], index: KeyIndex[S, K]) -> None: ...
    @overload
    def __init__(self, store: Store[T], index: I_co) -> None: ...
    def __init__(self, store: Store[Any], index: Any) -> None:
        super().__init__(store._cache)  # noqa: SLF001 - the same record seen through one more window
        self._index: I_co = index
        registration = self._cache.indexes.attach(cast("Index[T]", index), self._cache.objects.values())
        self._registration = registration

    @property
    def index(self) -> I_co:
        """The index. Reading from it needs no lock: it moves together with the objects."""
        return self._index

    def close(self) -> None:
        """Take the index out of the store. May be called twice."""
        self._registration.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def with_index(self, f: Callable[[I_co], object]) -> None:
        """Call `f(index)` while the store is locked. Keep nothing of the index: use it in `f`."""
        async with self._cache.lock:
            f(self._index)

    async def get_indexed(self, f: Callable[[I_co], R]) -> R:
        """What `f(index)` finds while the store is locked."""
        async with self._cache.lock:
            return f(self._index)

    async def list_indexed(self, f: Callable[[I_co], Iterable[R]]) -> list[R]:
        """What `f(index)` finds while the store is locked, as a list of its own."""
        async with self._cache.lock:
            return list(f(self._index))
