"""What readers see of a copy, and how they wait for it; the rows of the Go package are in tests/seed."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import pytest
import trio
from core_helpers import Thing, thing
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_k8swatch import ConfigError, HandlerFuncs, Met, Store, WatchStopped
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._store.atomic_cache import Cache
from trio_k8swatch._store.deltas import Delta, Drop, Put
from trio_k8swatch._store.waiting.journal import Entry


def cache_of(count: int) -> Cache[Any]:
    cache: Cache[Any] = Cache(HandlerFuncs(), metadata_of)
    cache.objects = {f"uid-of-{n}": thing(f"{n}", n + 1) for n in range(count)}
    return cache


async def test_R19_wait_for_looks_at_each_object_once_and_at_no_checkpoint_between() -> None:
    """One look costs what a loop over the store costs: twenty thousand checkpoints are not among it."""
    store = Store(cache_of(20_000))
    seen: list[str] = []
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    def is_last(obj: Thing) -> bool:
        seen.append(obj.metadata.name)
        return obj.metadata.name == "19999"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        found = await store.wait_for(is_last)
        nursery.cancel_scope.cancel()
    assert found == Met(store.get("uid-of-19999"))
    assert seen == [f"{n}" for n in range(20_000)]
    assert turns <= 2


async def test_whoever_no_longer_waits_is_no_reader(autojump_clock: MockClock) -> None:
    """Cancelled, or by an error of the condition: nothing has to be written for nobody."""
    cache = cache_of(1)

    def fails_later(obj: Thing) -> bool:
        if obj.value:
            raise KeyError
        return False

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Store(cache).wait_for, lambda obj: False)
            await wait_all_tasks_blocked()
            assert cache.notifier.journal.readers == 1
            scope.cancel()
    assert cache.notifier.journal.readers == 0
    with pytest.RaisesGroup(KeyError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Store(cache).wait_for, fails_later)
            await wait_all_tasks_blocked()
            _put(cache, "0", 1)
    assert cache.notifier.journal.readers == 0


@pytest.mark.parametrize(("values", "good"), [((3,), {0, 3}), ((2, 4), {0, 4})])
async def test_what_wait_for_has_found_is_in_the_store_when_it_returns(
    values: tuple[int, ...], good: set[int], autojump_clock: MockClock
) -> None:
    """It lets others run before it returns at once: what has changed by then does not count, and what it has become does."""
    seen: set[int] = set()

    async def change(cache: Cache[Any]) -> None:
        for value in values:
            _put(cache, "0", value)
            await trio.lowlevel.checkpoint()

    for _ in range(40):  # trio throws a coin for who comes first
        cache = cache_of(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(change, cache)
            met = await Store(cache).wait_for(lambda obj: obj.value != 2)
            assert isinstance(met, Met)
            assert met.object is cache.objects["uid-of-0"]
            seen.add(met.object.value)
        assert cache.notifier.journal.readers == 0
    assert seen == good


async def test_R19_wait_for_looks_only_at_what_has_changed_since(autojump_clock: MockClock) -> None:
    """Ten thousand who wait do not read the whole store at each event."""
    cache = cache_of(1000)
    seen: list[tuple[str, int]] = []

    def condition(obj: Thing) -> bool:
        seen.append((obj.metadata.name, obj.value))
        return obj.value == 3

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Store(cache).wait_for, condition)
        await wait_all_tasks_blocked()
        seen.clear()
        gc.collect()
        entries = sum(isinstance(one, Entry) for one in gc.get_objects())
        for value in (1, 2):
            _put(cache, "5", value)
        _put(cache, "6", 1)
        await wait_all_tasks_blocked()
        assert seen == [("5", 2), ("6", 1)], "the newest state of each that changed, in the order of the changes"
        gc.collect()
        assert sum(isinstance(one, Entry) for one in gc.get_objects()) == entries, "what was read is forgotten"
        _put(cache, "7", 3)
    assert seen[2:] == [("7", 3)]
    assert cache.notifier.journal.readers == 0


async def test_R19_wait_for_misses_nothing_in_a_relist_that_is_notified_in_slices(autojump_clock: MockClock) -> None:
    """A waiter that comes in the middle of it sees the whole new state at once; one that was there sees it in slices."""
    cache = cache_of(2000)
    before = dict(cache.objects)
    objects = {
        key: thing(obj.metadata.name, obj.metadata.resource_version + "0", value=1) for key, obj in before.items()
    }
    deltas: list[Delta[Any]] = [Put(key, before[key], new) for key, new in objects.items()]
    found: list[Any] = []

    async def wait() -> None:
        found.append(await Store(cache).wait_for(lambda obj: obj.metadata.name == "1999" and obj.value == 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        await cache.replace(objects, deltas, "99")
        nursery.start_soon(wait)
        await cache.notify_all(deltas, preexisting=False)
    assert found == [Met(objects["uid-of-1999"])] * 2


async def test_R19_a_waiter_costs_a_kilobyte_whatever_the_size_of_the_store() -> None:
    """Beside what a task costs in trio; it was 1.6 MiB for a store of twenty thousand."""
    cache = cache_of(5000)
    store, waiters = Store(cache), 1000

    def never(obj: Thing) -> bool:
        return obj.value < 0

    async def held_by(function: Any, *args: Any) -> int:
        async with trio.open_nursery() as nursery:
            gc.collect()
            tracemalloc.start()
            for _ in range(waiters):
                nursery.start_soon(function, *args)
            await wait_all_tasks_blocked()
            held = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            nursery.cancel_scope.cancel()
        return held

    extra = await held_by(store.wait_for, never) - await held_by(trio.sleep_forever)
    assert extra < waiters * 1024


async def test_R19_a_waiter_pins_no_object_that_is_gone(autojump_clock: MockClock) -> None:
    """Neither the last that it looked at, nor the store as it was."""

    class Weak:
        """Things are no good here: nothing can refer to them weakly."""

        metadata = thing("a", 1).metadata

    cache: Cache[Any] = Cache(HandlerFuncs(), metadata_of)
    cache.objects = {"uid-of-a": Weak()}
    gone = weakref.ref(cache.objects["uid-of-a"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Store(cache).wait_for, lambda obj: False)
        await wait_all_tasks_blocked()
        await cache.replace({}, [], "9")
        gc.collect()
        assert gone() is None
        nursery.cancel_scope.cancel()


async def test_wait_for_any_ends_with_the_watch(autojump_clock: MockClock) -> None:
    """Before it has begun, and while it waits."""
    cache = cache_of(1)
    with pytest.RaisesGroup(pytest.RaisesExc(WatchStopped, match="over")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Store(cache).wait_for, lambda obj: False)
            await wait_all_tasks_blocked()
            cache.end("it is over")
    with pytest.raises(WatchStopped, match="over"):
        await Store(cache).wait_for(lambda obj: False)
    assert (await Store(cache).wait_for(lambda obj: True)).__class__ is Met


@pytest.mark.parametrize("uid", [None, "uid-of-0"])
async def test_R22_an_async_condition_is_refused(uid: str | None) -> None:
    """A coroutine is true, so every object would satisfy it."""

    async def condition(_: object) -> bool:
        raise AssertionError

    wrong: Any = condition
    store = Store(cache_of(1))
    with pytest.raises(ConfigError, match="condition of wait_for returned a coroutine"):
        await store.wait_for(wrong, uid=uid)
    with pytest.raises(ConfigError, match="condition of wait_until returned a coroutine"):
        await store.wait_until(wrong)


@pytest.mark.parametrize("item", [None, 5, "nobody", b"uid-of-0", object(), {}, {"metadata": None}, Thing])
def test_R20_what_is_no_object_is_not_in_the_store(item: object) -> None:
    """`in` asks a question; it does not raise."""
    assert item not in Store(cache_of(1))


def _put(cache: Cache[Any], name: str, value: int) -> None:
    old = cache.objects[f"uid-of-{name}"]
    cache.apply(Put(f"uid-of-{name}", old, thing(name, old.metadata.resource_version, value=value)), "99")


async def _listed(cache: Cache[Any], objects: dict[str, Any], deltas: list[Delta[Any]], version: str) -> None:
    await cache.replace(objects, deltas, version)
    await cache.notify_all(deltas, preexisting=False)


async def test_gone_returns_once_the_object_is_no_longer_there(autojump_clock: MockClock) -> None:
    """Not at a change of it, nor at the deletion of another; and at once for one that is not there."""
    cache = cache_of(2)
    store, returned = Store(cache), False

    async def wait() -> None:
        nonlocal returned
        await store.gone("uid-of-0")
        returned = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        first, other = cache.objects.values()
        await _listed(cache, {**cache.objects, "uid-of-0": thing("0", 7)}, [Put("uid-of-0", first, thing("0", 7))], "7")
        await wait_all_tasks_blocked()
        await _listed(cache, {"uid-of-0": thing("0", 7)}, [Drop("uid-of-1", other, None)], "8")
        await wait_all_tasks_blocked()
        assert not returned
        await _listed(cache, {}, [Drop("uid-of-0", thing("0", 7), None)], "9")
        await wait_all_tasks_blocked()
        assert returned
    with trio.fail_after(1):
        await store.gone("uid-of-0")
        await store.gone("never heard of")


async def test_gone_is_about_that_object_and_not_about_its_name(autojump_clock: MockClock) -> None:
    """Another one of its name does not keep it waiting."""
    cache = cache_of(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Store(cache).gone, "uid-of-0")
        await wait_all_tasks_blocked()
        old, new = cache.objects["uid-of-0"], thing("0", 2)
        await _listed(
            cache, {"uid-of-another": new}, [Drop("uid-of-0", old, None), Put("uid-of-another", None, new)], "2"
        )


async def test_gone_ends_with_the_watch(autojump_clock: MockClock) -> None:
    """While it waits, and before; what is not there is gone all the same."""
    cache = cache_of(1)
    store = Store(cache)
    with pytest.RaisesGroup(pytest.RaisesExc(WatchStopped, match="over")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.gone, "uid-of-0")
            await wait_all_tasks_blocked()
            cache.end("it is over")
    with pytest.raises(WatchStopped, match="over"):
        await store.gone("uid-of-0")


async def test_gone_can_be_cancelled_and_leaves_no_listener(autojump_clock: MockClock) -> None:
    """And is a checkpoint, also if there is nothing to wait for."""
    cache = cache_of(1)
    store = Store(cache)
    with trio.move_on_after(5) as scope:
        await store.gone("uid-of-0")
    assert scope.cancelled_caught
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.gone("nobody")
    assert scope.cancelled_caught
