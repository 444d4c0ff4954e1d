"""The queue among tasks: who waits is woken, on time, once."""

from __future__ import annotations

from random import Random

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_k8swatch import ConfigError, TimeRange
from trio_k8swatch.controller import WorkQueue


async def test_a_waiting_worker_gets_what_is_added(autojump_clock, nursery) -> None:
    """At once, and no other worker gets it, too."""
    queue, got = WorkQueue[str](), []

    async def work() -> None:
        async with queue.take() as key:
            got.append((key, trio.current_time()))
            await trio.sleep_forever()

    began = trio.current_time()
    for _ in range(3):
        nursery.start_soon(work)
    await wait_all_tasks_blocked()
    queue.add("a")
    await trio.sleep(1)

    assert got == [("a", began)]
    assert queue.working == {"a"}
    nursery.cancel_scope.cancel()


async def test_delays_and_retries_are_exact(autojump_clock) -> None:
    """A key comes when it is due, not when somebody happens to look."""
    queue = WorkQueue[str](retry_after=TimeRange(4, 4), rng=Random(1))
    began = trio.current_time()
    queue.add_after("late", 10)
    queue.add_after("early", 3)
    queue.retry("failed")
    got = []
    for _ in range(3):
        async with queue.take() as key:
            got.append((key, trio.current_time() - began))

    assert [key for key, _ in got] == ["early", "failed", "late"]
    assert [at for _, at in got] == pytest.approx([3, 4, 10])


async def test_a_delay_that_becomes_shorter_wakes_who_sleeps(autojump_clock, nursery) -> None:
    """The worker slept for an hour; the key is due in a second now."""
    queue, got = WorkQueue[str](), []

    async def work() -> None:
        async with queue.take() as key:
            got.append((key, trio.current_time()))

    queue.add_after("a", 3600)
    began = trio.current_time()
    nursery.start_soon(work)
    await trio.sleep(1)
    queue.add_after("a", 1)
    await trio.sleep(2)

    assert got == [("a", pytest.approx(began + 2))]


async def test_keys_that_are_due_together_wake_as_many_workers(autojump_clock, nursery) -> None:
    """One timer, three keys, three workers at work."""
    queue, started = WorkQueue[int](), []

    async def work() -> None:
        async with queue.take() as key:
            started.append(key)
            await trio.sleep_forever()

    for key in range(3):
        nursery.start_soon(work)
        queue.add_after(key, 5)
    await trio.sleep(6)

    assert sorted(started) == [0, 1, 2]
    nursery.cancel_scope.cancel()


async def test_work_that_fails_or_is_cancelled_gives_the_key_free() -> None:
    """And what was added meanwhile comes again."""
    queue = WorkQueue[str]()
    queue.add("a")
    with pytest.raises(ValueError, match="broken"):
        async with queue.take():
            queue.add("a")
            raise ValueError("broken")
    assert (len(queue), queue.working) == (1, frozenset())
    with trio.CancelScope() as scope:
        async with queue.take():
            scope.cancel()
            await trio.sleep_forever()

    assert (len(queue), queue.working) == (0, frozenset())


async def test_a_taker_that_is_cancelled_loses_nothing(autojump_clock, nursery) -> None:
    """The key that woke it is there for the next."""
    queue = WorkQueue[str]()
    with trio.move_on_after(1):
        async with queue.take():
            pytest.fail("there is nothing to take")
    queue.add("a")
    with trio.fail_after(1):
        async with queue.take() as key:
            assert key == "a"


async def test_closing_ends_all_who_wait(autojump_clock, nursery) -> None:
    """Work under way goes on, adding does nothing."""
    queue, ended = WorkQueue[str](), []

    async def work() -> None:
        try:
            async with queue.take():
                pass
        except trio.EndOfChannel:
            ended.append(trio.current_time())

    queue.add("held")
    async with queue.take():
        nursery.start_soon(work)
        nursery.start_soon(work)
        await wait_all_tasks_blocked()
        queue.close()
        queue.close()
        await wait_all_tasks_blocked()
        assert len(ended) == 2
        assert not queue.add("more")
        queue.add_after("more", 1)
        queue.retry("more")
        assert (len(queue), queue.delayed) == (0, 0)


async def test_it_says_how_long_keys_have_waited(autojump_clock) -> None:
    """The oldest counts."""
    queue = WorkQueue[str]()
    assert queue.oldest_seconds == 0
    queue.add("a", background=True)
    await trio.sleep(5)
    queue.add("b")
    await trio.sleep(1)

    assert queue.oldest_seconds == pytest.approx(6)
    assert (await queue.next_key()).waited == pytest.approx(1)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
async def test_a_delay_that_is_none_is_refused(seconds: float) -> None:
    """It would never come, or seem to have been added already."""
    with pytest.raises(ConfigError, match="add_after"):
        WorkQueue[str]().add_after("a", seconds)
