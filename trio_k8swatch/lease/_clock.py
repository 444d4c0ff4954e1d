"""The clock of a lease, also when it stops or jumps."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import trio

__all__ = ["Clock", "SeenTime"]

_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has it. CLOCK_MONOTONIC, by which trio sleeps, stands still while the machine is suspended."""


class Clock:
    """The clock of this machine. Another in tests, which goes wrong."""

    def now(self) -> float:
        """Seconds, of any beginning."""
        # In this order the sum is never later than the time at which it is returned, wherever the thread is held up.
        return trio.current_time() + suspended_seconds()

    def utc(self) -> datetime:
        """The time as people read it. It may jump: nothing is ever decided by it."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Sleep by trio's clock: time for which the machine is suspended comes on top."""
        await trio.sleep(seconds)

    def limit(self, scope: trio.CancelScope, when: float) -> None:
        """Have trio cancel a scope then, before it runs anything else that is due: later, if the machine is suspended."""
        scope.deadline = trio.current_time() + when - self.now()


class SeenTime:
    """Seconds that were seen to pass: between two looks at the clock no more than `most_seconds` do, whatever it says."""

    def __init__(self, clock: Clock, most_seconds: float) -> None:
        self._clock = clock
        self._most_seconds = most_seconds
        self._seconds = 0.0
        self._looked_at = clock.now()

    async def count(self) -> None:
        """Look at the clock twice in that time, until cancelled."""
        while True:
            await self._clock.sleep(self._most_seconds / 2)
            self.now()

    def now(self) -> float:
        """How many there were."""
        now = self._clock.now()
        self._seconds += min(now - self._looked_at, self._most_seconds)
        self._looked_at = now
        return self._seconds


def suspended_seconds() -> float:
    """For how long this machine has been suspended since it was started; 0 where the system does not tell."""
    if _BOOT_CLOCK is None:
        return 0.0
    awake = time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.clock_gettime(_BOOT_CLOCK) - awake
