"""Rows L and W of the seed: lists again, and watches again."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.lowlevel
from core_helpers import Diary, ScriptedListWatcher, Stream, bookmark, failure, page, steady, thing
from prometheus_client import CollectorRegistry
from trio.testing import MockClock

from trio_k8swatch import (
    Added,
    ApiError,
    Expired,
    Forbidden,
    HandlerFuncs,
    IndexedStore,
    Metrics,
    Modified,
    NameIndex,
    NotFound,
    Status,
    TimeRange,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    WatchStopped,
    open_watch,
)

A, B, C = thing("a", 1), thing("b", 2), thing("c", 3)


def refused(type_: type[ApiError], code: int, retry_after: float | None = None) -> ApiError:
    return type_("refused", status=Status(code=code), retry_after=retry_after)


@pytest.mark.parametrize("trigger", ["user", "expired", "contradiction", "http 410", "broken event"])
async def test_L1_a_list_follows_whatever_casts_doubt(trigger: str, autojump_clock: MockClock) -> None:
    """An HTTP refusal of a watch and a broken event included, which made none in the Go package."""
    watches: list[Any] = [Stream(), refused(Expired, 410)] if trigger == "http 410" else []
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=watches)
    async with open_watch(source, config=steady()) as store:
        if trigger == "user":
            store.request_relist()
        elif trigger == "expired":
            source.stream.send(failure(410, "Expired"))
        elif trigger == "contradiction":
            source.stream.send(Added(thing("a", 6)))
        else:
            source.stream.cut(Unavailable("x"))
            if trigger == "broken event":
                source.watches.append(Stream(Added(thing("x", ""))))
        await trio.sleep(5)
        assert store.items() == [A, B]


async def test_L2_while_a_list_is_read_no_watch_is_open(autojump_clock: MockClock) -> None:
    """So nothing arrives twice, or in the wrong order."""
    open_during: list[int] = []

    def listing(options: Any) -> Any:
        open_during.append(source.open_streams)
        return page(A, at=6)

    source = ScriptedListWatcher(page(A, at=5), listing)
    async with open_watch(source) as store:
        await store.relist()
    assert open_during == [0]


async def test_L3_L4_a_list_that_began_before_the_call_does_not_satisfy_it(autojump_clock: MockClock) -> None:
    """It may have been read before what the caller wants to see: one more follows."""

    async def slow(options: Any) -> Any:
        await trio.sleep(10)
        return page(A, at=6)

    source = ScriptedListWatcher(page(A, at=5), slow, page(A, B, at=7))
    returned: list[tuple[float, int]] = []

    async def relist() -> None:
        await store.relist()
        returned.append((trio.current_time(), len(store)))

    async with open_watch(source, config=steady()) as store, trio.open_nursery() as nursery:
        nursery.start_soon(relist)
        await trio.sleep(5)
        nursery.start_soon(relist)
        nursery.start_soon(relist)
    assert returned == [(10, 1), (10, 2), (10, 2)]
    assert source.times("list") == [0, 0, 10]


async def test_L4_B14_a_list_that_was_asked_for_is_consistent(autojump_clock: MockClock) -> None:
    """No version is asked for, so the server answers from its quorum."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        await store.relist()
    assert [c.options.resource_version for c in source.calls if c.verb == "list"] == [None, None]


async def test_L4_the_promise_is_kept_after_an_outage_by_a_consistent_list(autojump_clock: MockClock) -> None:
    """Neither an error nor a list that was only recovery satisfies it."""
    source = ScriptedListWatcher(
        page(A, at=5), Unavailable("x"), refused(Expired, 410), Unavailable("x"), page(B, at=9)
    )
    async with open_watch(source, config=steady()) as store:
        ticket = store.request_relist()
        await trio.sleep(2.5)
        assert store.failing
        assert store.items() == [A]
        await ticket.wait()
        assert store.items() == [B]
        assert trio.current_time() == 3
    assert all(c.options.resource_version is None for c in source.calls if c.verb == "list")


