"""What a work queue decides: which key is next, and when.

Rule 1: a key waits at most once, and is worked on at most once at a time.
Rule 2: a key that is added while it is worked on waits again as soon as that work is done; nothing added is lost.
Rule 3: live keys go before background keys, except every eighth; within each of the two it is first come, first served.
Rule 4: nothing here awaits or reads a clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from random import Random
from typing import Final, Generic, NamedTuple, TypeVar

from trio_k8swatch._backoff_curves import RetryPolicy

__all__ = ["QueueState", "Taken"]

K = TypeVar("K", bound=Hashable)

_BACKGROUND_TURN: Final = 8
"""One in so many is taken from the background while live keys wait, so that a busy cluster does not starve a relist."""

_SLACK: Final = 64
"""So many superseded delays may lie about before the heap is made anew."""


class Taken(NamedTuple, Generic[K]):
    """A key to work on, and for how many seconds it has waited."""

    key: K
    waited: float


class QueueState(Generic[K]):
    """Keys that wait, keys that are worked on, keys that wait for their time. Times are seconds of any one clock."""

    def __init__(self, backoff: RetryPolicy, rng: Random) -> None:
        self._backoff = backoff
        self._rng = rng
        # Both in the order of arrival, with the time of it.
        self._live: dict[K, float] = {}
        self._background: dict[K, float] = {}
        self._turn = 0
        # Keys that are worked on, and those of them that were added meanwhile: whether as live ones.
        self.working: set[K] = set()
        self._again: dict[K, bool] = {}
        # The heap may hold delays that were superseded; `_due` says which one counts.
        self._delays: list[tuple[float, int, K]] = []
        self._due: dict[K, tuple[float, int]] = {}
        self._serial = 0
        self.failures: dict[K, int] = {}
        """How often in a row work on a key has failed; nothing for a key that has not."""

    # Adding

    def add(self, key: K, now: float, *, background: bool = False) -> bool:
        """Have `key` worked on; whether that is news: False if it waits already."""
        if key in self.working:
            news = key not in self._again
            self._again[key] = self._again.get(key, False) or not background
            return news
        if key in self._live:
            return False
        if not background:
            news = self._background.pop(key, None) is None
            self._live[key] = now
            return news
        if key in self._background:
            return False
        self._background[key] = now
        return True

    def add_at(self, key: K, when: float) -> None:
        """Have `key` worked on once it is `when`. Of several such times of one key the earliest counts."""
        known = self._due.get(key)
        if known is not None and known[0] <= when:
            return
        self._serial += 1
        self._due[key] = (when, self._serial)
        heappush(self._delays, (when, self._serial, key))
        if len(self._delays) > 2 * len(self._due) + _SLACK:
            self._delays = [(when, serial, key) for key, (when, serial) in self._due.items()]
            heapify(self._delays)

    def retry(self, key: K, now: float) -> float:
        """Work on `key` has failed: have it done again after a pause that grows with each failure; the pause."""
        self.failures[key] = failures = self.failures.get(key, 0) + 1
        delay = self._backoff.delay(failures, self._rng)
        self.add_at(key, now + delay)
        return delay

    def forget(self, key: K) -> None:
        """Work on `key` has gone well: its next failure is its first."""
        self.failures.pop(key, None)

    # Taking

    def take(self, now: float) -> Taken[K] | None:
        """The next key, which is worked on from now on; None if none waits."""
        self._promote(now)
        lane = self._next_lane()
        if not lane:
            return None
        key = next(iter(lane))
        since = lane.pop(key)
        self.working.add(key)
        return Taken(key, max(0.0, now - since))

    def done(self, key: K, now: float) -> bool:
        """Work on `key` has ended, well or not; whether it waits again because it was added meanwhile."""
        self.working.remove(key)
        live = self._again.pop(key, None)
        return live is not None and self.add(key, now, background=not live)

    def _next_lane(self) -> dict[K, float]:
        if not (self._live and self._background):
            return self._live or self._background
        self._turn = (self._turn + 1) % _BACKGROUND_TURN
        return self._live if self._turn else self._background

    def _promote(self, now: float) -> None:
        while self._delays and self._delays[0][0] <= now:
            when, serial, key = heappop(self._delays)
            if self._due.get(key) == (when, serial):
                del self._due[key]
                self.add(key, when)

    # Looking

    def next_due(self) -> float | None:
        """When the next delayed key is due; None if there is none."""
        while self._delays:
            when, serial, key = self._delays[0]
            if self._due.get(key) == (when, serial):
                return when
            heappop(self._delays)
        return None

    def depth(self) -> int:
        """How many keys could be taken now."""
        return len(self._live) + len(self._background)

    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._due)

    def oldest(self) -> float | None:
        """Since when the key that has waited longest has done so; None if none waits."""
        return min((next(iter(lane.values())) for lane in (self._live, self._background) if lane), default=None)

    def waiting(self) -> Iterator[K]:
        """The keys that could be taken now: live ones, then those of the background."""
        yield from self._live
        yield from self._background
