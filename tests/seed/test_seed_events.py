"""Rows E and H of the seed: what an event does, and in which order."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from core_helpers import Diary, ScriptedListWatcher, Stream, Thing, bookmark, failure, page, steady, thing
from trio.testing import MockClock

from trio_k8swatch import (
    Added,
    Deleted,
    FlatNameIndex,
    HandlerFuncs,
    IndexedStore,
    Modified,
    NameIndex,
    ObjectMeta,
    ProtocolError,
    Store,
    Unavailable,
    WatchStopped,
    open_watch,
)

A, B = thing("a", 1), thing("b", 2)
A7, A8 = thing("a", 7), thing("a", 8)


class Recorder:
    """An index that writes down what it is told into a diary, with what else is to be seen at that moment."""

    def __init__(self, lines: list[Any], name: str = "index") -> None:
        self._lines, self._name = lines, name

    def add(self, obj: Any, /) -> None:
        self._lines.append((f"{self._name} add", obj))

    def update(self, old: Any, new: Any, /) -> None:
        self._lines.append((f"{self._name} update", old, new))

    def delete(self, obj: Any, /) -> None:
        self._lines.append((f"{self._name} delete", obj))


async def test_E1_a_stop_comes_before_events_that_have_arrived(autojump_clock: MockClock) -> None:
    """Go picks at random; here not one more event is taken."""
    seen: list[str] = []
    source = ScriptedListWatcher(page(at=1))

    def add(obj: Any, preexisting: bool) -> None:
        seen.append(obj.metadata.name)
        store.stop()

    async with open_watch(source, handlers=HandlerFuncs(add=add)) as store:
        source.stream.send(Added(thing("a", 2)), Added(thing("b", 3)))
        source.stream.send(Added(thing("c", 4)))
        await trio.sleep(1)
    assert seen == ["a"]


async def test_E1_a_relist_comes_before_events_that_have_arrived(autojump_clock: MockClock) -> None:
    """What is queued in the old watch is in the list anyhow; only what was in hand already is taken."""
    diary = Diary()
    source = ScriptedListWatcher(page(at=1), page(thing("a", 2), thing("b", 3), at=9))
    async with open_watch(source, handlers=diary.handlers(), config=steady()) as store:
        await trio.sleep(1)
        source.stream.send(Added(thing("a", 2)))
        source.stream.send(Added(thing("x", 3)))
        await store.relist()
    assert diary.names() == ["add a", "add b"]


async def test_E2_B4_a_watch_that_ends_at_once_is_not_opened_again_at_once(autojump_clock: MockClock) -> None:
    """The Go package asked as fast as the server closed; and a server that closes at once is failing."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(ends=True) for _ in range(5)])
    async with open_watch(source, config=steady()) as store:
        await trio.sleep(2.5)
        assert store.failing
        assert store.health.state == "reconnecting"
        await trio.sleep(20)
        # Opening is no proof with such a server: only what a watch brings is.
        source.stream.send(bookmark(6))
        await trio.sleep(1)
        assert not store.failing
    assert source.times("watch") == [0, 1, 2, 3, 4, 5]
    assert source.verbs().count("list") == 1


async def test_E2_a_watch_that_ends_in_its_time_is_opened_again_at_once(autojump_clock: MockClock) -> None:
    """From where it was, without a list; that is how every watch ends."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        await trio.sleep(30)
        source.stream.send(bookmark(8))
        await trio.sleep(30)
        source.stream.end()
        await trio.sleep(1)
        assert not store.failing
    assert [(c.verb, c.time, c.options.resource_version) for c in source.calls] == [
        ("list", 0, None), ("watch", 0, "5"), ("watch", 60, "8"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", [410, 500, 429, 403, 0])
async def test_E3_B3_an_ERROR_event_is_followed_by_a_pause_and_shows(code: int, autojump_clock: MockClock) -> None:
    """The Go package listed everything at once, each time, as fast as the server answered."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(failure(code, message="why")) for _ in range(4)])
    async with open_watch(source, config=steady()) as store:
        await trio.sleep(0.5)
        assert store.failing
        assert store.health.last_error is not None
        assert "why" in store.health.last_error
        await trio.sleep(9)
        assert not store.failing
    times = source.times("watch")
    assert times == [0, 1, 2, 3, 4]
    assert source.verbs().count("list") == 1 + (4 if code in {410, 0} else 0)


