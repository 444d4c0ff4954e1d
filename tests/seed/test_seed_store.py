"""Rows T and I of the seed: the store and its indexes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import trio
import trio.lowlevel
from core_helpers import Diary, ScriptedListWatcher, Stream, Thing, bookmark, page, steady, thing
from trio.testing import MockClock

from trio_k8swatch import (
    Added,
    ConfigError,
    Deleted,
    FlatNameIndex,
    Gone,
    IndexedStore,
    KeyIndex,
    Met,
    Modified,
    NameIndex,
    StaleError,
    State,
    Store,
    Unavailable,
    WatchStopped,
    open_watch,
)

A, B, C = thing("a", 1), thing("b", 2), thing("c", 3)
A7 = thing("a", 7)


async def test_T1_objects_without_uid_are_told_apart_by_their_names(autojump_clock: MockClock) -> None:
    """In the Go package all of them collapsed into one."""
    x, y = thing("x", 1, uid=""), thing("y", 2, uid="")
    source = ScriptedListWatcher(page(x, y, at=5))
    async with open_watch(source) as store:
        assert store.items() == [x, y]
        assert store.get("default/x") is x
        source.stream.send(Deleted(thing("x", 6, uid="")))
        await trio.sleep(1)
        assert store.items() == [y]


async def test_T2_B30_items_are_a_new_list_in_a_stable_order(autojump_clock: MockClock) -> None:
    """Those of the last list in its order, then the others as they came; changing the list changes nothing."""
    source = ScriptedListWatcher(page(C, A, at=5))
    async with open_watch(source) as store:
        source.stream.send(Added(thing("b", 6)), Modified(thing("c", 7)))
        await trio.sleep(1)
        items = store.items()
        assert [o.metadata.name for o in items] == ["c", "a", "b"]
        items.clear()
        assert len(store) == 3
        assert [o.metadata.name for o in store] == ["c", "a", "b"]


async def test_T2_B21_objects_cannot_be_changed_by_accident(autojump_clock: MockClock) -> None:
    """A frozen type refuses; the Go package handed out live pointers."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        with pytest.raises(AttributeError):
            store.items()[0].value = 5  # type: ignore[misc] - the point


async def test_T2_reads_show_one_state_while_iterating(autojump_clock: MockClock) -> None:
    """Whatever happens meanwhile."""
    source = ScriptedListWatcher(page(A, B, at=5))
    async with open_watch(source) as store:
        seen: list[Any] = []
        for obj in store:
            seen.append(obj)
            source.stream.send(Deleted(thing("b", 9)))
            await trio.sleep(1)
        assert seen == [A, B]
        assert store.items() == [A]


async def test_an_object_is_in_the_store_by_its_uid_or_by_itself(autojump_clock: MockClock) -> None:
    """Another state of it is the same object."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        assert "uid-of-a" in store
        assert A7 in store
        assert "uid-of-b" not in store
        assert B not in store
        assert store.get("uid-of-b") is None


async def test_T3_B8_relist_after_the_end_raises(autojump_clock: MockClock) -> None:
    """Where the Go package waited for ever."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        store.stop()
        with pytest.raises(WatchStopped):
            await store.relist()
    with pytest.raises(WatchStopped):
        await store.request_relist().wait()


async def test_T4_nop_update_tells_the_handler_and_nobody_else(autojump_clock: MockClock) -> None:
    """`old` is equal to `new` and another object; neither indexes nor listeners nor subscribers hear of it."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        told: list[Any] = []

        class Index(FlatNameIndex[Any]):
            def update(self, old: Any, new: Any, /) -> None:
                told.append(new)

        by_name, listener = IndexedStore(store, Index()), store.listen("uid-of-a")
        assert listener is not None
        async with store.subscribe() as changes:
            await anext(changes)
            assert await store.nop_update("uid-of-a")
            assert not await store.nop_update("uid-of-b")
            with trio.move_on_after(1) as scope:
                await listener.wait()
            assert scope.cancelled_caught
            with trio.move_on_after(1) as scope:
                await anext(changes)
            assert scope.cancelled_caught
        assert by_name.index.get("a") is A
        assert told == []
        ((_, old, new),) = diary.lines[1:]
        assert new is A
        assert old == A
        assert old is not A
        store.stop()
        await trio.lowlevel.checkpoint()
        with pytest.raises(WatchStopped):
            await store.nop_update("uid-of-a")


async def test_T4_nop_update_needs_no_handler(autojump_clock: MockClock) -> None:
    """It still says whether the object is there."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        assert await store.nop_update("uid-of-a")


