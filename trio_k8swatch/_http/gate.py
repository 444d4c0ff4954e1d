"""Who of one client may ask the server, and when.

Rule 1: while the server cannot be reached, or asked to be left alone, one attempt at a time is made for all who wait.
Rule 2: any answer lets the others in, spread over a moment.
Rule 3: whoever does not get an answer soon gives the turn on; it may still get its answer.
Rule 4: a request that may be repeated takes turns for further attempts meanwhile, as one of those who wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from random import Random
from typing import Final

import trio

from trio_k8swatch._errors import Status, TooManyRequests, Unavailable

from .reachability import TURN_SECONDS, Attempt, Mode, Reachability

__all__ = ["Gate"]

_PATIENCE_SECONDS: Final = 2.0
"""A caller that would have to wait longer for a throttling server gets an error instead: it may have other things to do."""

_SPREAD_SECONDS: Final = 1.0
_SPREAD_EACH_SECONDS: Final = 0.025


class _Waits(Enum):
    """What ends waiting for a turn early."""

    BRIEFLY = "briefly"
    """That the server asked to be left alone for long."""
    UNTIL_AWAY = "until away"
    """That it turns out to be unreachable."""
    PATIENTLY = "patiently"


class Gate:
    """The gate of one client, and those who wait at it."""

    def __init__(self, rng: Random | None = None) -> None:
        self._rng = rng or Random()
        self._known = Reachability()
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
        return None if self._known.is_open else self._may_begin_at()

    def doubt(self) -> None:
        """A watch has ended."""
        self._become(self._known.doubted(trio.current_time(), self._count))

    def accepted(self, attempt: Attempt) -> None:
        """The server answered `attempt` by something else than a request to wait."""
        self._finish(attempt, self._known.answered(attempt.number, trio.current_time(), self._count))

    def refused(self, attempt: Attempt, retry_after: float) -> None:
        """The server asked to be left alone for `retry_after` seconds."""
        self._finish(attempt, self._known.refused(trio.current_time(), retry_after, self._count))

    def failed(self, attempt: Attempt, why: str) -> None:
        """The server did not answer `attempt`."""
        now = trio.current_time()
        self._finish(attempt, self._known.failed(attempt, now, self._count, why, jitter=self._rng.random()))

    # Turns

    @asynccontextmanager
    async def admitted(self) -> AsyncGenerator[None]:
        """In here this task may send one request at once. To be waited for outside of limits that are for the server.

        Raises Unavailable when, while this waits, it is found that the server cannot be reached: the caller has to know.
        """
        task = trio.lowlevel.current_task()
        attempt = self._admitted[task] = await self._wait(_Waits.UNTIL_AWAY)
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
        attempt = self._admitted.pop(trio.lowlevel.current_task(), None) or await self._wait(_Waits.BRIEFLY)
        with self._holding(attempt):
            yield attempt

    @asynccontextmanager
    async def hedge(self, earlier: Attempt, *, takes_turns: bool) -> AsyncGenerator[Attempt]:
        """As `turn`, to send the request of `earlier` once more, which has not been answered for a while.

        Waits until it may have been lost while the server was away; with `takes_turns` also for a turn while it still is.
        """
        await trio.sleep_until(earlier.began + TURN_SECONDS)
        while not self._known.allows_hedge(earlier, takes_turns=takes_turns):
            await self._changed.wait()
        if self._known.is_open:
            await trio.sleep(self._rng.uniform(0.0, self._spread))
        attempt = await self._wait(_Waits.PATIENTLY)
        with self._holding(attempt):
            yield attempt

    @contextmanager
    def _holding(self, attempt: Attempt) -> Generator[None]:
        try:
            yield
        except trio.Cancelled:
            waited = trio.current_time() - attempt.began
            if not attempt.is_over and waited >= TURN_SECONDS:
                self.failed(attempt, f"no answer within {waited:.0f} s")
            raise
        finally:
            self._give_turn_on(attempt)

    async def _wait(self, how: _Waits) -> Attempt:
        was_away = self._known.mode is Mode.AWAY
        ticket = object()
        self._queue.append(ticket)
        try:
            while not self._known.is_open:
                if how is _Waits.BRIEFLY:
                    self._refuse_long_waits()
                now, begins = trio.current_time(), self._may_begin_at()
                is_first = self._queue[0] is ticket
                if is_first and now >= begins:
                    break
                with trio.CancelScope(deadline=begins if is_first else float("inf")):
                    await self._changed.wait()
                if how is _Waits.UNTIL_AWAY and not was_away and self._known.mode is Mode.AWAY:
                    raise Unavailable(self._known.why, may_have_happened=False)
                if self._known.is_open:
                    await trio.sleep(self._rng.uniform(0.0, self._spread))
            return self._begin()
        finally:
            self._queue.remove(ticket)
            self._wake()

    def _begin(self) -> Attempt:
        self._count += 1
        known = self._known
        attempt = Attempt(self._count, trio.current_time(), known.mode, known.answer_seconds, known.connect_seconds)
        if not known.is_open:
            self._turn = attempt
        return attempt

    def _may_begin_at(self) -> float:
        turn = self._turn
        return (
            self._known.opens_at if turn is None else max(self._known.opens_at, turn.began + self._known.turn_seconds)
        )

    def _refuse_long_waits(self) -> None:
        rest = self._known.opens_at - trio.current_time()
        if self._known.mode is Mode.THROTTLED and rest > _PATIENCE_SECONDS:
            status = Status(code=429, reason="TooManyRequests", message="asked this client to wait")
            message = f"the server asked this client to wait, {rest:.0f} s more"
            raise TooManyRequests(message, status=status, retry_after=rest)

    def _finish(self, attempt: Attempt, known: Reachability) -> None:
        attempt.is_over = True
        self._give_turn_on(attempt)
        self._become(known)

    def _give_turn_on(self, attempt: Attempt) -> None:
        if self._turn is attempt:
            self._turn = None
            self._wake()

    def _become(self, known: Reachability) -> None:
        if known != self._known:
            if known.is_open:
                self._spread = min(_SPREAD_SECONDS, _SPREAD_EACH_SECONDS * len(self._queue))
                self._turn = None
            self._known = known
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
