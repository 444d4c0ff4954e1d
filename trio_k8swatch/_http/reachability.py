"""What the attempts to reach a server have shown of it, as a value.

Rule 1: any answer shows that it is there.
Rule 2: only what was sent after a refusal says that the server is willing again.
Rule 3: numbers in, numbers out; `Gate` has the clock and the dice.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from trio_k8swatch._backoff_curves import MAX_RETRY_AFTER_SECONDS, Backoff

__all__ = ["TURN_SECONDS", "Attempt", "Mode", "Reachability"]

_CURVE: Final = Backoff(0.2, 2.2, minimum_seconds=0.1)
"""Forty requests in a minute are enough, and nobody waits for longer than this when the server is back."""

_LEAST_PAUSE_SECONDS: Final = 0.1

TURN_SECONDS: Final = 2.2
"""For so long one attempt keeps the turn, and the next begins no later than this after it: as `_CURVE`."""

_DOUBTED_TURN_SECONDS: Final = 1.0
"""While nothing speaks against the server but that a watch has ended."""

_DOUBTED_ANSWER_SECONDS: Final = 4.0
"""In which a watch has to be answered when another has ended, before the server is taken to be away."""

_AWAY_ANSWER_SECONDS: Final = 15.0
"""The same while it is away: it may only be slow. Meanwhile there are fresh attempts, see `hedging`."""

_CONNECT_SECONDS: Final = 10.0
_AWAY_CONNECT_SECONDS: Final = 4.0
"""Packets that were dropped before a server came back are not repeated soon, so that a fresh attempt is quicker."""


class Mode(Enum):
    """What is known about the server."""

    OPEN = "open"
    DOUBTED = "doubted"
    """A watch has ended: perhaps they all do. The next request goes ahead alone."""
    AWAY = "away"
    """The last attempt was not answered."""
    THROTTLED = "throttled"
    """It asked this client to wait."""


class Attempt(msgspec.Struct, eq=False):
    """One request, from its turn to its answer."""

    number: int
    began: float
    mode: Mode
    """What was known when it began."""
    answer_seconds: float
    connect_seconds: float
    is_over: bool = False


class Reachability(msgspec.Struct, frozen=True):
    """What is known. `number`s count the attempts of one client."""

    mode: Mode = Mode.OPEN
    opens_at: float = 0.0
    """When the next attempt may be made, if not open."""
    failures: int = 0
    since: float = 0.0
    """When it came into this mode."""
    last: int = 0
    """The last attempt that was under way then. What it and older ones still bring is old news."""
    why: str = ""

    def doubted(self, now: float, last: int) -> Reachability:
        """A watch has ended, however."""
        return Reachability(Mode.DOUBTED, now, 0, now, last) if self.mode is Mode.OPEN else self

    def failed(self, attempt: Attempt, now: float, last: int, why: str, *, jitter: float) -> Reachability:
        """`attempt` was not answered. `jitter` is from 0 to 1."""
        if self.mode is Mode.THROTTLED:
            return self
        if attempt.number <= self.last:
            # That one was lost which had begun before is no news; that it breaks at this moment is.
            return self if now - attempt.began >= TURN_SECONDS else self.doubted(now, last)
        failures = self.failures + 1 if self.mode is Mode.AWAY else 1
        ceiling = _CURVE.ceiling(failures)
        since = self.since if self.mode is Mode.AWAY else now
        opens_at = max(now + _LEAST_PAUSE_SECONDS, attempt.began + ceiling * (0.75 + jitter / 4))
        return Reachability(Mode.AWAY, opens_at, failures, since, last, why)

    def refused(self, now: float, seconds: float, last: int) -> Reachability:
        """The server asked to be left alone for `seconds`."""
        opens_at = now + min(seconds, MAX_RETRY_AFTER_SECONDS)
        return Reachability(Mode.THROTTLED, opens_at, 0, now, last)

    def answered(self, number: int, now: float, last: int) -> Reachability:
        """Attempt `number` was answered, other than by a request to wait."""
        if self.mode is Mode.OPEN or (self.mode is Mode.THROTTLED and number <= self.last):
            return self
        return Reachability(last=last, since=now)

    @property
    def is_open(self) -> bool:
        """Whether anyone may ask."""
        return self.mode is Mode.OPEN

    @property
    def turn_seconds(self) -> float:
        """For how long one attempt keeps the turn."""
        return _DOUBTED_TURN_SECONDS if self.mode is Mode.DOUBTED else TURN_SECONDS

    @property
    def answer_seconds(self) -> float:
        """In which a watch has to be answered."""
        if self.mode is Mode.DOUBTED:
            return _DOUBTED_ANSWER_SECONDS
        return _AWAY_ANSWER_SECONDS if self.mode is Mode.AWAY else float("inf")

    def allows_hedge(self, attempt: Attempt, *, takes_turns: bool) -> bool:
        """Whether the unanswered `attempt` is worth another one: it may have been lost while the server was away.

        That others are answered, and have been only since `attempt` began, shows it. `takes_turns`: so does that the server
        has not been reached since.
        """
        return self.since > attempt.began if self.is_open else takes_turns and self.mode is not Mode.THROTTLED

    @property
    def connect_seconds(self) -> float:
        """In which TCP, and then TLS, have to be there."""
        return _AWAY_CONNECT_SECONDS if self.mode is Mode.AWAY else _CONNECT_SECONDS
