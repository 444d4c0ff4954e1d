"""Who of one client may ask the server, and when."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch import TooManyRequests, Unavailable
from trio_k8swatch._http.gate import Gate


class Server:
    """Answers what the gate lets through, as a test says by then: a number is a Retry-After, a text why there is no answer."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.gate = Gate(Random(1))
        self.sent: list[float] = []
        self.answers: list[float | str | None] = []
        self.seconds = seconds
        self.back_at = float("-inf")

    async def request(self) -> None:
        """One request, with whatever is the next answer."""
        async with self.gate.turn() as attempt:
            self.sent.append(trio.current_time())
            await trio.sleep(self.seconds)
            answer = "refused" if trio.current_time() < self.back_at else self.answers.pop(0) if self.answers else None
            if isinstance(answer, str):
                self.gate.failed(attempt, answer)
            elif answer is None:
                self.gate.accepted(attempt)
            else:
                self.gate.refused(attempt, answer)

    async def ask(self) -> None:
        """As a watch does: again and again, until it is answered."""
        while True:
            with suppress(Unavailable):
                async with self.gate.admitted():
                    await self.request()
                    if self.sent[-1] >= self.back_at:
                        return


async def test_nobody_waits_while_the_server_is_willing(autojump_clock: MockClock) -> None:
    """All at once."""
    gate = Gate()
    async with gate.turn(), gate.turn():
        assert trio.current_time() == 0


async def test_after_a_refusal_one_tries_and_the_others_wait_for_how_it_fares(autojump_clock: MockClock) -> None:
    """A hundred watches do not come back at the same moment."""
    server = Server(seconds=1)
    server.answers = [1.5, 2]
    await server.request()
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(server.request)
    # Refused at 1 until 2.5; refused again at 3.5 until 5.5; accepted at 6.5, then all, spread over a moment.
    assert server.sent[:3] == [0, 2.5, 5.5]
    assert all(6.5 <= time <= 7.5 for time in server.sent[3:])
    started = trio.current_time()
    await server.request()
    assert server.sent[-1] == started


async def test_a_server_that_asks_for_a_week_is_not_believed(autojump_clock: MockClock) -> None:
    """Five minutes are enough for anybody; and a call that would wait for long is told so instead."""
    server = Server()
    server.answers = [7 * 86400]
    await server.request()
    with pytest.raises(TooManyRequests, match="300 s more") as caught:
        await server.request()
    assert caught.value.retry_after == 300
    assert trio.current_time() == 0


async def test_who_gives_up_lets_the_next_one_try(autojump_clock: MockClock) -> None:
    """A cancelled request blocks nobody."""
    server = Server()
    server.answers = [1.5]
    await server.request()
    with trio.move_on_after(1):
        await server.request()
    await server.request()
    assert server.sent == [0, 1.5]


async def test_R15_only_what_was_sent_after_a_refusal_lifts_it(autojump_clock: MockClock) -> None:
    """An answer to an older request says nothing about what the server wants now."""
    gate = Gate()
    async with gate.turn() as older, gate.turn() as newer:
        gate.refused(newer, 60)
        gate.accepted(older)
        with pytest.raises(TooManyRequests):
            async with gate.turn():
                raise AssertionError("too early")
    with trio.fail_after(61):
        async with gate.admitted(), gate.turn() as later:
            gate.accepted(later)
    assert trio.current_time() == 60
    assert gate.next_attempt_at is None


async def test_R15_a_request_that_is_not_answered_gives_the_turn_on(autojump_clock: MockClock) -> None:
    """The others do not wait for it for long, and it may still get its answer."""
    server = Server()
    server.answers = [1.0]
    await server.request()

    async def held() -> None:
        async with server.gate.turn() as attempt:
            await trio.sleep(100)
            server.gate.accepted(attempt)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(held)
        await trio.sleep(0.5)
        await server.request()
        assert server.sent == [0, 3.2]
        await server.request()
        assert server.sent == [0, 3.2, 3.2]


async def test_while_the_server_is_away_one_attempt_at_a_time_is_made_for_all(autojump_clock: MockClock) -> None:
    """Forty watches and a minute without an answer: a few requests, three seconds apart at the most; then all are let in."""
    server = Server()
    back_at = server.back_at = 60.0
    server.gate.doubt()
    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(server.ask)
    during = [time for time in server.sent if time < back_at]
    after = [time for time in server.sent if time >= back_at]
    assert len(during) <= 40
    assert all(b - a <= 3.0 for a, b in pairwise(during))
    assert len(after) == 40
    assert after[0] <= back_at + 3.0
    assert after[-1] <= after[0] + 1.0
    assert len({round(time, 1) for time in after}) > 5, "all in one instant"


async def test_who_waits_is_told_that_the_server_is_away(autojump_clock: MockClock) -> None:
    """Once: from then on it knows."""
    server = Server(seconds=0.8)
    server.answers = ["nobody is there"]
    server.gate.doubt()

    async def wait() -> None:
        with pytest.raises(Unavailable, match="nobody is there"):
            async with server.gate.admitted():
                raise AssertionError("too early")
        async with server.gate.admitted():
            told.append(trio.current_time())

    told: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.request)
        await trio.sleep(0.5)
        nursery.start_soon(wait)
    assert len(told) == 1
    assert 0.9 <= told[0] <= 1.0


async def test_a_watch_that_ends_makes_the_next_request_go_ahead_alone(autojump_clock: MockClock) -> None:
    """If they all end at once, one finds out why; if only one has, nothing is lost by it."""
    server = Server(seconds=0.5)
    server.gate.doubt()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(server.request)
    assert server.sent[0] == 0
    assert all(0.5 <= time <= 0.6 for time in server.sent[1:])


async def test_a_request_that_was_cancelled_unanswered_was_a_failure(autojump_clock: MockClock) -> None:
    """Whoever had a limit for it has found out that nobody answers."""
    gate = Gate()
    with trio.move_on_after(30):
        async with gate.turn():
            await trio.sleep_forever()
    assert gate.next_attempt_at is not None
    with trio.move_on_after(1):
        async with gate.turn():
            await trio.sleep_forever()
