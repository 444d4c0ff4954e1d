"""How long to wait before the server is asked again."""

from __future__ import annotations

from random import Random
from typing import Final, Protocol

import msgspec

from ._errors import ConfigError

__all__ = ["MAX_RETRY_AFTER_SECONDS", "Adaptive", "Backoff", "RetryPolicy", "TimeRange"]

MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""A server that asks for more is lying or broken; a watch must not sleep for a week on one header."""

_MAX_FACTOR: Final = 100
_MAX_EXPONENT: Final = 60
"""More would only overflow: the ceiling is long reached."""


class RetryPolicy(Protocol):
    """What `WatchConfig.retry_*_after` takes; `Adaptive`, `TimeRange` and `Backoff` come with the library."""

    def delay(self, failures: int, rng: Random) -> float:
        """Seconds to wait after this many failures in a row (from 1)."""
        ...

    @property
    def reset_after_seconds(self) -> float:
        """After how many seconds without failure counting begins anew."""
        ...


class TimeRange(msgspec.Struct, frozen=True):
    """A span of seconds, any point of which is as likely as another, both ends included."""

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


class Backoff(msgspec.Struct, frozen=True):
    """Exponential, with full jitter: after the n-th failure anything up to `initial * factor ** (n-1)`, at most `maximum`.

    Never less than `minimum`. The count starts again only after `reset_after_seconds` without a failure, so that a server
    which lets us in and throws us out is not a server that has recovered. The defaults are those of client-go's reflector.
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


class Adaptive(msgspec.Struct, frozen=True):
    """The default: what follows a failure depends on what failed, and on what the attempt had brought.

    A watch that breaks is resumed at once, an unreachable server is asked again within three seconds, a refusal is repeated
    slowly; nothing is repeated quickly for long. The page on recovery has the whole table.
    """

    def delay(self, failures: int, rng: Random) -> float:
        """For a caller that knows nothing but the count: as for a server that cannot be reached."""
        return rng.uniform(0.1, min(3.0, 0.2 * 2.0 ** min(failures - 1, _MAX_EXPONENT)))

    @property
    def reset_after_seconds(self) -> float:
        """Nothing is counted for longer than until something is heard; this is for who counts failures in a row."""
        return 120.0
