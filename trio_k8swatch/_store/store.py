"""The local copy as readers see it."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar, cast

import msgspec
import trio

from trio_k8swatch._backoff_curves import Backoff, RetryPolicy
from trio_k8swatch._errors import ConfigError, StaleError, WatchStopped
from trio_k8swatch._object_meta import key_of
from trio_k8swatch._resource_version import compare

from .each import run_each
from .handlers import refuse_awaitable
from .health import State
from .waiting.change_queues import Change, Policy
from .waiting.subscriptions import Subscription

if TYPE_CHECKING:
    from .atomic_cache import Cache
    from .health import Health
    from .waiting.object_waiters import Listener
    from .waiting.relist_tickets import RelistTicket

__all__ = ["Gone", "Met", "Store"]

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
I_co = TypeVar("I_co", covariant=True)

_EACH_AGAIN: Final = Backoff()

_PATIENCE_SECONDS: Final = 2.0
"""How long `at_least` trusts a live watch to get there by itself, before it asks for a list."""


class Met(msgspec.Struct, Generic[T], frozen=True):
    """`Store.wait_for` ended: `object` is in the state that was waited for."""

    object: T


class Gone(msgspec.Struct, Generic[T], frozen=True):
    """`Store.wait_for` ended: the object is deleted. `last` is the newest state seen while waiting, None if there was none."""

    last: T | None


class Store(Generic[T]):
    """An exact copy of one collection, kept up to date by the watch that made it (`open_watch`).

    **Plain calls** never block and show one state that existed on the server, with all indexes built from exactly that
    state; between two of them without an `await` nothing changes. Objects are those of the store: do not change them.

    **Async calls** may wait for the lock, which the watch holds while handlers run and `locked()` holds for you.

    After the watch has ended the store is frozen: reads go on working, waiting raises `WatchStopped`.
    """

    def __init__(self, copy_: Cache[T]) -> None:
        self._cache = copy_

    def __repr__(self) -> str:
        copy_ = self._cache
        return f"<{type(self).__name__} of {copy_.name}: {len(self)} objects, {copy_.vitals.state.value}>"

    # Reading

    def items(self) -> list[T]:
        """All objects, in a new list: those of the last list in its order, then the others as they came."""
        return list(self._cache.objects.values())

    def get(self, uid: str) -> T | None:
        """The object with this uid, or None. Objects that have no uid are found under `namespace/name`."""
        return self._cache.objects.get(uid)

    def by_name(self, namespace: str, name: str) -> T | None:
        """The object of that name, or None; `namespace` is empty for objects of the whole cluster.

        The first call goes through all objects; from then on an index is kept for it.
        """
        return self._cache.by_name(namespace, name)

    def __len__(self) -> int:
        """How many objects there are."""
        return len(self._cache.objects)

    def __iter__(self) -> Iterator[T]:
        """Over the objects that are there now, whatever happens meanwhile."""
        return iter(self.items())

    def __contains__(self, item: object) -> bool:
        """Whether an object is here, by its uid or by itself: another state of the object is the same object."""
        if isinstance(item, str):
            return item in self._cache.objects
        try:
            key = key_of(self._cache.metadata(item))
        except Exception:  # noqa: BLE001 - whatever a `metadata` of the user raises: what has none is no object
            return False
        return key in self._cache.objects

    @property
    def resource_version(self) -> str:
        """The version on the server that the store shows; empty before the first list."""
        return self._cache.resource_version

    @property
    def failing(self) -> bool:
        """Whether the watch failed, and has not caught up since: what the store shows may be old (see `health`)."""
        return self._cache.vitals.failing

    @property
    def stopped(self) -> bool:
        """Whether the watch has ended, by `stop()`, an error, or the end of its block."""
        return self._cache.why_ended is not None

    @property
    def health(self) -> Health:
        """How the watch is doing, at this moment."""
        return self._cache.vitals.seen(trio.current_time(), self._cache.resource_version)

    def require_fresh(self, seconds: float) -> None:
        """Raise `StaleError` unless the server has confirmed the store within the last `seconds`.

        A quiet server confirms about once a minute, so ask for less than 130 only where events are frequent. A store that
        has stopped is never fresh.
        """
        health = self.health
        if self.stopped or health.staleness > seconds:
            why = health.last_error or ("the watch has ended" if self.stopped else "nothing was heard from the server")
            raise StaleError(
                f"the store was last confirmed {health.staleness:.1f} s ago, asked for {seconds} s"
                f" (state: {health.state.value}; {why})"
            )

    # Asking

    def stop(self) -> None:
        """End the watch now; the block of `open_watch` goes on with a frozen store. May be called twice, and by handlers.

        A list under way is abandoned. Handlers are still notified of changes that are already committed.
        """
        self._cache.stop()

    def request_relist(self) -> RelistTicket:
        """Ask for a list that begins after this call. Many requests before it begins make one list."""
        return self._cache.ask_for_list()

    def listen(self, uid: str) -> Listener | None:
        """A listener for what happens to one object from now on; None if it is not here."""
        return self._cache.notifier.listen(uid) if uid in self._cache.objects else None

    # Waiting

    async def relist(self) -> None:
        """Return once a consistent list that began after this call has been committed, and handlers have been notified.

        Waits through outages. Raises `WatchStopped` if the watch ends first.
        """
        await self.request_relist().wait()

    async def nop_update(self, uid: str) -> bool:
        """Call the update handler for an object that did not change; False if it is not here.

        `old` is a copy of `new`. Neither indexes nor listeners nor subscribers are notified. Raises `WatchStopped` after the
        end of the watch, because handlers are no longer called.
        """
        async with self._cache.lock:
            if self._cache.why_ended is not None:
                await trio.lowlevel.checkpoint_if_cancelled()
                raise WatchStopped(self._cache.why_ended)
            obj = self.get(uid)
            update = self._cache.notifier.handlers.update
            if obj is not None and update is not None:
                refuse_awaitable("HandlerFuncs(update=…)", update(copy.deepcopy(obj), obj))
            return obj is not None

    async def at_least(self, resource_version: str) -> None:
        """Return once the store shows `resource_version` or anything newer: what you wrote, you can read (KEP-5504).

        Pass what a write to *this* resource returned; versions of different resources must not be compared. During an outage
        this waits for the watch to resume. If a live watch does not get there within 2 s, or if versions cannot be compared,
        a consistent list is read. Raises `WatchStopped` if the watch ends first.
        """
        cache = self._cache
        began = trio.current_time()
        while (order := compare(cache.resource_version, resource_version)) == -1:
            vitals = cache.vitals
            is_live = vitals.state is State.LIVE
            patience = max(began, vitals.since) + _PATIENCE_SECONDS if is_live else float("inf")
            if trio.current_time() >= patience:
                break
            with trio.CancelScope(deadline=patience):
                await self._moved()
        if order in {0, 1}:
            await trio.lowlevel.checkpoint()
            return
        await cache.list_for(resource_version)
        while compare(cache.resource_version, resource_version) == -1:
            await self._moved()

    async def gone(self, uid: str) -> None:
        """Return once the store has no object with this uid; at once if it has none now.

        After `delete`, this is when its finalizers are done, and the store shows it. An object that was created a moment ago
        may not be here yet: wait for `at_least` of its resourceVersion first. Raises `WatchStopped` if the watch ends first.
        """
        await trio.lowlevel.checkpoint()
        while (listener := self.listen(uid)) is not None:
            await listener.wait()

    async def wait_until(self, condition: Callable[[Store[T]], bool]) -> None:
        """Return once `condition(store)` is true, looking at once and then after each change of the store.

        It is called in this task and still holds when this returns. Raises `WatchStopped` if the watch ends first.
        """
        await trio.lowlevel.checkpoint()
        while not (result := condition(self)):
            await self._moved()
        refuse_awaitable("the condition of wait_until", result)

    async def wait_for(self, condition: Callable[[T], bool], *, uid: str | None = None) -> Met[T] | Gone[T]:
        """Wait until an object satisfies `condition`, looking at once and then at each change.

        With `uid` only that object counts, and `Gone` is returned when it is not, or no longer, in the store; a new object
        of its name is another object. Without, any object will do. `condition` is called in this task, and what `Met`
        holds is in the store when this returns. Raises `WatchStopped` if the watch ends first. Use `trio.move_on_after`
        to limit the time; 10,000 waiters share the one watch.
        """
        if uid is not None:
            return await self._wait_for_one(condition, uid)
        copy_ = self._cache
        met = _first(condition, copy_.objects.values())
        if met is not None:
            await trio.lowlevel.checkpoint()
            # Others have run meanwhile, the watch among them.
            if copy_.objects.get(key_of(copy_.metadata(met.object))) is met.object:
                return met
            met = _first(condition, copy_.objects.values())
        # In this very frame, and with little in it, because ten thousand waiters have one each.
        journal = copy_.notifier.journal
        entry = journal.join()
        try:
            while met is None:
                if copy_.stopped is not None:
                    # What cancels the watch and its waiters at once is a cancellation for both.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    raise WatchStopped(copy_.stopped)
                await entry.written()
                entry, keys = entry.read()
                # In the middle of a long relist the store may be ahead of what is notified.
                met = _first(condition, _present(copy_.objects, keys))
        finally:
            journal.leave()
        return met

    async def _wait_for_one(self, condition: Callable[[T], bool], uid: str) -> Met[T] | Gone[T]:
        await trio.lowlevel.checkpoint()
        last: T | None = None
        while (listener := self.listen(uid)) is not None:
            last = cast("T", self.get(uid))
            if met := _first(condition, (last,)):
                return met
            await listener.wait()
        return Gone(last)

    async def _moved(self) -> None:
        if self._cache.stopped is not None:
            await trio.lowlevel.checkpoint_if_cancelled()
            raise WatchStopped(self._cache.stopped)
        await self._cache.notifier.next_change()

    # Locks and notifications

    @asynccontextmanager
    async def locked(self) -> AsyncGenerator[None]:
        """Inside, the store does not change, also across awaits: the watch waits, so be quick.

        Not re-entrant: `nop_update`, `subscribe`, `with_index` and its like raise RuntimeError in here. Waiting for
        anything that the watch has to bring would wait for ever.
        """
        async with self._cache.lock:
            yield

    def subscribe(
        self,
        *,
        policy: Policy | Literal["block", "coalesce", "resync"] = Policy.COALESCE,
        buffer: int = 1000,
        name: str = "subscriber",
    ) -> AbstractAsyncContextManager[AsyncIterator[Change[T]]]:
        """All existing objects, then all changes, for work that waits: `async with ... as changes: async for ...`.

        Subscribers are independent of each other. `policy` says what happens when this one is slow: see `Policy`.
        `buffer` is how many changes may wait before `block` blocks and `resync` starts over; a list's changes come
        together and may exceed it. The iterator ends with the watch. `name` is its label in metrics.
        """
        if policy not in {*Policy} or buffer < 1:
            raise ConfigError(f"subscribe(policy={policy!r}, buffer={buffer}): use {', '.join(Policy)}, and 1 or more")
        return self._subscribed(name, Policy(policy), buffer)

    @asynccontextmanager
    async def _subscribed(self, name: str, policy: Policy, buffer: int) -> AsyncGenerator[Subscription[T]]:
        async with self._cache.lock:
            # Under the lock no change is half delivered: what exists now and what comes later meet without gap or repeat.
            subscription = self._cache.notifier.join(Subscription(name, policy, buffer, self._cache.objects))
        try:
            yield subscription
        finally:
            self._cache.notifier.leave(subscription)

    async def each(
        self,
        task: Callable[[T], Awaitable[object]],
        *,
        where: Callable[[T], bool] | None = None,
        retry_after: RetryPolicy = _EACH_AGAIN,
        rng: Random | None = None,
    ) -> None:
        """Run `task(obj)` for each object that is here, and for each that comes, as long as it is here and matches `where`.

        A task is cancelled when its object goes or no longer matches, and starts anew if it matches again, never two at a
        time for one object. It is given the state in which it starts; `get`, `listen` and `wait_for` show what follows. One
        that raises is logged and starts anew after `retry_after`; one that returns has done its work, until its object has
        gone or stopped matching. Returns, with all tasks cancelled, when the watch has ended.
        """
        async with self.subscribe(policy=Policy.COALESCE, name="each") as changes:
            await run_each(changes, self._uid_of, task, where=where, retry_after=retry_after, rng=rng or Random())

    def _uid_of(self, obj: T) -> str:
        return key_of(self._cache.metadata(obj))


def _present(objects: Mapping[str, T], keys: Iterable[str]) -> Iterator[T]:
    """Those of `objects` that have one of `keys`."""
    return (obj for key in keys if (obj := objects.get(key)) is not None)


def _first(condition: Callable[[T], bool], objects: Iterable[T]) -> Met[T] | None:
    """The first of `objects` that satisfies `condition`."""
    for obj in objects:
        if result := condition(obj):
            refuse_awaitable("the condition of wait_for", result)
            return Met(obj)
    return None
