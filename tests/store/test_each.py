"""A task for each object lives exactly as long as its object is there and matches."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from core_helpers import Added, Deleted, Modified, ScriptedListWatcher, Thing, page, steady, thing

from trio_k8swatch import TimeRange, open_watch


class Tasks:
    """Tasks that write down when they start and end."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running: set[str] = set()
        self.slow_to_end = 0.0
        self.fails: list[str] = []

    async def run(self, obj: Thing) -> None:
        name = obj.metadata.name
        assert name not in self.running
        self.running.add(name)
        self.log.append(f"start {name} {obj.value}")
        try:
            if name in self.fails:
                self.fails.remove(name)
                raise ValueError(name)
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.slow_to_end)
            self.running.discard(name)
            self.log.append(f"end {name}")


async def test_tasks_follow_their_objects(autojump_clock, nursery) -> None:
    """Started for what is there and what comes, cancelled for what goes, left alone by changes."""
    source, tasks = ScriptedListWatcher(page(thing("a", 1), at=1)), Tasks()
    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(store.each, tasks.run)
        await trio.sleep(1)
        for event in (Added(thing("b", 2)), Modified(thing("b", 3)), Deleted(thing("a", 4))):
            source.stream.send(event)
            await trio.sleep(1)
        assert tasks.log == ["start a 0", "start b 0", "end a"]
        assert tasks.running == {"b"}
    await trio.sleep(1)
    assert tasks.running == set()


async def test_only_what_matches_has_a_task(autojump_clock, nursery) -> None:
    """It ends when the object no longer matches and starts with the newest state when it does again."""
    source, tasks = ScriptedListWatcher(page(thing("a", 1), at=1)), Tasks()
    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(partial(store.each, tasks.run, where=lambda obj: obj.value > 0))
        for version, value in ((2, 1), (3, 0), (4, 7)):
            source.stream.send(Modified(thing("a", version, value=value)))
            await trio.sleep(1)
        assert tasks.log == ["start a 1", "end a", "start a 7"]
        nursery.cancel_scope.cancel()


async def test_a_task_that_takes_its_time_to_end_is_never_doubled(autojump_clock, nursery) -> None:
    """The next begins when the last has ended."""
    source, tasks = ScriptedListWatcher(page(thing("a", 1, value=1), at=1)), Tasks()
    tasks.slow_to_end = 10
    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(partial(store.each, tasks.run, where=lambda obj: obj.value > 0))
        await trio.sleep(1)
        for version, value in ((2, 0), (3, 5), (4, 0), (5, 6)):
            source.stream.send(Modified(thing("a", version, value=value)))
            await trio.sleep(1)
        await trio.sleep(30)
        assert tasks.log == ["start a 1", "end a", "start a 6"]
        nursery.cancel_scope.cancel()


async def test_a_task_that_fails_starts_anew_after_a_pause(autojump_clock, nursery, caplog) -> None:
    """The others do not notice."""
    source, tasks = ScriptedListWatcher(page(thing("a", 1), thing("b", 1), at=1)), Tasks()
    tasks.fails = ["a", "a"]
    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(partial(store.each, tasks.run, retry_after=TimeRange(5, 5)))
        await trio.sleep(4)
        assert tasks.log.count("start a 0") == 1
        await trio.sleep(10)
        assert tasks.log.count("start a 0") == 3
        assert tasks.log.count("start b 0") == 1
        assert "again in 5.0 s" in caplog.text
        nursery.cancel_scope.cancel()


async def test_a_task_that_returns_is_done_until_its_object_comes_again(autojump_clock, nursery) -> None:
    """Changes do not start it again; a new object of the name does."""
    source, started = ScriptedListWatcher(page(thing("a", 1), at=1)), []

    async def once(obj: Thing) -> None:
        started.append(obj.metadata.uid)

    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(store.each, once)
        await trio.sleep(1)
        source.stream.send(Modified(thing("a", 2)))
        await trio.sleep(1)
        source.stream.send(Deleted(thing("a", 3)), Added(thing("a", 4, uid="another")))
        await trio.sleep(1)
        assert started == ["uid-of-a", "another"]
        nursery.cancel_scope.cancel()


async def test_it_returns_when_the_watch_ends(autojump_clock) -> None:
    """With nothing left behind."""
    source, tasks = ScriptedListWatcher(page(thing("a", 1), at=1)), Tasks()
    async with open_watch(source, config=steady()) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.each, tasks.run)
        await trio.sleep(1)
        store.stop()
        with trio.fail_after(5):
            while tasks.running:
                await trio.sleep(0.1)
    assert tasks.log == ["start a 0", "end a"]


@pytest.mark.parametrize("number", [1000])
async def test_a_thousand_tasks(autojump_clock, nursery, number: int) -> None:
    """One subscription serves them all."""
    source, tasks = ScriptedListWatcher(page(*(thing(f"t{n}", 1) for n in range(number)), at=1)), Tasks()
    async with open_watch(source, config=steady()) as store:
        nursery.start_soon(store.each, tasks.run)
        await trio.sleep(1)
        assert len(tasks.running) == number
        assert len(store._cache.notifier.subscriptions) == 1
        nursery.cancel_scope.cancel()