async def test_L5_any_number_of_requests_make_one_list(autojump_clock: MockClock) -> None:
    """All that are made before it begins."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source) as store:
        for ticket in [store.request_relist() for _ in range(100)]:
            await ticket.wait()
    assert source.verbs() == ["list", "watch", "list", "watch"]


async def test_L6_a_failed_list_shows_and_is_tried_again(autojump_clock: MockClock) -> None:
    """With what the server asked for, and by the kind of error."""
    source = ScriptedListWatcher(
        page(A, at=5), refused(Forbidden, 403), refused(TooManyRequests, 429, 7), refused(Unauthorized, 401), page(at=6)
    )
    states: list[str] = []
    async with open_watch(source, config=steady()) as store:
        store.request_relist()
        await trio.sleep(0.5)
        for _ in range(12):
            states.append(store.health.state.value)
            await trio.sleep(1)
            assert store.failing is (store.health.state != "live")
    assert states[0] == "forbidden"
    assert "unauthorized" in states
    assert states[-1] == "live"
    times = source.times("list")
    assert times[2] - times[1] == 1
    assert 7 <= times[3] - times[2] <= 7.7


async def test_L7_B7_a_store_is_failing_until_it_is_fresh(autojump_clock: MockClock) -> None:
    """Whoever sees that it recovered sees the new contents; the Go package flipped the flag first."""
    seen: list[tuple[bool, int]] = []
    source = ScriptedListWatcher(page(A, at=5), Unavailable("x"), page(A, B, at=6))
    handlers = HandlerFuncs[Any](
        add=lambda obj, preexisting: None if preexisting else seen.append((store.failing, len(store)))
    )
    async with open_watch(source, handlers=handlers, config=steady()) as store:
        store.request_relist()
        while not seen:
            await trio.sleep(0.25)
            assert store.failing == (len(store) == 1) or trio.current_time() < 0.5
    assert seen == [(False, 2)]


async def test_L8_L9_L10_B30_a_list_is_told_deletions_first_then_in_its_own_order(autojump_clock: MockClock) -> None:
    """A name that was freed and taken again is a deletion and an addition; it never has two owners."""
    diary = Diary()
    held: list[list[str]] = []
    names: dict[str, str] = {}

    def note() -> None:
        what, obj = diary.lines[-1][0], diary.lines[-1][-2 if diary.lines[-1][0] != "update" else -1]
        if what == "delete":
            del names[obj.metadata.uid]
        else:
            names[obj.metadata.uid] = obj.metadata.name
        held.append(sorted(names.values()))

    diary = Diary(also=note)
    new_b = thing("b", 8, uid="another")
    source = ScriptedListWatcher(page(A, B, C, at=5), page(new_b, thing("c", 9), at=10))
    async with open_watch(source, handlers=diary.handlers()) as store:
        by_name = IndexedStore(store, NameIndex[Any]())
        await store.relist()
        assert by_name.index.get("default", "b") is new_b
    assert diary.lines[3:] == [
        ("delete", A, True),
        ("delete", B, True),
        ("add", new_b, False),
        ("update", C, thing("c", 9)),
    ]
    assert all(len(names_) == len(set(names_)) for names_ in held)


async def test_L8_who_listens_is_woken_by_what_a_list_shows(autojump_clock: MockClock) -> None:
    """A change and a deletion, and nobody else."""
    source = ScriptedListWatcher(page(A, B, C, at=5), page(thing("b", 7), C, at=8))
    async with open_watch(source) as store:
        a, b, c = (store.listen(f"uid-of-{name}") for name in "abc")
        assert a is not None
        assert b is not None
        assert c is not None
        await store.relist()
        await a.wait()
        await b.wait()
        assert (a.deleted, b.deleted) == (True, False)
        with trio.move_on_after(1) as scope:
            await c.wait()
        assert scope.cancelled_caught


@pytest.mark.parametrize("replay", [False, True])
async def test_L11_B25_unchanged_objects_are_told_only_on_request(*, replay: bool, autojump_clock: MockClock) -> None:
    """The Go package called every update handler in every relist."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, B, at=5), page(thing("a", 1), thing("b", 9), at=10))
    config = steady(replay_unchanged=replay)
    async with open_watch(source, handlers=diary.handlers(), config=config) as store:
        await store.relist()
    changed = [("update", B, thing("b", 9))]
    assert diary.lines[2:] == ([("update", A, A), *changed] if replay else changed)