@pytest.mark.parametrize(("code", "lists"), [(410, 2), (0, 2), (500, 1), (429, 1)])
async def test_E3_only_where_history_is_lost_an_ERROR_event_makes_a_list(
    code: int, lists: int, autojump_clock: MockClock
) -> None:
    """By its code."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(failure(code))])
    async with open_watch(source, config=steady()):
        await trio.sleep(5)
    assert source.verbs().count("list") == lists
    # B14: as recovery a list need not be newer than what we have.
    options = [call.options for call in source.calls if call.verb == "list"]
    assert all((o.resource_version, o.resource_version_match) == ("5", "NotOlderThan") for o in options[1:])


async def test_E4_B11_what_does_not_fit_is_followed_by_a_list(autojump_clock: MockClock) -> None:
    """The Go package dropped it and went on."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6))
    async with open_watch(source, config=steady()) as store:
        source.stream.cut(ProtocolError("an event of default/b does not have the expected form"))
        await trio.sleep(5)
        assert store.items() == [A, B]
    assert source.verbs() == ["list", "watch", "list", "watch"]


async def test_E6_the_watch_goes_on_from_what_was_committed(autojump_clock: MockClock) -> None:
    """An event whose handling failed would otherwise never be seen again."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, config=steady()) as store:
        source.stream.send(Modified(A7), bookmark(12), bookmark(""))
        await trio.sleep(2)
        assert store.resource_version == "12"
        source.stream.cut(Unavailable("x"))
        await trio.sleep(2)
    assert source.calls[-1].options.resource_version == "12"


@pytest.mark.parametrize("version", ["", "0"])
async def test_E6_B28_an_event_without_version_is_not_taken(version: str, autojump_clock: MockClock) -> None:
    """A watch from there would replay the world; a list follows."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6))
    async with open_watch(source, config=steady()) as store:
        source.stream.send(Added(thing("x", version)))
        await trio.sleep(5)
        assert store.items() == [A, B]
    assert source.calls[-1].options.resource_version == "6"


@pytest.mark.parametrize("version", ["", "0"])
async def test_B28_a_list_without_version_is_a_protocol_error(version: str) -> None:
    """At the start it is raised."""
    with pytest.raises(ProtocolError, match="resourceVersion"):
        async with open_watch(ScriptedListWatcher(page(A, at=version))):
            pass


