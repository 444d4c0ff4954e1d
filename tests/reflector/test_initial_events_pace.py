"""When a streaming list is left to gather for a moment."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch import HandlerFuncs, ListStrategy, WatchConfig, open_client, open_watch
from trio_k8swatch._reflector.initial_events_pace import PAUSE_SECONDS, InitialEventsPace
from trio_k8swatch.testing import FakeApiServer

SMALL = 4096
COUNT = 100
STREAM = WatchConfig(list_strategy=ListStrategy.STREAM)


def pauses(batches: list[tuple[float, int]]) -> list[bool]:
    """For batches of so many bytes, each so many seconds after the pause behind the last: whether there is a pause."""
    now, pace, found = 0.0, InitialEventsPace(0.0), []
    for gap, size in batches:
        now += gap
        pause = pace.after(size, now)
        now += pause
        found.append(pause > 0)
    return found


def test_quick_small_batches_are_waited_for_from_the_eighth_on() -> None:
    assert pauses([(0.0001, SMALL)] * 12) == [False] * 7 + [True] * 5


@pytest.mark.parametrize(
    "batch",
    [(0.0021, SMALL), (0.0001, 128 * 1024), (0.0001, 511)],
    ids=["a slow one", "a large one", "one with nothing much in it"],
)
def test_one_other_batch_and_it_begins_anew(batch: tuple[float, int]) -> None:
    quick = [(0.0001, SMALL)] * 8
    assert pauses([*quick, batch, *quick]) == [*[False] * 7, True, False, *[False] * 7, True]


def test_at_low_rates_there_is_never_a_pause() -> None:
    """400 batches a second are nothing to save on."""
    assert not any(pauses([(0.0025, SMALL)] * 1000))


def config_map(number: int) -> dict[str, object]:
    metadata = {"name": f"c{number}", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "x" * 1000}}


async def test_only_the_list_is_paused_and_no_event_after_it(autojump_clock: MockClock) -> None:
    """The list takes its pauses, a hundred events of the same size are handled in the moment in which they come."""
    fake = FakeApiServer()
    for number in range(COUNT):
        fake.create(config_map(number))
    handled: list[float] = []
    handlers = HandlerFuncs(update=lambda _old, _new: handled.append(trio.current_time()))
    async with open_client(transport=fake.transport()) as client:
        began = trio.current_time()
        async with open_watch(client.resource("v1", "configmaps"), handlers=handlers, config=STREAM) as store:
            assert len(store) == COUNT
            assert trio.current_time() - began >= COUNT // 3 * PAUSE_SECONDS
            now = trio.current_time()
            for number in range(COUNT):
                fake.patch("configmaps", f"c{number}", {"data": {"more": "y"}}, namespace="default")
            await store.wait_until(lambda _: len(handled) == COUNT)
    assert handled == [now] * COUNT


async def test_a_list_can_be_left_in_any_of_its_pauses(autojump_clock: MockClock) -> None:
    """Nothing is in hand in a pause: it ends at once, and the next list has everything."""
    fake = FakeApiServer()
    for number in range(COUNT):
        fake.create(config_map(number))
    async with open_client(transport=fake.transport()) as client:
        maps = client.resource("v1", "configmaps")
        for step in range(1, 30):
            deadline = trio.current_time() + step * PAUSE_SECONDS * 1.5
            with trio.CancelScope(deadline=deadline) as scope:
                async with open_watch(maps, config=STREAM):
                    raise AssertionError("the list was there before its pauses were over")
            assert scope.cancelled_caught
            assert trio.current_time() == pytest.approx(deadline)
        async with open_watch(maps, config=STREAM) as store:
            assert len(store) == COUNT
