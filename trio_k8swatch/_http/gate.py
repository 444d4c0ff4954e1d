"""Who of one client may ask the server, and when.

Rule 1: while the server cannot be reached, or asked to be left alone, one attempt at a time is made for all who wait.
Rule 2: any answer lets the others in, spread over a moment.
Rule 3: whoever does not get an answer soon gives the turn on; it may still get its answer.
Rule 4: only what was sent after a refusal says that the server is willing again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

import trio

from trio_k8swatch._backoff_curves import MAX_RETRY_AFTER_SECONDS, Backoff
from trio_k8swatch._errors import Status, TooManyRequests, Unavailable

__all__ = ["Attempt", "Door", "Gate", "Mode"]

_CURVE: Final = Backoff(0.2, 2.2, minimum_seconds=0.1)
"""Forty requests in a minute are enough, and nobody waits for longer than this when the server is back."""

_LEAST_PAUSE_SECONDS: Final = 0.1

_PATIENCE_SECONDS: Final = 2.0
"""Who would have to wait longer for a server that asked to be left alone is told so instead: it has other things to do."""

_TURN_SECONDS: Final = 3.0
"""For so long one attempt keeps the turn, and the next begins no later than this after it."""

_DOUBTED_TURN_SECONDS: Final = 1.0
"""While nothing speaks against the server but that a watch has ended."""

_ANSWER_SECONDS: Final = 4.0
"""In which a server that was away has to answer a watch. Packets that were dropped before it came back are not repeated soon,
so that a fresh attempt is quicker."""

_PATIENT_ANSWER_SECONDS: Final = 15.0
_IMPATIENT_FOR_SECONDS: Final = 60.0
"""After that it is taken for slow, and given more time."""

_CONNECT_SECONDS: Final = 10.0
_SPREAD_SECONDS: Final = 1.0
_SPREAD_EACH_SECONDS: Final = 0.025


class Mode(Enum):
    """What is known about the server."""

    OPEN = "open"
    DOUBTED = "doubted"
    """A watch has ended: perhaps they all do. The next request goes ahead alone."""
    AWAY = "away"
    """The last attempt was not answered."""
    THROTTLED = "throttled"
    """It asked this client to wait."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One request, from its turn to its answer."""

    number: int
    began: float
    answer_seconds: float
    connect_seconds: float
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """What the gate knows, as a value. `number`s count the attempts of one client."""

    mode: Mode = Mode.OPEN
    opens_at: float = 0.0
    """When the next attempt may be made, if not open."""
    failures: int = 0
    since: float = 0.0
    """When it came into this mode."""
    last: int = 0
    """The last attempt that was under way then. What it and older ones still bring is old news."""
    why: str = ""

    def doubted(self, now: float, last: int) -> Door:
        """A watch has ended, however."""
        return Door(Mode.DOUBTED, now, 0, now, last) if self.mode is Mode.OPEN else self

    def failed(self, attempt: Attempt, now: float, last: int, why: str, *, jitter: float) -> Door:
        """`attempt` was not answered. `jitter` is from 0 to 1."""
        if self.mode is Mode.THROTTLED:
            return self
        if attempt.number <= self.last:
            return self.doubted(now, last)
        failures = self.failures + 1 if self.mode is Mode.AWAY else 1
        ceiling = _CURVE.ceiling(failures)
        since = self.since if self.mode is Mode.AWAY else now
        opens_at = max(now + _LEAST_PAUSE_SECONDS, attempt.began + ceiling * (0.75 + jitter / 4))
        return Door(Mode.AWAY, opens_at, failures, since, last, why)

    def refused(self, now: float, seconds: float, last: int) -> Door:
        """The server asked to be left alone for `seconds`."""
        opens_at = now + min(seconds, MAX_RETRY_AFTER_SECONDS)
        return Door(Mode.THROTTLED, opens_at, 0, now, last)

    def answered(self, number: int, now: float, last: int) -> Door:
        """Attempt `number` was answered, other than by a request to wait."""
        if self.mode is Mode.OPEN or (self.mode is Mode.THROTTLED and number <= self.last):
            return self
        return Door(last=last, since=now)

    @property
    def is_open(self) -> bool:
        """Whether anyone may ask."""
        return self.mode is Mode.OPEN

    @property
    def turn_seconds(self) -> float:
        """For how long one attempt keeps the turn."""
        return _DOUBTED_TURN_SECONDS if self.mode is Mode.DOUBTED else _TURN_SECONDS

    def answer_seconds(self, now: float) -> float:
        """In which a watch has to be answered."""
        if self.mode not in {Mode.AWAY, Mode.DOUBTED}:
            return float("inf")
        is_slow = self.mode is Mode.AWAY and now - self.since >= _IMPATIENT_FOR_SECONDS
        return _PATIENT_ANSWER_SECONDS if is_slow else _ANSWER_SECONDS

    @property
    def connect_seconds(self) -> float:
        """In which TCP, and then TLS, have to be there."""
        return _ANSWER_SECONDS if self.mode is Mode.AWAY else _CONNECT_SECONDS