async def test_L12_handlers_of_a_list_see_the_whole_new_state(autojump_clock: MockClock) -> None:
    """Not half of the old one."""
    seen: list[list[str]] = []
    handlers = HandlerFuncs[Any](
        add=lambda obj, preexisting: seen.append([o.metadata.name for o in store]) if not preexisting else None,
        delete=lambda obj, may_be_stale: seen.append([o.metadata.name for o in store]),
    )
    source = ScriptedListWatcher(page(A, at=5), page(B, C, at=6))
    async with open_watch(source, handlers=handlers) as store:
        await store.relist()
    assert seen == [["b", "c"]] * 3


async def test_L13_after_a_list_the_watch_goes_on_from_it(autojump_clock: MockClock) -> None:
    """And those who waited know when the handlers have been told."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=9))
    async with open_watch(source, handlers=diary.handlers()) as store:
        await store.relist()
        assert diary.names() == ["add a", "add b"]
        await trio.sleep(1)
    assert source.calls[-1].options.resource_version == "9"


async def test_L14_an_object_that_is_listed_twice_is_one_object(autojump_clock: MockClock) -> None:
    """With one add, of its last state."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, thing("a", 2), at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        assert store.items() == [thing("a", 2)]
    assert diary.lines == [("add", thing("a", 2), True)]


# Watches again


@pytest.mark.parametrize(
    ("error", "lists"),
    [
        (refused(Expired, 410), 2),
        (refused(NotFound, 404), 2),
        (refused(Unauthorized, 401), 1),
        (refused(Forbidden, 403), 1),
        (Unavailable("x"), 1),
    ],
)
async def test_W1_B2_a_refused_watch_is_answered_by_its_code(
    error: Exception, lists: int, autojump_clock: MockClock
) -> None:
    """The Go package asked for the same version for ever; its store stood still."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[Stream(), error])
    async with open_watch(source, config=steady()) as store:
        source.stream.cut(Unavailable("x"))
        await trio.sleep(10)
        assert len(store) == lists
    assert source.verbs().count("list") == lists


async def test_W2_a_request_for_a_list_ends_the_pause_of_a_failing_watch(autojump_clock: MockClock) -> None:
    """In the Go package it waited for the watch to come back."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[Stream(), Unavailable("x")])
    async with open_watch(source, config=steady(retry_watch_after=TimeRange(100, 100))) as store:
        source.stream.cut(Unavailable("x"))
        await trio.sleep(5)
        with trio.fail_after(1):
            await store.relist()
        assert store.items() == [A, B]


async def test_W2_a_list_asked_for_just_before_the_watch_fails_comes_at_once(autojump_clock: MockClock) -> None:
    """By a handler of the last events, for example."""
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[Stream(), Stream()])
    handlers = HandlerFuncs[Any](update=lambda old, new: store.request_relist())
    config = steady(retry_watch_after=TimeRange(100, 100))
    async with open_watch(source, handlers=handlers, config=config) as store:
        source.stream.send(Modified(thing("a", 6)), failure(500))
        await trio.sleep(5)
        assert store.items() == [A, B]