async def test_T5_there_is_no_listener_for_what_is_not_there(autojump_clock: MockClock) -> None:
    """None tells."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        assert store.listen("uid-of-b") is None


async def test_T6_a_listener_tells_change_from_deletion(autojump_clock: MockClock) -> None:
    """And wakes when the watch ends, which the Go package's did not."""
    source = ScriptedListWatcher(page(A, B, at=5))
    async with open_watch(source) as store:
        a, b = store.listen("uid-of-a"), store.listen("uid-of-b")
        assert a is not None
        assert b is not None
        source.stream.send(Modified(A7))
        await a.wait()
        assert not a.deleted
        source.stream.send(Deleted(thing("a", 8)))
        await a.wait()
        assert a.deleted
    with pytest.raises(WatchStopped):
        await b.wait()


async def test_T7_who_listens_before_writing_misses_nothing(autojump_clock: MockClock) -> None:
    """Listen, write, then wait or look again each second, as users of the Go package do."""
    source = ScriptedListWatcher(page(thing("a", 1, value=0), at=5))
    async with open_watch(source) as store:
        by_name = IndexedStore(store, NameIndex[Thing]())
        listener = store.listen("uid-of-a")
        assert listener is not None
        looks: list[int] = []
        while True:
            found = by_name.index.get("default", "a")
            assert found is not None
            looks.append(found.value)
            if found.value == 2:
                break
            # It changes, once and again, between the look and the wait.
            source.stream.send(Modified(thing("a", 6 + 2 * found.value, value=found.value + 1)))
            await trio.sleep(1)
            with trio.fail_after(0.5):
                await listener.wait()
        assert (looks, trio.current_time()) == ([0, 1, 2], 2)


