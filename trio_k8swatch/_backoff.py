"""How long to wait before the server is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from ._errors import ConfigError

__all__ = ["MAX_RETRY_AFTER_SECONDS", "Backoff", "Pacer", "RetryPolicy", "TimeRange"]

MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""A server that asks for more is lying or broken; a watch must not sleep for a week on one header."""

_SPREAD: Final = 0.1
"""Of a Retry-After, so that all who were told the same number do not come back together."""

_MAX_FACTOR: Final = 100
_MAX_EXPONENT: Final = 60
"""More would only overflow: the ceiling is long reached."""


class RetryPolicy(Protocol):
    """What `WatchConfig.retry_*_after` takes; `TimeRange` and `Backoff` are the two that come with the library."""

    def delay(self, failures: int, rng: Random) -> float:
        """Seconds to wait after this many failures in a row (from 1)."""
        ...

    @property
    def reset_after_seconds(self) -> float:
        """After how many seconds without failure counting begins anew."""
        ...


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of seconds, any point of which is as likely as another, both ends included (seed row U8, repaired)."""

    min_seconds: float
    max_seconds: float

    def __post_init__(self) -> None:
        if not (0 <= self.min_seconds <= self.max_seconds < float("inf") and self.max_seconds > 0):
            raise ConfigError(
                f"TimeRange({self.min_seconds}, {self.max_seconds}):"
                " needs 0 <= min_seconds <= max_seconds, max_seconds > 0, finite"
            )

    def random(self, rng: Random) -> float:
        """A number of seconds in the range."""
        return rng.uniform(self.min_seconds, self.max_seconds)

    def delay(self, failures: int, rng: Random) -> float:
        """The same range however often it failed."""
        del failures
        return self.random(rng)

    @property
    def reset_after_seconds(self) -> float:
        """Nothing grows; this is only for counting failures in a row."""
        return 120.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, with full jitter: after the n-th failure anything up to `initial * factor ** (n-1)`, at most `maximum`.

    Never less than `minimum`. The count starts again only after `reset_after_seconds` without a failure, so that a server
    which lets us in and throws us out is not a server that has recovered. Defaults as client-go's reflector has them.
    """

    initial_seconds: float = 0.8
    maximum_seconds: float = 30.0
    factor: float = 2.0
    minimum_seconds: float = 0.1
    reset_after_seconds: float = 120.0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum_seconds <= self.initial_seconds <= self.maximum_seconds < float("inf"):
            raise ConfigError(f"{self}: needs 0 <= minimum <= initial <= maximum, finite")
        if not (1 <= self.factor <= _MAX_FACTOR and self.reset_after_seconds >= 0):
            raise ConfigError(f"{self}: needs 1 <= factor <= {_MAX_FACTOR} and reset_after_seconds >= 0")

    def ceiling(self, failures: int) -> float:
        """The longest wait after this many failures in a row."""
        return min(self.maximum_seconds, self.initial_seconds * self.factor ** min(failures - 1, _MAX_EXPONENT))

    def delay(self, failures: int, rng: Random) -> float:
        """Anywhere between the minimum and the ceiling."""
        return rng.uniform(self.minimum_seconds, self.ceiling(failures))


class Pacer:
    """Counts the failures of one watch, whatever their cause, and says how long each has to be followed by silence."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failures = 0
        self._last_failure = 0.0

    @property
    def failures(self) -> int:
        """How many in a row, since the last healthy period."""
        return self._failures

    def failed(self, now: float, policy: RetryPolicy, *, retry_after: float | None = None) -> float:
        """Take note of a failure; the seconds to wait now. What the server asked for wins over the curve."""
        if now - self._last_failure >= policy.reset_after_seconds:
            self._failures = 0
        self._failures += 1
        if retry_after is None:
            delay = policy.delay(self._failures, self._rng)
        else:
            asked = min(max(retry_after, 0.0), MAX_RETRY_AFTER_SECONDS)
            delay = asked * (1 + _SPREAD * self._rng.random()) if asked else policy.delay(self._failures, self._rng)
        # The healthy period begins when the wait is over, not while we are still waiting.
        self._last_failure = now + delay
        return delay