@pytest.mark.parametrize(
    "event", [Added(thing("a", 9)), Modified(thing("x", 9)), Deleted(thing("x", 9))], ids=["H2", "H4", "H7"]
)
async def test_E7_B18_H2_H4_H7_a_contradiction_is_logged_paused_for_and_listed(
    event: Any, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And what is news in it is in the store meanwhile."""
    source = ScriptedListWatcher(page(A, at=5), page(B, at=10))
    async with open_watch(source, config=steady()) as store:
        source.stream.send(event)
        await trio.sleep(0.5)
        assert store.failing
        expected = {"a": "9"} if isinstance(event, Added) else {"a": "1", "x": "9"}
        if not isinstance(event, Deleted):
            assert {o.metadata.name: o.metadata.resource_version for o in store} == expected
        await trio.sleep(3)
        assert store.items() == [B]
    assert source.times("list") == [0, 1]
    assert any(record.levelno == logging.WARNING and "list" in record.getMessage() for record in caplog.records)


async def test_E8_a_bookmark_moves_the_version_and_nothing_else(autojump_clock: MockClock) -> None:
    """No handler, no index, no listener; and it confirms the store."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        told: list[Any] = []
        recorded, listener = IndexedStore(store, Recorder(told)), store.listen("uid-of-a")
        told.clear()
        await trio.sleep(30)
        source.stream.send(bookmark(9))
        await trio.sleep(1)
        assert (store.resource_version, store.health.staleness) == ("9", 1)
        assert listener is not None
        with trio.move_on_after(1) as scope:
            await listener.wait()
        assert scope.cancelled_caught
        assert recorded.index is not None
    assert (len(diary.lines), told) == (1, [])


async def test_handlers_that_take_long_are_no_silence_of_the_server(autojump_clock: MockClock) -> None:
    """While they run it is us who do not listen."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream()])
    handlers = HandlerFuncs[Any](update=lambda old, new: autojump_clock.jump(100))
    async with open_watch(source, handlers=handlers, config=steady()) as store:
        for version in (6, 7, 8):
            source.stream.send(Modified(thing("a", version)))
            await trio.sleep(50)
        assert store.health.last_error is None
    assert source.verbs() == ["list", "watch"]


async def test_an_object_without_a_version_is_an_error_that_is_survived(autojump_clock: MockClock) -> None:
    """Clients of others may have None where ours have an empty string."""
    nothing: Any = None
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream()])
    async with open_watch(source, config=steady()) as store:
        source.stream.send(Modified(Thing(ObjectMeta(name="a", uid="uid-of-a", resource_version=nothing))))
        await trio.sleep(10)
        assert store.items() == [A]
    assert source.verbs().count("list") == 2


async def test_E9_B12_an_event_of_unknown_type_does_not_kill(autojump_clock: MockClock) -> None:
    """From a foreign client; from the wire see test_codec."""

    class Client:
        def __init__(self) -> None:
            self.source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[Stream()])

        async def list(self, options: Any, /) -> Any:
            pages: list[Any] = []
            await self.source.page(options, pages.append)
            return pages[0]

        def watch(self, options: Any, /) -> Any:
            return Iterated(self.source.watch(options))

    client = Client()
    async with open_watch(client, config=steady()) as store:
        client.source.stream.send(("PANIC", A))  # type: ignore[arg-type] - the point
        await trio.sleep(3)
        assert store.items() == [A, B]


class Iterated:
    """A stream of a scripted source as an iterator, as foreign clients have it."""

    def __init__(self, opening: Any) -> None:
        self._opening = opening

    async def __aenter__(self) -> Any:
        self._stream = await self._opening.__aenter__()
        self._batch: Any = iter(())
        return self

    async def __aexit__(self, *args: object) -> Any:
        return await self._opening.__aexit__(*args)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        while (event := next(self._batch, None)) is None:
            batch = await self._stream.receive()
            if batch is None:
                raise StopAsyncIteration
            self._batch = batch
        return event


# Inside the lock


async def order_of(event: Any, *present: Any) -> list[Any]:
    """What indexes and handlers are told of `event`, in order."""
    source = ScriptedListWatcher(page(*present, at=5))
    diary = Diary()
    async with open_watch(source, handlers=diary.handlers()) as store:
        diary.lines.clear()
        with IndexedStore(store, Recorder(diary.lines, "first")), IndexedStore(store, Recorder(diary.lines, "second")):
            diary.lines.clear()
            source.stream.send(event)
            await trio.sleep(1)
    return diary.lines


async def test_H1_H8_ADDED_is_told_to_indexes_then_to_handlers(autojump_clock: MockClock) -> None:
    """To indexes in the order of their registration; Go's order was random."""
    assert await order_of(Added(A7)) == [("first add", A7), ("second add", A7), ("add", A7, False)]


async def test_H3_H8_MODIFIED_is_told_to_indexes_then_to_handlers(autojump_clock: MockClock) -> None:
    """With both states."""
    assert await order_of(Modified(A7), A) == [("first update", A, A7), ("second update", A, A7), ("update", A, A7)]


async def test_H5_H6_DELETED_is_an_update_to_the_final_state_then_a_delete(autojump_clock: MockClock) -> None:
    """For indexes and for handlers, each of them in this order."""
    assert await order_of(Deleted(A7), A) == [
        ("first update", A, A7),
        ("first delete", A7),
        ("second update", A, A7),
        ("second delete", A7),
        ("update", A, A7),
        ("delete", A7, False),
    ]


async def test_H6_who_keys_on_a_field_that_changes_with_the_deletion_leaks_nothing(autojump_clock: MockClock) -> None:
    """The transition is seen before the end."""
    on_node: dict[int, set[str]] = {1: set(), 2: set()}

    def update(old: Any, new: Any) -> None:
        on_node[old.value].discard(new.metadata.uid)
        on_node[new.value].add(new.metadata.uid)

    handlers = HandlerFuncs[Any](
        add=lambda obj, preexisting: on_node[obj.value].add(obj.metadata.uid),
        update=update,
        delete=lambda obj, may_be_stale: on_node[obj.value].remove(obj.metadata.uid),
    )
    source = ScriptedListWatcher(page(thing("a", 1, value=1), at=5))
    async with open_watch(source, handlers=handlers):
        source.stream.send(Deleted(thing("a", 6, value=2)))
        await trio.sleep(1)
    assert on_node == {1: set(), 2: set()}


async def test_H9_who_is_woken_sees_the_new_state(autojump_clock: MockClock) -> None:
    """Store and indexes have moved by then, and every handler has run."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        by_name = IndexedStore(store, NameIndex[Any]())
        listener = store.listen("uid-of-a")
        assert listener is not None
        source.stream.send(Modified(A7))
        await listener.wait()
        assert store.get("uid-of-a") is by_name.index.get("default", "a") is diary.lines[-1][2]


async def test_H10_handlers_may_call_all_plain_methods(autojump_clock: MockClock) -> None:
    """Where every locking method of the Go package dead-locked."""
    found: list[Any] = []
    source = ScriptedListWatcher(page(A, at=5), page(A7, B, at=8))

    def update(old: Any, new: Any) -> None:
        assert store.get("uid-of-a") is new
        found.extend([store.items(), len(store), new in store, store.listen("uid-of-a"), store.health.state])
        found.append(IndexedStore(store, FlatNameIndex[Any]()).index.get("a"))
        found.append(store.request_relist())

    store: Store[Any]
    async with open_watch(source, handlers=HandlerFuncs(update=update), config=steady()) as store:
        source.stream.send(Modified(A7))
        await trio.sleep(1)
        assert found[:3] == [[A7], 1, True]
        assert found[5] is A7
        await found[6].wait()
        assert source.verbs().count("list") == 2


async def test_H10_a_locking_call_inside_the_lock_fails_loudly(autojump_clock: MockClock) -> None:
    """`trio.Lock` knows its owner; nothing hangs."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store, store.locked():
        with pytest.raises(RuntimeError, match="attempt to re-acquire"):
            await store.nop_update("uid-of-a")


async def test_H11_B23_a_slow_subscriber_holds_up_nobody_unless_it_says_so(autojump_clock: MockClock) -> None:
    """Handlers are synchronous; work that waits is a subscriber's."""
    source = ScriptedListWatcher(page(at=1))
    async with open_watch(source) as store:
        async with store.subscribe(policy="coalesce") as slow, store.subscribe(policy="resync", buffer=1) as slower:
            for n in range(2, 50):
                source.stream.send(Added(thing(f"n{n}", n)))
            await trio.sleep(1)
            assert len(store) == 48
            del slow, slower
        async with store.subscribe(policy="block", buffer=1) as blocking:
            source.stream.send(*[Added(thing(f"m{n}", n)) for n in range(50, 60)])
            source.stream.send(*[Added(thing(f"m{n}", n)) for n in range(60, 70)])
            await trio.sleep(1)
            assert len(store) == 58, "what came together is taken in, and no more until there is room"
            for _ in range(58):
                await anext(blocking)
            await trio.sleep(1)
            assert len(store) == 68


@pytest.mark.parametrize("where", ["start", "event", "relist"])
@pytest.mark.parametrize("who", ["handler", "index"])
async def test_A11_H12_what_a_handler_or_index_raises_ends_the_watch_as_itself(
    where: str, who: str, autojump_clock: MockClock
) -> None:
    """Not in a group; store and the other indexes agree; everybody who waits is woken."""
    if (where, who) == ("start", "index"):
        pytest.skip("no index exists before the store")
    error = ZeroDivisionError("mine")
    armed = where == "start"

    def add(obj: Any, preexisting: bool = False, /) -> None:
        if armed and who == "handler":
            raise error

    class Bad(Recorder):
        def add(self, obj: Any, /) -> None:
            if armed and who == "index":
                raise error

    source = ScriptedListWatcher(page(A, at=5), page(A, thing("c", 9), at=9))
    stores: list[Store[Any]] = []
    with pytest.raises(ZeroDivisionError) as caught:
        async with open_watch(source, handlers=HandlerFuncs(add=add), config=steady()) as store:
            stores.append(store)
            bad, good = IndexedStore(store, Bad([])), IndexedStore(store, NameIndex[Any]())
            listener = store.listen("uid-of-a")
            armed = True
            if where == "event":
                source.stream.send(Added(thing("c", 9)))
            else:
                store.request_relist()
            await trio.sleep(5)
            raise AssertionError("the body goes on")
    assert caught.value is error
    if where != "start":
        store = stores[0]
        assert store.stopped
        assert listener is not None
        with pytest.raises(WatchStopped, match="ZeroDivisionError: mine"):
            await listener.wait()
        assert [o.metadata.name for o in store] == ["a", "c"]
        assert good.index.get("default", "c") is store.get("uid-of-c")
        assert len(good.index) == 2
        del bad
    assert source.open_streams == 0


async def test_H5_nothing_is_told_of_an_object_after_its_deletion(autojump_clock: MockClock) -> None:
    """A replayed deletion is no second one."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        source.stream.send(Deleted(A7), Deleted(A7))
        await trio.sleep(1)
        assert not store.failing
    assert [line[0] for line in diary.lines] == ["add", "update", "delete"]
