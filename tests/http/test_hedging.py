"""Further attempts at a request that has had no answer for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from random import Random

import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_k8swatch import ConfigError, Unavailable
from trio_k8swatch._http import hedging
from trio_k8swatch._http.gate import Gate
from trio_k8swatch._http.hedging import first_answer
from trio_k8swatch._http.reachability import Attempt


class Body(httpx.AsyncByteStream):
    """Knows whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    async def aclose(self) -> None:
        self.is_closed = True


class Server:
    """Swallows what is sent before `back_at`; answers everything else after so many seconds."""

    def __init__(self, back_at: float = 0.0, seconds: float = 0.0) -> None:
        self.gate = Gate(Random(1))
        self.back_at = back_at
        self.seconds = seconds
        self.sent: list[float] = []
        self.bodies: list[Body] = []
        self.most_at_once = self.at_once = 0

    async def send(self, attempt: Attempt) -> httpx.Response:
        """As `Requests` sends a watch."""
        self.sent.append(trio.current_time())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with trio.move_on_after(attempt.answer_seconds):
                if trio.current_time() < self.back_at:
                    await trio.sleep_forever()
                await trio.sleep(self.seconds)
                self.gate.accepted(attempt)
                self.bodies.append(Body())
                return httpx.Response(200, stream=self.bodies[-1])
            self.gate.failed(attempt, "no answer")
            raise Unavailable("no answer")
        finally:
            self.at_once -= 1

    async def ask(self, *, takes_turns: bool = True) -> float:
        """As a watch does: again and again. When it was answered."""
        while True:
            with suppress(Unavailable):
                await first_answer(self.gate, self.send, takes_turns=takes_turns)
                return trio.current_time()


async def test_what_is_answered_is_sent_once(autojump_clock: MockClock) -> None:
    """However long the answer takes, while nothing speaks against the server."""
    server = Server(seconds=50)
    assert await server.ask() == 50
    assert server.sent == [0]


async def test_a_server_that_swallowed_the_first_attempt_answers_a_later_one(autojump_clock: MockClock) -> None:
    """One watch, all alone, does not wait for the end of its patience."""
    server = Server(back_at=100)
    server.gate.doubt()
    assert 100 <= await server.ask() <= 102.3
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(server.sent))
    assert len(server.sent) <= 12 + 100 / 1.5


async def test_a_slow_server_is_not_given_up_for_being_slow(autojump_clock: MockClock) -> None:
    """The earlier attempts go on; when one is answered the others are cancelled, and nothing is held against the server."""
    server = Server(back_at=20, seconds=10)
    server.gate.doubt()
    assert 30 <= await server.ask() <= 33
    assert server.most_at_once <= 8
    assert server.at_once == 0
    assert server.gate.next_attempt_at is None


async def test_a_list_is_sent_again_only_when_others_are_answered(autojump_clock: MockClock) -> None:
    """It costs the server more than a watch does, so that it takes no turns of its own."""
    server = Server(back_at=30)
    server.gate.doubt()
    times: list[float] = []

    async def send(attempt: Attempt) -> httpx.Response:
        attempt.answer_seconds = float("inf")
        times.append(trio.current_time())
        return await server.send(attempt)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.ask)
        await trio.sleep(3)
        response = await first_answer(server.gate, send, takes_turns=False)
        assert response.status_code == 200
    assert len(times) == 2
    assert times[0] < 30 <= times[1] <= 33.3


async def test_what_the_first_attempt_raises_is_raised_as_it_is(autojump_clock: MockClock) -> None:
    """No group around it, and no further attempt behind it."""
    gate = Gate()

    async def send(attempt: Attempt) -> httpx.Response:
        raise ConfigError("no token")

    with pytest.raises(ConfigError, match="no token"):
        await first_answer(gate, send, takes_turns=True)


