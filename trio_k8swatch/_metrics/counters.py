"""What watches have counted, summed over watches of one name.

Rule 1: a tally is written by one thread, without a lock, because it is written for every event.
Rule 2: any thread may read it at any time, so a reader copies before it iterates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Final

__all__ = ["COUNTERS", "Counters", "Histogram"]

COUNTERS: Final = (
    "client_calls",
    "errors",
    "events",
    "list_bytes",
    "relist_requests",
    "relists",
    "watch_reconnects",
)

# A list of a few objects takes milliseconds, one of a large cluster minutes.
_LIST_BOUNDS_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
# No handlers take microseconds; from 0.1 s on they hold up the whole program.
_HANDLER_BOUNDS_SECONDS: Final = (0.00001, 0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)


class Histogram:
    """How often a value was at most so large."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, other: Histogram) -> None:
        """Count all that `other` has counted; it has the same bounds."""
        self._counts = [a + b for a, b in zip(self._counts, list(other._counts), strict=True)]
        self.total += other.total

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound with the number of values up to it, as Prometheus has it."""
        below = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self._counts, strict=True):
            below += count
            rows.append((bound, below))
        return rows


class Counters:
    """The numbers of one watch, or of several together."""

    def __init__(self) -> None:
        self.counts: dict[str, defaultdict[str, int]] = {name: defaultdict(int) for name in COUNTERS}
        """By family, then by the value of its own label ("" where it has none)."""
        self.list_seconds = Histogram(_LIST_BOUNDS_SECONDS)
        self.handler_seconds = Histogram(_HANDLER_BOUNDS_SECONDS)
        self.last_event_at: float | None = None
        """Seconds since the epoch."""
        self.has_gauges = False
        """Whether `alive` and `failing` have ever been anything: from then on they are shown, as 0 too."""
        self.alive = 0
        self.failing = 0

    def add(self, other: Counters) -> None:
        """Count all that `other` has counted."""
        for family, counts in other.counts.items():
            mine = self.counts[family]
            for label, count in dict(counts).items():
                mine[label] += count
        self.list_seconds.add(other.list_seconds)
        self.handler_seconds.add(other.handler_seconds)
        if other.last_event_at is not None:
            self.last_event_at = max(other.last_event_at, self.last_event_at or 0.0)
        self.has_gauges |= other.has_gauges
        self.alive += other.alive
        self.failing += other.failing
