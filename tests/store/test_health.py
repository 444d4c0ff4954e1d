"""What a watch knows about itself."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack

import pytest
import trio
from core_helpers import ScriptedListWatcher, Stream, page, steady, thing
from trio.testing import MockClock

from trio_k8swatch import (
    Added,
    Forbidden,
    K8sWatchError,
    NotFound,
    State,
    Status,
    Unauthorized,
    Unavailable,
    open_watch,
)
from trio_k8swatch._store.health import Vitals

REFUSED = Status(code=400)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Unauthorized("x", status=REFUSED), State.UNAUTHORIZED),
        (Forbidden("x", status=REFUSED), State.FORBIDDEN),
        (NotFound("x", status=REFUSED), State.NOT_SERVED),
        (Unavailable("x"), State.RECONNECTING),
    ],
)
def test_T10_a_failure_shows_by_its_kind(error: K8sWatchError, state: State) -> None:
    """What an operator has to do differs."""
    vitals = Vitals()
    vitals.failed(error, 5, 3, "why")
    health = vitals.seen(6, "7")
    assert (health.state, health.since, health.failures, health.is_failing) == (state, 5, 3, True)
    assert health.reason == "why"


def test_T10_B27_recovery_ends_the_failing_but_keeps_the_error_to_be_read() -> None:
    """One record says it all: no gauge and no flag can disagree."""
    vitals = Vitals()
    vitals.failed(Unavailable("no\nanswer"), 5, 1, "unreachable")
    vitals.recovered(9)
    health = vitals.seen(10, "7")
    assert (health.state, health.since, health.failures, health.is_failing) == (State.LIVE, 9, 0, False)
    assert health.reason is None
    assert (health.last_error, health.last_error_at) == ("Unavailable: no answer", 5)


def test_staleness_counts_from_the_last_confirmation() -> None:
    """By an event, a bookmark or a list; bytes alone confirm nothing; before the first list there is none."""
    vitals = Vitals()
    vitals.last_byte_at = 3
    assert vitals.seen(10, "").staleness == math.inf
    vitals.last_list_at = 4
    assert vitals.seen(10, "").staleness == 6
    vitals.last_event_at = 7
    assert vitals.seen(10, "").staleness == 3
    vitals.last_bookmark_at = 9
    assert vitals.seen(10, "").staleness == 1


def test_a_state_has_one_beginning() -> None:
    """Entering it again is no news."""
    vitals = Vitals()
    vitals.enter(State.LIVE, 1)
    vitals.enter(State.LIVE, 2)
    assert vitals.since == 1


def test_a_watch_that_breaks_is_no_failure_but_can_be_read() -> None:
    """Connections break; what was said is kept."""
    vitals = Vitals()
    vitals.broke(Unavailable("reset"), 5, "broken")
    health = vitals.seen(6, "7")
    assert (health.state, health.is_failing, health.reason) == (State.RECONNECTING, False, "broken")
    assert (health.last_error, health.last_error_at) == ("Unavailable: reset", 5)


def test_health_says_when_the_server_is_asked_next() -> None:
    """As whoever waits knows it at this moment; None while nobody waits."""
    vitals = Vitals()
    assert vitals.seen(1, "").next_attempt_at is None
    vitals.next_attempt = lambda: 7.5
    assert vitals.seen(1, "").next_attempt_at == 7.5


@pytest.mark.parametrize("who", ["a subscriber", "the lock"])
async def test_R20_a_watch_that_waits_for_this_program_is_not_live(who: str, autojump_clock: MockClock) -> None:
    """It said so while the store fell further and further behind; now it says who holds it up, and since when."""
    source = ScriptedListWatcher(page(at=1), watches=[Stream()])
    async with open_watch(source, config=steady()) as store:
        await trio.sleep(5)
        async with AsyncExitStack() as stack:
            if who == "the lock":
                await stack.enter_async_context(store.locked())
            else:
                await stack.enter_async_context(store.subscribe(policy="block", buffer=1, name="slow"))
            source.stream.send(Added(thing("a", 2)), Added(thing("b", 3)))
            await trio.sleep(100)
            health = store.health
            assert (health.state, health.since) == (State.BLOCKED, 5)
            assert health.reason == ("locked()" if who == "the lock" else "subscriber 'slow'")
            assert not health.is_failing
            assert health.staleness >= 100
        await trio.sleep(1)
        health = store.health
        assert (health.state, health.since, health.reason) == (State.LIVE, 0, None)
