"""What time it is in the cluster: trio's clock, and the timestamps it stands for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import trio

_HAIR_SECONDS: Final = 1e-6


class Clock:
    """Seconds since this server was first used, by trio's clock, so that virtual time works.

    Outside of trio (a fixture, a module that prepares objects) time stands still.
    """

    def __init__(self, epoch: datetime) -> None:
        self._epoch = epoch.astimezone(UTC)
        self._offset: float | None = None
        self._last = 0.0
        # The moment of what is being done late: it is to look as if it had been done in time.
        self._held: float | None = None
        # What is the same for a whole second: the second, and its timestamp.
        self._second: tuple[int, str] = (-1, "")

    @contextmanager
    def held_at(self, seconds: float) -> Generator[None]:
        """Let it be that moment for the length of the block."""
        self._held = seconds
        try:
            yield
        finally:
            self._held = None

    def now(self) -> float:
        """Seconds since the start; never less than before, even if trio is run again."""
        passed = self._passed()
        return passed if self._held is None else self._held

    def _passed(self) -> float:
        try:
            time = trio.current_time()
        except RuntimeError:
            return self._last
        if self._offset is None or time + self._offset < self._last:
            self._offset = self._last - time
        self._last = time + self._offset
        return self._last

    def reached(self, seconds: float) -> bool:
        """Whether that moment has come; sums of floats may make it a hair later than the alarm for it."""
        return self.now() >= seconds - _HAIR_SECONDS

    def trio_time(self, seconds: float) -> float:
        """The moment on trio's clock that is `seconds` after the start."""
        self._passed()
        return seconds - (self._offset or 0.0)

    def datetime(self) -> datetime:
        """The cluster's wall clock."""
        return self._epoch + timedelta(seconds=self.now())

    def timestamp(self) -> str:
        """The cluster's wall clock as `metadata.creationTimestamp` has it."""
        moment = self.datetime()
        second = int(moment.timestamp())
        if self._second[0] != second:
            self._second = (second, timestamp(moment))
        return self._second[1]


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC and whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
