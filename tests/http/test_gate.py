"""Leaving a server alone that asks for it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch import TooManyRequests
from trio_k8swatch._http.gate import Gate


async def test_nobody_waits_while_the_server_is_willing(autojump_clock: MockClock) -> None:
    """All at once."""
    gate = Gate()
    async with gate.turn(), gate.turn():
        assert trio.current_time() == 0


async def test_after_a_refusal_one_tries_and_the_others_wait_for_how_it_fares(autojump_clock: MockClock) -> None:
    """A hundred watches do not come back at the same moment."""
    gate = Gate()
    sent: list[float] = []

    async def request(answers: list[float | None]) -> None:
        async with gate.turn():
            sent.append(trio.current_time())
            await trio.sleep(1)
            retry_after = answers.pop(0)
            if retry_after is None:
                gate.accepted()
            else:
                gate.refused(retry_after)

    answers: list[float | None] = [1.5, 2, None, None, None]
    await request(answers)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(request, answers)
    # Refused at 1 until 2.5; refused again at 3.5 until 5.5; accepted at 6.5, then one after the other, or together.
    assert sent[:3] == [0, 2.5, 5.5]
    assert all(time >= 6.5 for time in sent[3:])
    started = trio.current_time()
    await request([None])
    assert sent[-1] == started


async def test_a_server_that_asks_for_a_week_is_not_believed(autojump_clock: MockClock) -> None:
    """Five minutes are enough for anybody; and who would wait for long is told so instead."""
    gate = Gate()
    gate.refused(7 * 86400)
    with pytest.raises(TooManyRequests, match="300 s more") as caught:
        async with gate.turn():
            raise AssertionError("too early")
    assert caught.value.retry_after == 300
    assert trio.current_time() == 0


async def test_who_gives_up_lets_the_next_one_try(autojump_clock: MockClock) -> None:
    """A cancelled request blocks nobody."""
    gate = Gate()
    gate.refused(1.5)
    with trio.move_on_after(1):
        async with gate.turn():
            raise AssertionError("too early")
    async with gate.turn():
        assert trio.current_time() == 1.5
