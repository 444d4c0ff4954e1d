"""The local copy as asyncio tasks see it."""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Literal, Self, TypeVar, cast, overload

from trio_k8swatch._store import (
    Change,
    FlatNameIndex,
    Gone,
    Health,
    KeyIndex,
    Met,
    NameIndex,
    OutlastingStore,
    Policy,
    Subscription,
)
from trio_k8swatch._store import IndexedStore as TrioIndexedStore
from trio_k8swatch._store import Store as TrioStore

from ._guest import Guest
from ._waits import Incoming, Listener, RelistTicket

__all__ = ["IndexedStore", "Store"]

T = TypeVar("T")
S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
I_co = TypeVar("I_co", covariant=True)


class Store(Generic[T]):
    """An exact copy of one collection, kept up to date by the watch that made it (`open_watch`).

    **Plain calls** never block and show one state that existed on the server, with all indexes built from exactly that
    state; between two of them without an `await` nothing changes. Objects are those of the store: do not change them.

    **Async calls** are awaited by asyncio tasks, and may wait for the lock, which the watch holds while handlers run and
    `locked()` holds for you. Limit their time with `asyncio.timeout`.

    After the watch has ended the store is frozen: reads go on working, waiting raises `WatchStopped`.
    """

    def __init__(self, guest: Guest, store: TrioStore[T]) -> None:
        self._guest = guest
        self._store = OutlastingStore(store, guest.now)

    def __repr__(self) -> str:
        return repr(self._store).replace("OutlastingStore", type(self).__name__, 1)

    # Reading

    def items(self) -> list[T]:
        """All objects, in a new list: those of the last list in its order, then the others as they came."""
        return self._store.items()

    def get(self, uid: str) -> T | None:
        """The object with this uid, or None. Objects that have no uid are found under `namespace/name`."""
        return self._store.get(uid)

    def by_name(self, namespace: str, name: str) -> T | None:
        """The object of that name, or None; `namespace` is empty for objects of the whole cluster."""
        return self._store.by_name(namespace, name)

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[T]:
        """Over the objects that are there now, whatever happens meanwhile."""
        return iter(self._store)

    def __contains__(self, item: object) -> bool:
        """Whether an object is here, by its uid or by itself: another state of the object is the same object."""
        return item in self._store

    @property
    def resource_version(self) -> str:
        """The version on the server that the store shows."""
        return self._store.resource_version

    @property
    def failing(self) -> bool:
        """Whether the watch failed, and has not caught up since: what the store shows may be old (see `health`)."""
        return self._store.failing

    @property
    def stopped(self) -> bool:
        """Whether the watch has ended, by `stop()`, an error, or the end of its block."""
        return self._store.stopped

    @property
    def health(self) -> Health:
        """How the watch is doing. Its times are on trio's clock: compare them with each other."""
        return self._store.health

    def require_fresh(self, seconds: float) -> None:
        """Raise `StaleError` unless the server has confirmed the store within the last `seconds`."""
        self._store.require_fresh(seconds)

    # Requests

    def stop(self) -> None:
        """End the watch now; the block of `open_watch` goes on with a frozen store. May be called twice, and by handlers."""
        self._store.stop()

    def request_relist(self) -> RelistTicket:
        """Ask for a list that begins after this call. Many requests before it begins make one list."""
        return RelistTicket(self._guest, self._store.request_relist())

    def listen(self, uid: str) -> Listener | None:
        """A listener for what happens to one object from now on; None if it is not here."""
        listener = self._store.listen(uid)
        return None if listener is None else Listener(self._guest, listener)

    # Waiting

    async def relist(self) -> None:
        """Return once a consistent list that began after this call has been committed, and handlers were notified."""
        await self._guest.run(self._store.relist)

    async def nop_update(self, uid: str) -> bool:
        """Call the update handler for an object that did not change; False if it is not here."""
        return await self._guest.run(lambda: self._store.nop_update(uid))

    async def at_least(self, resource_version: str) -> None:
        """Return once the store shows `resource_version` or anything newer: what you wrote, you can read."""
        await self._guest.run(lambda: self._store.at_least(resource_version))

    async def gone(self, uid: str) -> None:
        """Return once the store no longer holds the object with this uid: what you deleted, you no longer read."""
        await self._guest.run(lambda: self._store.gone(uid))

    async def wait_until(self, condition: Callable[[Store[T]], bool]) -> None:
        """Return once `condition(store)` was true, looking at once and then after each change of the store.

        It is called between two steps of asyncio's tasks; by the time this returns it may hold no longer.
        """
        await self._guest.run(lambda: self._store.wait_until(lambda _: condition(self)))

    async def wait_for(self, condition: Callable[[T], bool], *, uid: str | None = None) -> Met[T] | Gone[T]:
        """Wait until an object satisfies `condition`, looking at once and then at each change.

        With `uid` only that object counts, and `Gone` is returned when it is not, or no longer, in the store.
        """
        return await self._guest.run(lambda: self._store.wait_for(condition, uid=uid))

    # Holding still, and following

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Inside, the store does not change, also across awaits: the watch waits, so be quick. Not re-entrant."""
        async with self._guest.held(self._store.locked()):
            yield

    def subscribe(
        self,
        *,
        policy: Policy | Literal["block", "coalesce", "resync"] = Policy.COALESCE,
        buffer: int = 1000,
        name: str = "subscriber",
    ) -> AbstractAsyncContextManager[Incoming[Change[T]]]:
        """All that is there, then all that happens: `async with ... as changes: async for change in changes: ...`.

        Ends with the watch. Up to 100 changes that waited are fetched at once, and count as taken.
        See `trio_k8swatch.Store.subscribe`.
        """
        return self._subscribed(policy, buffer, name)

    @asynccontextmanager
    async def _subscribed(
        self, policy: Policy | Literal["block", "coalesce", "resync"], buffer: int, name: str
    ) -> AsyncGenerator[Incoming[Change[T]]]:
        manager = self._store.subscribe(policy=policy, buffer=buffer, name=name)
        async with self._guest.held(manager) as changes:
            subscription = cast("Subscription[T]", changes)
            yield Incoming(self._guest, subscription, lambda: subscription.lag > 0)


class IndexedStore(Store[T], Generic[T, I_co]):
    """A store with one index beside it, which is filled with what is there and kept exact from then on.

    Make any number of them, at any time. The index is taken out by `close()`, at the end of a `with` block, or when the
    IndexedStore is garbage collected.
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
        guest, inner = store._guest, store._store  # noqa: SLF001 - one more window on the same watch
        super().__init__(guest, inner)
        indexed: TrioIndexedStore[T, I_co] = TrioIndexedStore(cast("TrioStore[T]", inner), cast("I_co", index))
        self._indexed: TrioIndexedStore[T, I_co] = indexed
        self._finalizer = weakref.finalize(self, indexed.close)
        self._finalizer.atexit = False

    @property
    def index(self) -> I_co:
        """The index. Reading from it needs no lock: it moves together with the objects."""
        return self._indexed.index

    def close(self) -> None:
        """Take the index out of the store. May be called twice."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def with_index(self, f: Callable[[I_co], object]) -> None:
        """Call `f(index)` while the store is locked. Keep nothing of the index: use it in `f`."""
        await self._guest.run(lambda: self._indexed.with_index(f))

    async def get_indexed(self, f: Callable[[I_co], R]) -> R:
        """What `f(index)` finds while the store is locked."""
        return await self._guest.run(lambda: self._indexed.get_indexed(f))

    async def list_indexed(self, f: Callable[[I_co], Iterable[R]]) -> list[R]:
        """What `f(index)` finds while the store is locked, as a list of its own."""
        return await self._guest.run(lambda: self._indexed.list_indexed(f))
