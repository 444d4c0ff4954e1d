"""The local copy as threads see it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
from trio_k8swatch._store import IndexedStore as AsyncIndexedStore
from trio_k8swatch._store import Store as AsyncStore

from ._loop import Loop
from ._waits import Incoming, Listener, RelistTicket

__all__ = ["IndexedStore", "Store"]

T = TypeVar("T")
S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
I_co = TypeVar("I_co", covariant=True)


class _Holder:
    """Which thread holds the picture still."""

    thread_id: int | None = None


class Store(Generic[T]):
    """An exact copy of one collection, kept up to date by the watch that made it (`open_watch`).

    **Each read** shows one state that existed on the server, and costs no more than in the async store: it does not
    involve the watch's thread. Between two reads the store may move; `with store.locked():` it does not, and
    indexes are of exactly that state, too. Objects are those of the store: do not change them.

    **What waits** takes a `timeout` in seconds, and raises TimeoutError after it; without one it waits for as long as
    it takes. It raises `WatchStopped` when the watch ends first, RuntimeError where it would wait for ever: in
    handlers, and within `locked()`.

    After the watch has ended the store is frozen: reads go on working.
    """

    def __init__(self, loop: Loop, store: AsyncStore[T], holder: _Holder | None = None) -> None:
        self._loop = loop
        self._store = OutlastingStore(store, loop.now)
        self._holder = holder or _Holder()

    # Reading

    def items(self) -> list[T]:
        """All objects, in a new list: those of the last list in its order, then the others as they came."""
        return self._store.items()

    def get(self, uid: str) -> T | None:
        """The object with this uid, or None. Objects that have no uid are found under `namespace/name`."""
        return self._store.get(uid)

    def by_name(self, namespace: str, name: str) -> T | None:
        """The object of that name, or None; `namespace` is empty for objects of the whole cluster."""
        return self._loop.run(lambda: self._store.by_name(namespace, name))

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
        """Whether the watch has ended. If an error ended it, that is raised at the end of the block of `open_watch`."""
        return self._store.stopped

    @property
    def health(self) -> Health:
        """How the watch is doing. Its times are on a clock of their own: compare them with each other."""
        return self._loop.run(lambda: self._store.health)

    def require_fresh(self, seconds: float) -> None:
        """Raise `StaleError` unless the server has confirmed the store within the last `seconds`.

        A quiet server confirms about once a minute, so ask for less than 130 only where events are frequent. A store
        that has stopped is never fresh.
        """
        self._loop.run(lambda: self._store.require_fresh(seconds))

    # Asking

    def stop(self) -> None:
        """End the watch now; the block goes on with a frozen store. May be called twice, and by handlers."""
        self._loop.run(self._store.stop)

    def request_relist(self) -> RelistTicket:
        """Ask for a list that begins after this call. Many requests before it begins make one list."""
        return RelistTicket(self._loop, self._loop.run(self._store.request_relist))

    def listen(self, uid: str) -> Listener | None:
        """A listener for what happens to one object from now on; None if it is not here."""
        listener = self._loop.run(lambda: self._store.listen(uid))
        return None if listener is None else Listener(self._loop, listener)

    # Waiting

    def relist(self, timeout: float | None = None) -> None:
        """Return once a consistent list that began after this call has been committed, and handlers have been notified."""
        self._waiting().wait(self._store.relist, timeout)

    def nop_update(self, uid: str) -> bool:
        """Have the update handler called for an object that did not change; False if it is not here."""
        return self._waiting().wait(lambda: self._store.nop_update(uid))

    def at_least(self, resource_version: str, timeout: float | None = None) -> None:
        """Return once the store shows `resource_version` or anything newer: what you wrote, you can read."""
        self._waiting().wait(lambda: self._store.at_least(resource_version), timeout)

    def gone(self, uid: str, timeout: float | None = None) -> None:
        """Return once the store no longer holds the object with this uid: what you deleted, you no longer read."""
        self._waiting().wait(lambda: self._store.gone(uid), timeout)

    def wait_until(self, condition: Callable[[Store[T]], bool], timeout: float | None = None) -> None:
        """Return once `condition(store)` was true, looking at once and then after each change of the store.

        By the time this returns it may be so no more.
        """
        self._waiting().wait(lambda: self._store.wait_until(lambda _: condition(self)), timeout)

    def wait_for(
        self, condition: Callable[[T], bool], *, uid: str | None = None, timeout: float | None = None
    ) -> Met[T] | Gone[T]:
        """Wait until an object satisfies `condition`, looking at once and then at each change.

        With `uid` only that object counts, and `Gone` is returned when it is not, or no longer, in the store.
        """
        return self._waiting().wait(lambda: self._store.wait_for(condition, uid=uid), timeout)

    # Locks and notifications

    @contextmanager
    def locked(self) -> Generator[None]:
        """Inside, the store does not change: all reads agree, those of indexes as well. The watch waits, so be quick."""
        with self._waiting().held(self._store.locked()):
            self._holder.thread_id = threading.get_ident()
            try:
                yield
            finally:
                self._holder.thread_id = None

    def subscribe(
        self,
        *,
        policy: Policy | Literal["block", "coalesce", "resync"] = Policy.COALESCE,
        buffer: int = 1000,
        name: str = "subscriber",
    ) -> AbstractContextManager[Incoming[Change[T]]]:
        """All that is there, then all that happens: `with store.subscribe() as changes: for change in changes: ...`.

        Ends with the watch. Up to 100 changes that waited are fetched at once, and count as taken.
        See `trio_k8swatch.Store.subscribe`.
        """
        return self._subscribed(policy, buffer, name)

    @contextmanager
    def _subscribed(
        self, policy: Policy | Literal["block", "coalesce", "resync"], buffer: int, name: str
    ) -> Generator[Incoming[Change[T]]]:
        manager = self._store.subscribe(policy=policy, buffer=buffer, name=name)
        with self._waiting().held(manager) as changes:
            subscription = cast("Subscription[T]", changes)
            yield Incoming(self._loop, subscription, lambda: subscription.lag > 0)

    def _waiting(self) -> Loop:
        """The loop, if it makes sense to wait for it."""
        if self._holder.thread_id == threading.get_ident():
            raise RuntimeError("the store does not change within locked(), so waiting for it would never end")
        return self._loop


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
        # One more window on the same watch, and so on its private parts.
        loop, inner, holder = store._loop, store._store, store._holder  # noqa: SLF001
        super().__init__(loop, inner, holder)
        indexed: AsyncIndexedStore[T, I_co] = loop.run(
            lambda: AsyncIndexedStore(cast("AsyncStore[T]", inner), cast("I_co", index))
        )
        self._indexed: AsyncIndexedStore[T, I_co] = indexed
        # An index may be in use at the moment in which garbage is collected, so it is left to the loop to take it out.
        self._finalizer = weakref.finalize(self, loop.soon, indexed.close)
        self._finalizer.atexit = False

    @property
    def index(self) -> I_co:
        """The index. Within `locked()` all of it is of one state.

        Without, one `get` of our indexes is safe and shows one state; for anything else use `get_indexed`.
        """
        return self._indexed.index

    def close(self) -> None:
        """Take the index out of the store. May be called twice."""
        self._loop.run(self._indexed.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def with_index(self, f: Callable[[I_co], object]) -> None:
        """Call `f(index)` while the store is locked. Keep nothing of the index: use it in `f`."""
        self._waiting().wait(lambda: self._indexed.with_index(f))

    def get_indexed(self, f: Callable[[I_co], R]) -> R:
        """What `f(index)` finds while the store is locked."""
        return self._waiting().wait(lambda: self._indexed.get_indexed(f))

    def list_indexed(self, f: Callable[[I_co], Iterable[R]]) -> list[R]:
        """What `f(index)` finds while the store is locked, as a list of its own."""
        return self._waiting().wait(lambda: self._indexed.list_indexed(f))
