"""Rows A and S of the seed: what the caller gives, and how a watch starts."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

import pytest
import trio
import trio.lowlevel
from core_helpers import Diary, ScriptedListWatcher, Stream, page, steady, thing
from trio.testing import MockClock

from trio_k8swatch import (
    Added,
    Backoff,
    ConfigError,
    Expired,
    Forbidden,
    HandlerFuncs,
    InitMode,
    K8sWatchError,
    ListOptions,
    NotFound,
    State,
    Status,
    TimeRange,
    TooManyRequests,
    Unavailable,
    WatchConfig,
    WatchStopped,
    open_watch,
)

A, B, C = thing("a", 1), thing("b", 2), thing("c", 3)
MODES = list(InitMode)


async def test_A2_U9_the_name_of_an_object_stands_in_the_log_under_a_key_of_ones_own(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When a handler fails with it."""
    source = ScriptedListWatcher(page(at=1), watches=[Stream(Added(A))])

    def add(obj: object, preexisting: bool) -> None:
        raise ZeroDivisionError

    handlers = HandlerFuncs(add=add)
    with pytest.raises(ZeroDivisionError):
        async with open_watch(source, handlers=handlers, config=steady(object_name_log_field="vm")):
            await trio.sleep(1)
    assert [record.vm for record in caplog.records if hasattr(record, "vm")] == ["default/a"]


async def test_A3_B29_metrics_are_optional(autojump_clock: MockClock) -> None:
    """Nothing has to be configured; the Go package's zero value panicked."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        assert store.items() == [A]


@pytest.mark.parametrize("which", ["retry_relist_after", "retry_watch_after"])
async def test_A4_A5_None_as_a_policy_ends_the_watch_with_the_failure(which: str, autojump_clock: MockClock) -> None:
    """Raised by `open_watch`: the Go package's goroutine died silently, or crashed (B1). What the other is for is survived."""
    is_list = which == "retry_relist_after"
    source = ScriptedListWatcher(page(A, at=5))
    with pytest.raises(Unavailable, match="gone"):
        async with open_watch(source, config=steady(**{which: None})) as store:
            await trio.sleep(1)
            if is_list:
                source.stream.cut(Unavailable("survived"))
            else:
                source.lists.appendleft(Unavailable("survived"))
                store.request_relist()
            await trio.sleep(5)
            assert store.health.state is State.LIVE
            assert "survived" in (store.health.last_error or "")
            if is_list:
                source.lists.appendleft(Unavailable("gone"))
                store.request_relist()
            else:
                source.stream.cut(Unavailable("gone"))
            await trio.sleep(1)
            raise AssertionError("the body goes on")
    assert store.stopped


@pytest.mark.parametrize("policy", [TimeRange(3, 3), Backoff(3, 3, minimum_seconds=3)])
async def test_A4_the_pause_before_the_next_list_is_the_policys(policy: Any, autojump_clock: MockClock) -> None:
    """A range or a curve."""
    source = ScriptedListWatcher(page(A, at=5), Unavailable("x"), Unavailable("x"), page(A, B, at=6))
    async with open_watch(source, config=steady(retry_relist_after=policy)) as store:
        await trio.sleep(1)
        await store.relist()
        assert source.times("list") == [0, 1, 4, 7]
        assert store.items() == [A, B]