class Gate:
    """The door of one client, and those who wait at it."""

    def __init__(self, rng: Random | None = None) -> None:
        self._rng = rng or Random()
        self._door = Door()
        self._count = 0
        self._turn: Attempt | None = None
        self._queue: deque[object] = deque()
        self._spread = 0.0
        self._changed = trio.Event()
        self._admitted: dict[trio.lowlevel.Task, Attempt] = {}

    # What is known

    @property
    def next_attempt_at(self) -> float | None:
        """When anyone may ask next; None if everyone may now."""
        return None if self._door.is_open else self._may_begin_at()

    def doubt(self) -> None:
        """A watch has ended."""
        self._become(self._door.doubted(trio.current_time(), self._count))

    def accepted(self, attempt: Attempt) -> None:
        """The server answered `attempt` by something else than a request to wait."""
        self._finish(attempt, self._door.answered(attempt.number, trio.current_time(), self._count))

    def refused(self, attempt: Attempt, retry_after: float) -> None:
        """The server asked to be left alone for `retry_after` seconds."""
        self._finish(attempt, self._door.refused(trio.current_time(), retry_after, self._count))

    def failed(self, attempt: Attempt, why: str) -> None:
        """The server did not answer `attempt`."""
        now = trio.current_time()
        door = self._door.failed(attempt, now, self._count, why, jitter=self._rng.random())
        self._finish(attempt, door)

    # Turns

    @asynccontextmanager
    async def admitted(self) -> AsyncGenerator[None]:
        """In here this task may send one request at once. To be waited for outside of limits that are for the server.

        Raises Unavailable when, while this waits, it is found that the server cannot be reached: it has to be told.
        """
        task = trio.lowlevel.current_task()
        attempt = self._admitted[task] = await self._wait(has_patience=True)
        try:
            yield
        finally:
            self._admitted.pop(task, None)
            self._give_turn_on(attempt)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Attempt]:
        """In here a request may be sent. Say `accepted`, `refused` or `failed` before leaving.

        Raises TooManyRequests instead of waiting long for a server that asked to be left alone.
        """
        attempt = self._admitted.pop(trio.lowlevel.current_task(), None) or await self._wait(has_patience=False)
        try:
            yield attempt
        except trio.Cancelled:
            waited = trio.current_time() - attempt.began
            if not attempt.is_over and waited >= _TURN_SECONDS:
                self.failed(attempt, f"no answer within {waited:.0f} s")
            raise
        finally:
            self._give_turn_on(attempt)

    async def _wait(self, *, has_patience: bool) -> Attempt:
        was_away = self._door.mode is Mode.AWAY
        ticket = object()
        self._queue.append(ticket)
        try:
            while not self._door.is_open:
                if not has_patience:
                    self._refuse_long_waits()
                now, begins = trio.current_time(), self._may_begin_at()
                is_first = self._queue[0] is ticket
                if is_first and now >= begins:
                    break
                with trio.CancelScope(deadline=begins if is_first else float("inf")):
                    await self._changed.wait()
                if has_patience and not was_away and self._door.mode is Mode.AWAY:
                    raise Unavailable(self._door.why, may_have_happened=False)
                if self._door.is_open:
                    await trio.sleep(self._rng.uniform(0.0, self._spread))
            return self._begin()
        finally:
            self._queue.remove(ticket)
            self._wake()

    def _begin(self) -> Attempt:
        self._count += 1
        now, door = trio.current_time(), self._door
        attempt = Attempt(self._count, now, door.answer_seconds(now), door.connect_seconds)
        if not door.is_open:
            self._turn = attempt
        return attempt

    def _may_begin_at(self) -> float:
        turn = self._turn
        return self._door.opens_at if turn is None else max(self._door.opens_at, turn.began + self._door.turn_seconds)

    def _refuse_long_waits(self) -> None:
        rest = self._door.opens_at - trio.current_time()
        if self._door.mode is Mode.THROTTLED and rest > _PATIENCE_SECONDS:
            status = Status(code=429, reason="TooManyRequests", message="asked this client to wait")
            message = f"the server asked this client to wait, {rest:.0f} s more"
            raise TooManyRequests(message, status=status, retry_after=rest)

    def _finish(self, attempt: Attempt, door: Door) -> None:
        attempt.is_over = True
        self._give_turn_on(attempt)
        self._become(door)

    def _give_turn_on(self, attempt: Attempt) -> None:
        if self._turn is attempt:
            self._turn = None
            self._wake()

    def _become(self, door: Door) -> None:
        if door != self._door:
            if door.is_open:
                self._spread = min(_SPREAD_SECONDS, _SPREAD_EACH_SECONDS * len(self._queue))
                self._turn = None
            self._door = door
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
