"""Changes for work that waits: every subscriber has a queue of its own, and a policy for when it is full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Generic, TypeVar

import trio

from trio_k8swatch._store.deltas import Delta, Put

from .change_queues import Change, OrResync, Policy, queue_for

__all__ = ["Subscription"]

T = TypeVar("T")


class Subscription(AsyncIterator[Change[T]], Generic[T]):
    """An iterator over all that is there, then over all that happens, without gap or repeat (`Store.subscribe`).

    It ends when the watch does, after what had come until then.
    """

    def __init__(self, name: str, policy: Policy, buffer: int, store: Mapping[str, T]) -> None:
        self.name = name
        self._policy = policy
        self._buffer = buffer
        self._queue = queue_for(policy, buffer, store)
        self._arrived = trio.Event()
        self._room = trio.Event()
        self._closed = False
        self.waiting_since: float | None = None
        for key, obj in store.items():
            self._queue.put(key, Change("ADDED", obj, preexisting=True))
        self._note_arrival()

    @property
    def lag(self) -> int:
        """How many changes wait to be taken."""
        return len(self._queue)

    @property
    def age(self) -> float:
        """For how many seconds the subscriber has had something to take and has not taken everything."""
        return 0.0 if self.waiting_since is None else trio.current_time() - self.waiting_since

    def put(self, deltas: Iterable[Delta[T]], store: Mapping[str, T]) -> None:
        """Changes that were committed; `store` holds them already."""
        if isinstance(self._queue, OrResync):
            self._queue.look_at(store)
        for delta in deltas:
            for change in _changes(delta):
                self._queue.put(delta.key, change)
        self._note_arrival()

    @property
    def is_full(self) -> bool:
        """Whether the watch has to wait for this subscriber."""
        return self._policy is Policy.BLOCK and len(self._queue) > self._buffer and not self._closed

    async def room(self) -> None:
        """Wait until the watch may go on."""
        while self.is_full:
            # Several may wait: the watch of each namespace does.
            if self._room.is_set():
                self._room = trio.Event()
            await self._room.wait()

    def close(self) -> None:
        """There will be no more changes, or nobody to take them."""
        self._closed = True
        self._arrived.set()
        self._room.set()

    async def __anext__(self) -> Change[T]:
        """The next change; StopAsyncIteration once the watch has ended and all was taken."""
        await trio.lowlevel.checkpoint()
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            if self._arrived.is_set():
                self._arrived = trio.Event()
            await self._arrived.wait()
        change = self._queue.pop()
        if not self._queue:
            self.waiting_since = None
        if len(self._queue) <= self._buffer:
            self._room.set()
        return change

    def _note_arrival(self) -> None:
        if self._queue:
            if self.waiting_since is None:
                self.waiting_since = trio.current_time()
            self._arrived.set()
        else:
            # A deletion can take back all that waited.
            self.waiting_since = None


def _changes(delta: Delta[T]) -> Iterable[Change[T]]:
    """As handlers see it: a deletion that was witnessed in another state than the last is an update first."""
    if isinstance(delta, Put):
        yield Change("ADDED", delta.new) if delta.old is None else Change("MODIFIED", delta.new, delta.old)
    elif delta.final is None:
        yield Change("DELETED", delta.old, delta.old, may_be_stale=True)
    else:
        yield Change("MODIFIED", delta.final, delta.old)
        yield Change("DELETED", delta.final, delta.final)
