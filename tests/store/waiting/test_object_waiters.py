"""Waking up for one object, and never missing it."""

from __future__ import annotations

import gc

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_k8swatch import WatchStopped
from trio_k8swatch._store.waiting.object_waiters import Listener, Listeners


async def is_ready(listener: Listener) -> bool:
    """Whether `wait` returns without anything more to happen."""
    with trio.move_on_after(0.5):
        await listener.wait()
        return True
    return False


async def test_U1_U2_T5_a_listener_hears_only_what_comes_after_it(autojump_clock: MockClock) -> None:
    """What it was made from, its maker has seen."""
    listeners = Listeners()
    first = listeners.listen("a")
    listeners.tell("a", deleted=False)
    second = listeners.listen("a")
    assert await is_ready(first)
    assert not await is_ready(second)


async def test_U3_U4_many_changes_are_one_wake_up_and_none_is_lost(autojump_clock: MockClock) -> None:
    """Neither between making and waiting, nor between two waits."""
    listeners = Listeners()
    listener = listeners.listen("a")
    for _ in range(3):
        listeners.tell("a", deleted=False)
    assert await is_ready(listener)
    assert not await is_ready(listener)
    listeners.tell("b", deleted=False)
    assert not await is_ready(listener)
    listeners.tell("a", deleted=False)
    assert await is_ready(listener)


async def test_U3_a_wake_up_is_not_lost_to_a_wait_that_was_cancelled(autojump_clock: MockClock) -> None:
    """A time-out that comes together with the change leaves the change for the next wait."""
    listeners = Listeners()
    listener = listeners.listen("a")
    listeners.tell("a", deleted=False)
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.wait()
    assert scope.cancelled_caught
    assert await is_ready(listener)


async def test_T6_a_deletion_wakes_and_is_told(autojump_clock: MockClock) -> None:
    """For good; an object of the same key that comes later is another one."""
    listeners = Listeners()
    listener = listeners.listen("a")
    assert not listener.deleted
    listeners.tell("a", deleted=True)
    again = listeners.listen("a")
    for _ in range(2):
        assert await is_ready(listener)
        assert listener.deleted
    listeners.tell("a", deleted=False)
    assert listener.deleted
    assert not again.deleted
    assert await is_ready(again)


async def test_T6_the_end_of_the_watch_wakes_everybody(autojump_clock: MockClock) -> None:
    """After the changes that came before it; and those that come too late."""
    listeners = Listeners()
    idle, changed = listeners.listen("a"), listeners.listen("b")
    listeners.tell("b", deleted=False)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(WatchStopped, match="over"):
                await idle.wait()

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        listeners.stop("over")
    assert await is_ready(changed)
    for listener in (changed, listeners.listen("c")):
        with pytest.raises(WatchStopped):
            await listener.wait()


def test_T5_nothing_is_kept_for_objects_that_nobody_listens_to() -> None:
    """The Go package kept a broadcaster until the object was deleted."""
    listeners = Listeners()
    kept = [listeners.listen("a"), listeners.listen("a")]
    listeners.listen("b")
    gc.collect()
    assert len(listeners) == 1
    kept.clear()
    gc.collect()
    assert len(listeners) == 0
    listeners.tell("a", deleted=False)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["tell", "wait", "cancelled wait", "new"]), max_size=30))
def test_U3_a_wait_returns_exactly_if_something_happened_since(script: list[str]) -> None:
    """Since the listener was made, or its last wait returned."""

    async def live() -> None:
        listeners = Listeners()
        listener, unseen = listeners.listen("a"), False
        for step in script:
            if step == "tell":
                listeners.tell("a", deleted=False)
                unseen = True
            elif step == "new":
                listener, unseen = listeners.listen("a"), False
            elif step == "wait":
                assert await is_ready(listener) is unseen
                unseen = False
            else:
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await listener.wait()

    trio.run(live, clock=MockClock(autojump_threshold=0))
