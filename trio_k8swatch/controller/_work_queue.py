"""A queue of keys to work on, for any number of workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from random import Random
from typing import Final, Generic, TypeVar

import trio

from trio_k8swatch._backoff_curves import Backoff, RetryPolicy
from trio_k8swatch._errors import ConfigError

from ._queue_state import QueueState, Taken

__all__ = ["RETRY_AFTER", "WorkQueue"]

K = TypeVar("K", bound=Hashable)

RETRY_AFTER: Final = Backoff(initial_seconds=0.5, maximum_seconds=300.0, minimum_seconds=0.005)
"""Unlike a watch, a key that fails costs the server little at first, and is not to be asked about for ever."""


class WorkQueue(Generic[K]):
    """Keys that wait to be worked on, each once however often it is added.

    Two workers never have one key at a time. A key that is added while it is worked on waits again when that work is done.
    Live keys go before those added with `background=True`, except for every eighth; keys of a kind go in the order in which
    they came, so a key that is added all the time does not hold up the others. Adding never blocks: handlers may do it.
    For use within one trio run; taking and adding cost O(log n) at most.
    """

    def __init__(self, *, retry_after: RetryPolicy = RETRY_AFTER, rng: Random | None = None) -> None:
        self._state: QueueState[K] = QueueState(retry_after, rng or Random())
        self._takers = trio.lowlevel.ParkingLot()
        self._closed = False

    def __len__(self) -> int:
        """How many keys could be taken now; delayed ones do not count."""
        return self._state.depth()

    def __repr__(self) -> str:
        state = self._state
        return f"<WorkQueue: {state.depth()} wait, {state.delayed()} delayed, {len(state.working)} worked on>"

    def add(self, key: K, *, background: bool = False) -> bool:
        """Have `key` worked on; False if it waits for that already, or the queue is closed.

        `background=True` is for what is not urgent, such as everything that the first list brought.
        """
        news = not self._closed and self._state.add(key, trio.current_time(), background=background)
        if news:
            self._takers.unpark()
        return news

    def add_after(self, key: K, seconds: float) -> None:
        """Add `key` in `seconds`. It may be added before, too; of several delays of one key the shortest counts."""
        if not 0 <= seconds < float("inf"):
            raise ConfigError(f"add_after({key!r}, {seconds!r}): needs a finite number of seconds, 0 or more")
        if not self._closed:
            self._state.add_at(key, trio.current_time() + seconds)
            self._takers.unpark()

    def retry(self, key: K) -> float:
        """Work on `key` has failed: add it again after a pause that grows with each failure in a row; the pause."""
        delay = 0.0 if self._closed else self._state.retry(key, trio.current_time())
        self._takers.unpark()
        return delay

    def forget(self, key: K) -> None:
        """Work on `key` has gone well: the pause after its next failure is the shortest again."""
        self._state.forget(key)

    def failures(self, key: K) -> int:
        """How often in a row `retry` was called for `key`."""
        return self._state.failures.get(key, 0)

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[K]:
        """Wait for a key, and work on it in the block: no other worker has it until the block ends, however it ends.

        An exception in the block does not bring the key back: `retry` does. Raises `trio.EndOfChannel` when the queue is
        closed.
        """
        taken = await self.next_key()
        try:
            yield taken.key
        finally:
            self.done(taken.key)

    async def next_key(self) -> Taken[K]:
        """As `take`, with the seconds that the key has waited; `done` has to follow."""
        await trio.lowlevel.checkpoint()
        while not self._closed:
            taken = self._state.take(trio.current_time())
            if taken is not None:
                if self._state.depth():
                    # Several may have become due together, and a timer woke only one of us.
                    self._takers.unpark()
                return taken
            due = self._state.next_due()
            with trio.CancelScope(deadline=float("inf") if due is None else due):
                await self._takers.park()
        raise trio.EndOfChannel("the queue is closed")

    def done(self, key: K) -> None:
        """Work on a key that `next_key` gave has ended."""
        if self._state.done(key, trio.current_time()):
            self._takers.unpark()

    def close(self) -> None:
        """Hand out no more keys: tasks that wait in `take` get `trio.EndOfChannel`, and adding has no effect.

        Work that is being done is not touched. May be called twice.
        """
        self._closed = True
        self._takers.unpark_all()

    # What probes and metrics look at

    @property
    def delayed(self) -> int:
        """How many keys wait for their time to come."""
        return self._state.delayed()

    @property
    def working(self) -> frozenset[K]:
        """The keys that are worked on."""
        return frozenset(self._state.working)

    def oldest_since(self) -> float | None:
        """Since when, by trio's clock, the key that has waited longest could have been taken; None if none waits."""
        return self._state.oldest()

    @property
    def oldest_seconds(self) -> float:
        """For how long the key that has waited longest could have been taken; 0 if none waits."""
        oldest = self._state.oldest()
        return 0.0 if oldest is None else max(0.0, trio.current_time() - oldest)