async def test_that_a_later_attempt_finds_nobody_does_not_end_the_first(autojump_clock: MockClock) -> None:
    """It may still be answered; any other error of a later attempt is the answer."""
    gate, count = Gate(), 0

    async def send(attempt: Attempt) -> httpx.Response:
        nonlocal count
        count += 1
        if count > 1:
            gate.failed(attempt, "refused")
            raise Unavailable("refused")
        await trio.sleep(10)
        gate.accepted(attempt)
        return httpx.Response(200)

    async with gate.turn() as attempt:
        gate.failed(attempt, "refused")
    assert (await first_answer(gate, send, takes_turns=True)).status_code == 200
    assert count > 2


async def test_a_server_that_turns_out_to_be_away_is_told_at_once(autojump_clock: MockClock) -> None:
    """Whoever asks has to know; from then on it is known, and attempts go on while there is one under way."""
    server = Server(back_at=30)
    server.gate.doubt()
    with pytest.raises(Unavailable):
        await first_answer(server.gate, server.send, takes_turns=True)
    assert trio.current_time() == 4
    await first_answer(server.gate, server.send, takes_turns=True)
    assert 30 <= trio.current_time() <= 32.3


async def test_an_answer_that_came_too_late_is_closed(autojump_clock: MockClock) -> None:
    """Two at the same moment: one is handed over, and the connection of the other is not left open."""
    server = Server()
    server.gate.doubt()
    bodies = server.bodies

    async def send(attempt: Attempt) -> httpx.Response:
        with trio.CancelScope(shield=True):
            await trio.sleep_until(10)
        bodies.append(Body())
        return httpx.Response(200, stream=bodies[-1])

    response = await first_answer(server.gate, send, takes_turns=True)
    assert len(bodies) > 1
    assert [body.is_closed for body in bodies].count(False) == 1
    assert not response.is_closed


async def test_an_answer_that_comes_with_a_cancellation_is_closed(autojump_clock: MockClock) -> None:
    """Nobody is left to close it."""
    body = Body()
    gate = Gate()
    with trio.CancelScope() as scope:

        async def send(attempt: Attempt) -> httpx.Response:
            scope.cancel()
            return httpx.Response(200, stream=body)

        await first_answer(gate, send, takes_turns=True)
    assert scope.cancelled_caught
    assert body.is_closed


def course(back_at: float, seconds: float, watches: int) -> tuple[Server, list[float]]:
    """So many watches of one client that all ask at the beginning of the outage."""

    async def main() -> tuple[Server, list[float]]:
        server, answered = Server(back_at, seconds), list[float]()

        async def one() -> None:
            answered.append(await server.ask())

        server.gate.doubt()
        async with trio.open_nursery() as nursery:
            for _ in range(watches):
                nursery.start_soon(one)
        return server, answered

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def check_lag(back_at: float, seconds: float, watches: int) -> None:
    """All are answered within a turn, the answer itself, and the second over which they are spread."""
    _, answered = course(back_at, seconds, watches)
    assert max(answered) <= back_at + 2.2 + seconds * 2 + 1.0 + 0.001


def check_budget(back_at: float, seconds: float, watches: int) -> None:
    """The attempts during an outage are those that one watch would make, however many wait."""
    server, _ = course(back_at, seconds, watches)
    assert len([time for time in server.sent if time < back_at]) <= 12 + back_at / 1.5


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 300), st.floats(0, 3), st.integers(1, 12))
def test_silent_outages_end_soon_and_cost_little(back_at: float, seconds: float, watches: int) -> None:
    """For any length, and also if the server is slow when it is back."""
    check_lag(back_at, seconds, watches)
    check_budget(back_at, seconds, watches)


async def never(*args: object, **kwargs: object) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("owner", "name", "value", "law"),
    [
        (hedging._Race, "hedge", never, check_lag),
        (Gate, "_may_begin_at", lambda self: 0.0, check_budget),
    ],
    ids=["no further attempts", "attempts that wait for no turn"],
)
def test_the_laws_fail_when_a_rule_is_broken(
    owner: type, name: str, value: object, law: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it would be noticed; and as they are, they hold."""
    law(50.0, 0.5, 3)
    monkeypatch.setattr(owner, name, value)
    with pytest.raises(AssertionError):
        law(50.0, 0.5, 3)