async def test_A5_the_pause_before_the_next_watch_is_the_policys(autojump_clock: MockClock) -> None:
    """One for watches, another for lists."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(), Unavailable("x"), Unavailable("x")])
    async with open_watch(source, config=steady(retry_watch_after=TimeRange(4, 4))):
        await trio.sleep(1)
        source.stream.cut(Unavailable("x"))
        await trio.sleep(20)
    assert source.times("watch") == [0, 5, 9, 13]


async def test_A8_A9_A10_handlers_are_told_what_happens(autojump_clock: MockClock) -> None:
    """`preexisting` only for the first list, `may_be_stale` only for what a list showed."""
    diary = Diary()
    source = ScriptedListWatcher(
        page(A, B, at=5), page(thing("c", 8), at=9), page(thing("c", 8), thing("d", 10), at=11)
    )
    async with open_watch(source, handlers=diary.handlers(), config=steady()) as store:
        await trio.lowlevel.checkpoint()
        source.stream.send(Added(thing("c", 8)))
        await trio.sleep(2)
        await store.relist()
        await store.relist()
    assert diary.lines == [
        ("add", A, True),
        ("add", B, True),
        ("add", thing("c", 8), False),
        ("delete", A, True),
        ("delete", B, True),
        ("add", thing("d", 10), False),
    ]


async def test_A8_many_may_be_told_by_subscribing(autojump_clock: MockClock) -> None:
    """Handlers are one set; subscribers come and go."""
    async with open_watch(ScriptedListWatcher(page(A, at=5))) as store:
        async with store.subscribe() as one, store.subscribe() as two:
            assert [(await anext(changes)).object for changes in (one, two)] == [A, A]


@pytest.mark.parametrize("mode", ["Sync", "deferred", "", None, 1])
def test_A12_B24_a_mode_that_does_not_exist_is_refused(mode: Any) -> None:
    """The Go package took every word but one for sync."""
    with pytest.raises(ConfigError, match=r"InitMode\.SYNC or InitMode\.DEFER"):
        open_watch(ScriptedListWatcher(), init_mode=mode)


@pytest.mark.parametrize(
    "options",
    [
        {"resource_version": "1"},
        {"resource_version_match": "Exact"},
        {"timeout_seconds": 5},
        {"continue_token": "t"},
        {"send_initial_events": True},
    ],
)
def test_A13_B13_options_that_would_break_the_watch_are_refused(options: dict[str, Any]) -> None:
    """By name, and with what to use instead."""
    with pytest.raises(ConfigError, match=f"{next(iter(options))}: the watch decides"):
        open_watch(ScriptedListWatcher(), list_options=ListOptions(**options))


async def test_A13_selectors_go_into_every_list_and_every_watch(autojump_clock: MockClock) -> None:
    """The watch would otherwise be of other objects than the list."""
    source = ScriptedListWatcher(page(at=5), watches=[Stream(), Unavailable("x")])
    options = ListOptions(label_selector="app=x", field_selector="f=1", shard_selector="s", page_size=3)
    async with open_watch(source, list_options=options, config=steady()) as store:
        await store.relist()
        await trio.sleep(2)
    assert source.verbs()[:4] == ["list", "watch", "list", "watch"]
    for call in source.calls:
        assert (call.options.label_selector, call.options.field_selector) == ("app=x", "f=1")
        assert (call.options.shard_selector, call.options.page_size) == ("s", 3)


@pytest.mark.parametrize("error", [Forbidden("no", status=Status(code=403)), NotFound("no", status=Status(code=404))])
async def test_S2_what_will_not_get_better_is_raised_before_the_block(error: K8sWatchError) -> None:
    """As itself, from the list and from the watch."""
    for source in (ScriptedListWatcher(error), ScriptedListWatcher(page(A, at=5), watches=[error])):
        with pytest.raises(type(error)) as caught:
            async with open_watch(source):
                raise AssertionError("the block runs")
        assert caught.value is error
        assert source.verbs() == ["list", "watch"][: 1 + len(source.calls) // 2], "it was asked once"


async def test_S2_B15_the_start_may_be_retried(autojump_clock: MockClock) -> None:
    """For whatever errors are named; after the same pauses as later."""
    source = ScriptedListWatcher(Unavailable("x"), Unavailable("x"), page(A, at=5), watches=[Unavailable("x")])
    async with open_watch(source, config=steady(retry_at_start=(K8sWatchError,))) as store:
        assert store.items() == [A]
        assert [(call.verb, call.time) for call in source.calls[:5]] == [
            ("list", 0), ("list", 1), ("list", 2), ("watch", 2), ("list", 3),
        ]  # fmt: skip


async def test_S2_a_server_that_is_only_busy_is_waited_for(autojump_clock: MockClock) -> None:
    """429 is sat out at the start without being asked to, in lists and in watches."""
    busy = TooManyRequests("later", status=Status(code=429), retry_after=5)
    source = ScriptedListWatcher(busy, page(A, at=5), watches=[busy])
    async with open_watch(source, config=steady()) as store:
        assert store.items() == [A]
        assert 10 <= trio.current_time() <= 11


async def test_S3_the_watch_begins_where_the_list_was_read(autojump_clock: MockClock) -> None:
    """Nothing is missed in between."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source):
        pass
    assert [(call.verb, call.options.resource_version) for call in source.calls] == [("list", None), ("watch", "5")]