async def test_W2_lists_asked_for_at_every_failure_are_no_storm(autojump_clock: MockClock) -> None:
    """A handler that always wants one does not undo the pauses."""
    version = 5

    def listing(options: Any) -> Any:
        nonlocal version
        version += 1
        return page(thing("a", version), at=version)

    watches = [lambda options: Stream(Modified(thing("a", version + 1)), failure(500)) for _ in range(1000)]
    source = ScriptedListWatcher(listing, watches=[Stream(), *watches])
    stores: list[Any] = []
    handlers = HandlerFuncs[Any](update=lambda old, new: stores[0].request_relist())
    async with open_watch(source, handlers=handlers) as store:
        stores.append(store)
        source.stream.cut(Unavailable("x"))
        await trio.sleep(30)
    assert source.verbs().count("list") < 15


async def test_W2_a_server_that_wants_to_be_left_alone_is(autojump_clock: MockClock) -> None:
    """A request for a list does not override Retry-After."""
    busy = refused(TooManyRequests, 429, 30)
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[Stream(), busy])
    async with open_watch(source, config=steady()) as store:
        source.stream.cut(Unavailable("x"))
        await trio.sleep(5)
        await store.relist()
        assert trio.current_time() >= 30


async def test_W3_a_watch_that_only_opens_has_not_recovered(autojump_clock: MockClock) -> None:
    """If it was one that ended at once before; the next news shows it."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(), Stream(ends=True), Stream(ends=True)])
    async with open_watch(source, config=steady()) as store:
        source.stream.end()
        await trio.sleep(1.5)
        assert len(source.streams) == 2
        assert store.failing
        await trio.sleep(5)
        source.stream.send(bookmark(6))
        await trio.lowlevel.checkpoint()
        await trio.sleep(0.1)
        assert not store.failing


async def test_B6_stop_abandons_a_list_under_way(autojump_clock: MockClock) -> None:
    """The Go package applied it after the stop, and opened one more watch."""
    diary = Diary()

    async def slow(options: Any) -> Any:
        await trio.sleep(10)
        return page(B, at=6)

    source = ScriptedListWatcher(page(A, at=5), slow)
    async with open_watch(source, handlers=diary.handlers()) as store:
        ticket = store.request_relist()
        await trio.sleep(5)
        store.stop()
        with pytest.raises(WatchStopped):
            await ticket.wait()
        await trio.sleep(20)
        assert store.items() == [A]
    assert diary.names() == ["add a"]
    assert source.verbs() == ["list", "watch", "list"]


async def test_B17_leaving_during_a_list_is_no_failure(autojump_clock: MockClock) -> None:
    """The Go package counted it as an error and a failing watcher."""
    source = ScriptedListWatcher(page(A, at=5), lambda _: trio.sleep_forever())
    registry = CollectorRegistry()
    config = steady(metrics=Metrics("app", registry).instance("things"))
    async with open_watch(source, config=config) as store:
        store.request_relist()
        await trio.sleep(5)
        assert source.verbs() == ["list", "watch", "list"]
    assert not store.failing
    assert store.health.last_error is None
    names = [sample.name for family in registry.collect() for sample in family.samples]
    assert "app_relist_requests_total" in names
    assert "app_errors_total" not in names


async def test_B3_a_server_whose_every_watch_breaks_is_asked_along_the_curve(autojump_clock: MockClock) -> None:
    """For any cause, the gaps between attempts are those of the policy (rule 10)."""
    watches: list[Any] = []
    for n in range(40):
        watches.append(
            [Stream(failure(410)), Unavailable("x"), Stream(ends=True), Stream(bookmark(1)), Stream(Added(A))][n % 5]
        )
    source = ScriptedListWatcher(page(A, at=5), watches=watches)
    async with open_watch(source, config=steady()):
        await trio.sleep(30)
    times = [call.time for call in source.calls]
    for moment in set(times):
        assert times.count(moment) <= 3, "a probe, a list and a watch at most"
    assert sorted(set(times)) == list(range(len(set(times))))