async def test_T7_wait_for_is_that_loop(autojump_clock: MockClock) -> None:
    """For one object, or for any."""
    source = ScriptedListWatcher(page(A, B, at=5))
    async with open_watch(source) as store:
        source.stream.send(Modified(thing("b", 6, value=1)))
        assert await store.wait_for(lambda obj: obj.value == 1, uid="uid-of-b") == Met(thing("b", 6, value=1))
        assert await store.wait_for(lambda obj: obj.value == 1) == Met(thing("b", 6, value=1))
        assert await store.wait_for(lambda obj: True, uid="nobody") == Gone(None)

        async def delete() -> None:
            await trio.sleep(1)
            source.stream.send(Deleted(thing("b", 7)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(delete)
            assert await store.wait_for(lambda obj: obj.value == 2, uid="uid-of-b") == Gone(thing("b", 6, value=1))

        async def stop() -> None:
            await trio.sleep(5)
            store.stop()

        for uid in ("uid-of-a", None):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop)
                with pytest.raises(WatchStopped):
                    await store.wait_for(lambda obj: obj.value == 9, uid=uid)


async def test_wait_until_looks_at_the_whole_store(autojump_clock: MockClock) -> None:
    """After each change, a list and a bookmark included."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, C, at=9))
    async with open_watch(source) as store:
        await store.wait_until(lambda s: len(s) == 1)
        source.stream.send(Added(thing("b", 6)))
        await store.wait_until(lambda s: len(s) == 2)
        store.request_relist()
        await store.wait_until(lambda s: len(s) == 3)
        await trio.sleep(1)
        source.stream.send(bookmark(12))
        await store.wait_until(lambda s: s.resource_version == "12")
        store.stop()
        with pytest.raises(WatchStopped):
            await store.wait_until(lambda s: False)


async def test_at_least_reads_what_was_written(autojump_clock: MockClock) -> None:
    """By itself where the watch gets there in time; by a list where it does not, or where versions say nothing."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=20), page(A, at="x"))
    async with open_watch(source, config=steady()) as store:
        await store.at_least("4")
        source.stream.send(Added(thing("b", 8)))
        await store.at_least("8")
        assert (trio.current_time(), len(store)) == (0, 2)
        await store.at_least("15")
        assert (trio.current_time(), store.resource_version) == (2, "20")
        assert source.verbs().count("list") == 2
        await store.at_least("whatever")
        assert source.verbs().count("list") == 3
        store.stop()
        with pytest.raises(WatchStopped):
            await store.at_least("99")


async def test_T8_B6_after_the_end_no_handler_runs(autojump_clock: MockClock) -> None:
    """`stop` may be called twice; the block goes on."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        stream = source.stream
        store.stop()
        store.stop()
        stream.send(Added(thing("b", 6)))
        await trio.sleep(1)
        assert store.stopped
        assert source.open_streams == 0
    assert diary.names() == ["add a"]


async def test_T9_a_watch_that_dies_is_loud(autojump_clock: MockClock) -> None:
    """Users of the Go package had to ask "stopped, but my context is alive?"; here the block is cancelled."""
    source = ScriptedListWatcher(page(A, at=5))
    with pytest.raises(ZeroDivisionError):
        async with open_watch(source) as store:
            source.stream.cut(ZeroDivisionError())
            await trio.sleep_forever()
    assert store.stopped


async def test_T10_failing_tells_whether_the_store_may_be_old(autojump_clock: MockClock) -> None:
    """And health tells since when, why, and how old it is."""
    source = ScriptedListWatcher(page(A, at=5), watches=[])
    async with open_watch(source, config=steady()) as store:
        assert store.health.state is State.LIVE
        source.watches.extend([Unavailable("no route")] * 5)
        await trio.sleep(3)
        source.stream.cut(Unavailable("cut"))
        await trio.sleep(2.5)
        health = store.health
        assert store.failing
        assert (health.state, health.failures, health.staleness) == (State.RECONNECTING, 3, 5.5)
        assert health.last_error == "Unavailable: no route"
        with pytest.raises(
            StaleError, match=r"5\.5 s ago, asked for 5 s \(state: reconnecting; Unavailable: no route\)"
        ):
            store.require_fresh(5)
        await trio.sleep(10)
        assert not store.failing
        source.stream.send(bookmark(9))
        await trio.sleep(1)
        store.require_fresh(5)
    assert store.health.state is State.STOPPED
    with pytest.raises(StaleError, match="state: stopped"):
        store.require_fresh(1e9)


async def test_T10_B27_a_watch_that_ends_while_failing_says_that_it_ended(autojump_clock: MockClock) -> None:
    """One record; gauge and flag cannot disagree."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(), *[Unavailable("x")] * 99])
    async with open_watch(source, config=steady()) as store:
        source.stream.cut(Unavailable("x"))
        await trio.sleep(3)
        assert store.failing
    assert store.stopped
    assert store.health.state is State.STOPPED


async def test_T11_after_the_end_the_store_can_still_be_read(autojump_clock: MockClock) -> None:
    """Indexes too, also new ones; listening raises at the wait."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        by_name = IndexedStore(store, NameIndex[Any]())
    assert store.items() == [A]
    assert by_name.index.get("default", "a") is A
    assert IndexedStore(store, FlatNameIndex[Any]()).index.get("a") is A
    async with store.locked():
        pass
    listener = store.listen("uid-of-a")
    assert listener is not None
    with pytest.raises(WatchStopped):
        await listener.wait()
    async with store.subscribe() as changes:
        assert [change.object async for change in changes] == [A]


async def test_the_picture_stands_still_while_it_is_locked(autojump_clock: MockClock) -> None:
    """Across awaits; the watch goes on afterwards, and is not taken for silent."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, config=steady(silence_limit=10)) as store:
        async with store.locked():
            source.stream.send(Added(thing("b", 6)))
            await trio.sleep(100)
            assert len(store) == 1
        await trio.sleep(1)
        assert len(store) == 2
        assert not store.failing
    assert source.verbs() == ["list", "watch"]


# Indexes


async def test_I1_I3_an_index_may_come_at_any_time_and_is_then_exact(autojump_clock: MockClock) -> None:
    """Filled with what is there; the indexed store is the same store."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        source.stream.send(Added(thing("b", 6)))
        await trio.sleep(1)
        by_name = IndexedStore(store, NameIndex[Any]())
        assert len(by_name.index) == len(by_name) == len(store) == 2
        assert by_name.items() == store.items()
        source.stream.send(Deleted(thing("a", 7)))
        await trio.sleep(1)
        assert by_name.index.get("default", "a") is None
        assert isinstance(by_name, Store)


@pytest.mark.parametrize("how", ["close", "with", "collected"])
async def test_I2_B9_an_index_is_taken_out(how: str, autojump_clock: MockClock) -> None:
    """By three ways that work; the Go package's finaliser was one that Go does not promise to run."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        index = NameIndex[Any]()
        by_name = IndexedStore(store, index)
        if how == "close":
            by_name.close()
            by_name.close()
        elif how == "with":
            with by_name as same:
                assert same is by_name
                assert by_name.index is index
        else:
            gone = weakref.ref(index)
            del by_name, index
            gc.collect()
            assert gone() is None
        source.stream.send(Added(thing("b", 6)))
        await trio.sleep(1)
        assert len(store) == 2
        assert how == "collected" or len(index) == 1
        assert all(one.index is None for one in store._cache.indexes.registrations)


@pytest.mark.parametrize("kept", ["the index alone", "the indexed store"])
async def test_R21_an_index_that_can_be_read_is_exact(kept: str, autojump_clock: MockClock) -> None:
    """`IndexedStore(store, NameIndex()).index` reads naturally; it stood still when the garbage collector had come by."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        indexed: Any = IndexedStore(store, NameIndex[Any]())
        held = indexed.index if kept == "the index alone" else indexed
        del indexed
        gc.collect()
        source.stream.send(Added(thing("b", 6)), Deleted(thing("a", 7)))
        await trio.sleep(1)
        index = held if kept == "the index alone" else held.index
        assert index.get("default", "b") is not None
        assert len(index) == len(store) == 1


async def test_R21_an_index_that_cannot_be_referred_to_weakly_is_refused() -> None:
    """In one line that says what to add."""

    class Tight:
        __slots__ = ()

        def add(self, obj: Any, /) -> None: ...
        def update(self, old: Any, new: Any, /) -> None: ...
        def delete(self, obj: Any, /) -> None: ...

    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        with pytest.raises(ConfigError, match=r"Tight has __slots__ without '__weakref__'"):
            IndexedStore(store, Tight())


async def test_R22_an_async_index_is_refused() -> None:
    """Its coroutines would never run, and it would stay empty."""

    class Later:
        async def add(self, obj: Any, /) -> None: ...
        def update(self, old: Any, new: Any, /) -> None: ...
        def delete(self, obj: Any, /) -> None: ...

    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        with pytest.raises(ConfigError, match=r"Later\.add is async"):
            IndexedStore(store, Later())


async def test_I2_an_index_of_a_store_that_is_forgotten_does_not_keep_it_alive() -> None:
    """Neither the store's objects nor the index."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        by_name = IndexedStore(store, NameIndex[Any]())
    copy = weakref.ref(store._cache.lock)
    del store, by_name
    gc.collect()
    assert copy() is None


async def test_I4_I5_an_index_may_be_read_while_the_picture_stands_still(autojump_clock: MockClock) -> None:
    """Or without a lock: it moves together with the objects."""
    source = ScriptedListWatcher(page(A, B, at=5))
    async with open_watch(source) as store:
        by_value = IndexedStore(store, KeyIndex[Any, int](lambda obj: obj.value))
        found: list[Any] = []
        await by_value.with_index(lambda index: found.extend(index.get(0)))
        assert found == [A, B]
        assert await by_value.get_indexed(lambda index: len(index.get(0))) == 2
        listed = await by_value.list_indexed(lambda index: index.get(0))
        assert listed == [A, B]
        assert by_value.index.get(0) == (A, B)
        async with store.locked():
            with pytest.raises(RuntimeError):
                await by_value.get_indexed(len)


async def test_I6_I7_B10_an_index_never_loses_the_survivor(autojump_clock: MockClock) -> None:
    """Two namespaces with one name; and a name that changed hands."""
    one, two = thing("a", 1, uid="1", namespace="x"), thing("a", 2, uid="2", namespace="y")
    source = ScriptedListWatcher(page(one, two, at=5))
    async with open_watch(source) as store:
        flat, named = IndexedStore(store, FlatNameIndex[Any]()), IndexedStore(store, NameIndex[Any]())
        source.stream.send(Deleted(thing("a", 6, uid="2", namespace="y")))
        await trio.sleep(1)
        assert flat.index.get("a") is one
        newer = thing("a", 7, uid="3", namespace="x")
        # A proxy that reorders: the successor before the deletion of the one it succeeds.
        source.stream.send(Added(newer), Deleted(thing("a", 8, uid="1", namespace="x")))
        await trio.sleep(1)
        assert named.index.get("x", "a") is newer
        assert flat.index.get("a") is newer


async def test_I8_an_index_of_ones_own_may_select(autojump_clock: MockClock) -> None:
    """Three methods are all it needs."""

    class OnNode:
        def __init__(self) -> None:
            self.uids: set[str] = set()

        def add(self, obj: Thing, /) -> None:
            if obj.value == 1:
                self.uids.add(obj.metadata.uid)

        def update(self, old: Thing, new: Thing, /) -> None:
            self.delete(old)
            self.add(new)

        def delete(self, obj: Thing, /) -> None:
            self.uids.discard(obj.metadata.uid)

    source = ScriptedListWatcher(page(thing("a", 1, value=1), B, at=5))
    async with open_watch(source) as store:
        mine = IndexedStore(store, OnNode())
        source.stream.send(Modified(thing("b", 6, value=1)), Modified(thing("a", 7)), Deleted(thing("b", 8)))
        assert mine.index.uids == {"uid-of-a"}
        await trio.sleep(1)
        assert mine.index.uids == set()


async def test_I1_any_number_of_indexes_come_and_go_while_events_flow(autojump_clock: MockClock) -> None:
    """Each is exact while it is there."""
    source = ScriptedListWatcher(page(at=1))
    async with open_watch(source) as store:
        held: list[IndexedStore[Any, NameIndex[Any]]] = []
        for n in range(2, 60):
            source.stream.send(Added(thing(f"n{n}", n)))
            await trio.sleep(0.1)
            held.append(IndexedStore(store, NameIndex[Any]()))
            if n % 3 == 0:
                held.pop(0).close()
            for indexed in held:
                assert len(indexed.index) == len(store)


@pytest.mark.parametrize("waits_in", ["the block", "a task"])
@pytest.mark.parametrize("how", ["relist", "listener", "wait_for", "at_least"])
async def test_T9_who_waits_on_a_watch_that_fails_does_not_hide_why(
    how: str, waits_in: str, autojump_clock: MockClock
) -> None:
    """The error of the watch leaves `open_watch` as itself: that others waited for it is no news."""
    error = ZeroDivisionError()

    async def wait(store: Store[Any]) -> None:
        listener = store.listen("uid-of-a")
        assert listener is not None
        await {
            "relist": store.relist,
            "listener": listener.wait,
            "wait_for": lambda: store.wait_for(lambda obj: obj.value == 9),
            "at_least": lambda: store.at_least("99"),
        }[how]()

    async def silent(options: Any) -> Any:
        await trio.sleep(1)
        raise error

    source = ScriptedListWatcher(page(A, at=5), silent)
    with pytest.raises(ZeroDivisionError) as caught:
        async with open_watch(source) as store:
            store.request_relist()
            if waits_in == "the block":
                await wait(store)
            else:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(wait, store)
                    nursery.start_soon(wait, store)
    assert caught.value is error


async def test_T9_who_waits_on_a_watch_that_was_stopped_is_told(autojump_clock: MockClock) -> None:
    """Then it is the news."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        store.stop()
        with pytest.raises(WatchStopped):
            await store.relist()
    with pytest.raises(WatchStopped):
        async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
            store.stop()
            await store.relist()
