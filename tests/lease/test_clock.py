"""The clock of a lease goes on while trio's stands still."""

from __future__ import annotations

import time

import pytest
import trio

from trio_k8swatch.lease import _clock
from trio_k8swatch.lease._clock import Clock, suspended_seconds


def test_time_in_which_the_machine_was_suspended_counts(monkeypatch) -> None:
    """An hour of it, between two looks at the clock."""
    clocks = {time.CLOCK_MONOTONIC: 1000.0, 99: 1000.0}
    monkeypatch.setattr(_clock, "_BOOT_CLOCK", 99)
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)

    async def look() -> float:
        before = Clock().now()
        clocks[99] += 3600
        return Clock().now() - before

    assert trio.run(look, clock=trio.testing.MockClock()) == 3600


def test_a_system_that_does_not_tell_is_taken_as_never_suspended(monkeypatch) -> None:
    monkeypatch.setattr(_clock, "_BOOT_CLOCK", None)
    assert suspended_seconds() == 0


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux tells")
def test_what_the_system_tells_stands_still_while_the_machine_runs() -> None:
    """Both clocks go on alike, to the time between two looks."""
    before = suspended_seconds()
    time.sleep(0.05)
    assert suspended_seconds() - before < 0.04


async def test_a_scope_is_limited_by_trio_itself(autojump_clock) -> None:
    """Not by a task, which would have to be run first."""
    clock, began = Clock(), trio.current_time()
    with trio.CancelScope() as scope:
        clock.limit(scope, clock.now() + 10)
        await trio.sleep_forever()
    assert trio.current_time() - began == pytest.approx(10, abs=0.01)