async def test_S4_in_sync_mode_everything_is_told_before_the_block(autojump_clock: MockClock) -> None:
    """In the order of the list, with the store full."""
    sizes: list[int] = []
    diary = Diary(also=lambda: sizes.append(len(source.streams)))
    source = ScriptedListWatcher(page(A, B, at=5))
    async with open_watch(source, handlers=diary.handlers()) as store:
        assert diary.lines == [("add", A, True), ("add", B, True)]
        assert store.items() == [A, B]
    # B16: nobody was told before it was known that the collection can be watched.
    assert sizes == [1, 1]


async def test_S4_B16_who_is_cancelled_at_the_start_has_told_nobody(autojump_clock: MockClock) -> None:
    """No adds without a watch to follow them."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5), watches=[lambda _: trio.sleep_forever()])
    with trio.move_on_after(5) as scope:
        async with open_watch(source, handlers=diary.handlers()):
            raise AssertionError("the block runs")
    assert scope.cancelled_caught
    assert diary.lines == []


async def test_S6_a_refused_first_watch_has_told_nobody(autojump_clock: MockClock) -> None:
    """The Go package had delivered the adds by then."""
    diary = Diary()
    source = ScriptedListWatcher(page(A, at=5), watches=[Forbidden("no", status=Status(code=403))])
    with pytest.raises(Forbidden):
        async with open_watch(source, handlers=diary.handlers()):
            pass
    assert diary.lines == []


async def test_S6_a_first_watch_that_is_too_late_is_listed_for_again(autojump_clock: MockClock) -> None:
    """410 between list and watch was fatal."""
    gone = Expired("gone", status=Status(code=410))
    source = ScriptedListWatcher(page(A, at=5), page(A, B, at=6), watches=[gone])
    async with open_watch(source, config=steady()) as store:
        assert store.items() == [A, B]
    assert source.verbs() == ["list", "watch", "list", "watch"]


async def test_S6_a_first_watch_without_answer_is_a_failure(autojump_clock: MockClock) -> None:
    """Not something to wait for all day."""
    source = ScriptedListWatcher(page(A, at=5), watches=[lambda _: trio.sleep_forever()])
    with pytest.raises(Unavailable, match="did not answer"):
        async with open_watch(source):
            pass


async def test_S7_S9_S10_in_defer_mode_the_adds_run_while_the_block_does(autojump_clock: MockClock) -> None:
    """After list and watch have succeeded; what needs the lock waits for them; what does not, does not."""
    told: list[str] = []
    source = ScriptedListWatcher(page(*[thing(f"n{n}", n) for n in range(1, 601)], at=1000))

    def add(obj: Any, preexisting: bool) -> None:
        assert preexisting
        told.append(obj.metadata.name)

    async with open_watch(source, handlers=HandlerFuncs(add=add), init_mode=InitMode.DEFER) as store:
        assert told == [], "no handler is called before the block has begun"
        assert source.verbs() == ["list", "watch"]
        assert len(store.items()) == 600, "the store is full all the same"
        await trio.lowlevel.checkpoint()
        assert len(told) <= 2, "the block has its turn after each of them"
        async with store.locked():
            assert told == [f"n{n}" for n in range(1, 601)]


@pytest.mark.parametrize("buffer", [1, 2, 100])
async def test_R6_S10_a_bounded_queue_that_the_block_drains_does_not_overflow(
    buffer: int, autojump_clock: MockClock
) -> None:
    """What defer mode is for: with `SYNC` nobody would take from the queue."""
    source = ScriptedListWatcher(page(*[thing(f"n{n}", n) for n in range(1, 601)], at=1000))
    queue, taken = trio.open_memory_channel[str](buffer)
    handlers = HandlerFuncs[Any](add=lambda obj, preexisting: queue.send_nowait(obj.metadata.name))
    with pytest.raises(trio.WouldBlock):
        async with open_watch(source, handlers=handlers):
            pass
    taken.receive_nowait()
    queue, taken = trio.open_memory_channel[str](buffer)
    async with open_watch(source, handlers=handlers, init_mode=InitMode.DEFER):
        names = [await taken.receive() for _ in range(600)]
    assert names == [f"n{n}" for n in range(1, 601)]


async def test_R6_a_start_that_is_cancelled_before_the_block_calls_no_handler(autojump_clock: MockClock) -> None:
    """Whatever the moment: and nothing waits for a block that will never begin."""
    begun: list[bool] = []
    for steps in range(12):
        names: list[str] = []
        source = ScriptedListWatcher(page(A, B, at=5))
        handlers = HandlerFuncs[Any](add=lambda obj, preexisting, names=names: names.append(obj.metadata.name))
        has_begun = False
        async with trio.open_nursery() as nursery:

            async def watch(handlers: HandlerFuncs[Any] = handlers, source: ScriptedListWatcher = source) -> None:
                nonlocal has_begun
                async with open_watch(source, handlers=handlers, init_mode=InitMode.DEFER):
                    has_begun = True
                    await trio.sleep_forever()

            nursery.start_soon(watch)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        begun.append(has_begun)
        assert names in ([], ["a", "b"] if has_begun else [])
    assert set(begun) == {False, True}


async def test_S8_nobody_sees_a_store_that_is_not_full(autojump_clock: MockClock) -> None:
    """In either mode."""
    for mode in MODES:
        async with open_watch(ScriptedListWatcher(page(A, B, at=5)), init_mode=mode) as store:
            assert len(store) == 2
            assert store.resource_version == "5"


async def test_S9_stopping_during_deferred_adds_tells_the_rest(autojump_clock: MockClock) -> None:
    """What is committed is told; after that it ends."""
    diary = Diary()
    source = ScriptedListWatcher(page(*[thing(f"n{n}", n) for n in range(1, 601)], at=1000))
    async with open_watch(source, handlers=diary.handlers(), init_mode=InitMode.DEFER) as store:
        store.stop()
        async with store.locked():
            pass
        await trio.sleep(1)
        assert store.stopped
    assert len(diary.lines) == 600


async def test_S11_B1_leaving_during_an_outage_is_quiet(autojump_clock: MockClock) -> None:
    """Where the Go package crashed on its way out."""
    source = ScriptedListWatcher(page(A, at=5), watches=[Stream(), *[Unavailable("x")] * 99])
    async with open_watch(source, config=steady()) as store:
        source.stream.cut(Unavailable("x"))
        await trio.sleep(10.5)
        assert store.failing
        listener = store.listen("uid-of-a")
    assert listener is not None
    with pytest.raises(WatchStopped):
        await listener.wait()
    assert source.open_streams == 0


@pytest.mark.parametrize("setting", ["silence_limit", "stream_progress_limit"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_B29_settings_that_make_no_sense_are_refused(setting: str, value: float) -> None:
    """At once and by name."""
    with pytest.raises(ConfigError, match=setting):
        WatchConfig(**{setting: value})
    with pytest.raises(ConfigError, match="at least one second"):
        WatchConfig(watch_timeout=TimeRange(0, 5))


async def test_the_log_tells_what_a_watch_does(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    """Listed and why, trying again and why and when, ended and why; and nothing for each event."""
    caplog.set_level(logging.INFO, "trio_k8swatch")
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, config=steady(rng=Random(0))) as store:
        source.stream.send(*[Added(thing(f"n{n}", 10 + n)) for n in range(50)])
        await trio.sleep(2)
        source.stream.cut(Unavailable("cut"))
        await trio.sleep(2)
        await store.relist()
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "listed (initial): 1 objects" in said
    assert "cut; next, in 1.0 s: watch" in said
    assert "listed (requested)" in said
    assert "the watch was stopped" in said
    assert len(caplog.records) < 8
