"""F103-F105, and what else has to be seen of a watch that recovers: lists that are asked for, outages at the start."""

from __future__ import annotations

import dataclasses

import pytest
import trio
from faults.harness import cluster, longest, pod

from trio_k8swatch import ApiError, ListStrategy, State, Unavailable, WatchConfig, open_client, open_watch


async def test_F103_a_watch_that_only_opens_has_not_recovered(autojump_clock):
    """Silence is a failure that health reports until bytes arrive; after two silent watches there is a list."""
    async with cluster() as it:
        async with it.watch(inspect_every=10) as w:
            await trio.sleep(130)
            hole = it.fake.faults.black_hole()
            it.fake.create(pod("a"))
            await trio.sleep(80)
            assert w.store.failing
            assert w.store.health.reason == "silence"
            assert len(w.lists) == 1
            await trio.sleep(180)
            assert len(w.store) == 1, "after two silent watches there is a list"
            assert w.store.failing, "a list is no watch"
            for hour in range(3):
                it.fake.create(pod(f"hour-{hour}"))
                await trio.sleep(3600)
                assert not w.difference()
                assert w.store.failing
            hole.remove()
            it.fake.faults.cut_connections()
            it.fake.create(pod("b"))
            await w.settled(within=5)
            assert w.store.health.state is State.LIVE


async def test_F103_a_quiet_server_that_begins_to_hide_things(autojump_clock):
    """If a server that never sends bookmarks withholds changes, they are found all the same."""
    async with cluster() as it:
        it.fake.faults.no_bookmarks()
        async with it.watch(inspect_every=30) as w:
            await trio.sleep(3600)
            assert not w.store.failing
            it.fake.faults.black_hole()
            it.fake.create(pod("a"))
            await trio.sleep(1300)
            assert not w.difference()
            assert w.store.failing


async def test_F104_a_request_that_is_never_answered_does_not_hold_up_the_others(autojump_clock):
    """After a 429 one request is tried for all; if it gets no response, another one is tried, and the first is repeated later."""
    async with cluster() as it:
        it.fake.faults.too_many_requests(retry_after=1, times=1)
        with pytest.raises(ApiError):
            await it.client.get("/version")
        it.fake.faults.hang(times=1)
        done: list[float] = []

        async def ask() -> None:
            await it.client.get("/version")
            done.append(trio.current_time())

        it.nursery.start_soon(ask)
        await trio.sleep(0.1)
        with trio.fail_after(10):
            await it.client.get("/version")
        assert not done
        await trio.sleep(1.0)
        assert done


async def test_F105_a_list_that_drips(autojump_clock):
    """A byte now and then is not progress: `open_watch` raises instead of waiting for days."""
    async with cluster() as it:
        for n in range(50):
            it.fake.create(pod(f"pod-{n}"))
        it.fake.faults.drip_lists(1.0)
        with pytest.raises(Unavailable, match="too little came"):
            async with it.watch():
                pass
        assert trio.current_time() < 140


async def test_F105_a_streaming_list_that_never_ends(autojump_clock):
    """New objects of a busy collection are not progress of its list; pages are read instead."""
    async with cluster() as it:
        it.fake.faults.never_ends_initial_events()

        async def busy() -> None:
            for n in range(1000):
                it.fake.create(pod(f"pod-{n}"))
                await trio.sleep(1)

        it.nursery.start_soon(busy)
        config = longest(list_strategy=ListStrategy.STREAM)
        with trio.fail_after(30):
            async with it.watch(config=config, settle=False) as w:
                assert [a.kind for a in w.lists] == ["watch", "page"]
        it.nursery.cancel_scope.cancel()


# Lists that are asked for


async def test_R7_relist_in_a_loop_is_paced_and_a_watch_opens_between_two_lists(autojump_clock):
    """The first is free; then the curve, whoever asks."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(15)
            with trio.move_on_after(30):
                while True:
                    await w.relist()
            kinds = [a.kind for a in w.witness.attempts[2:]]
            assert "page page" not in " ".join(kinds)
            assert 4 <= kinds.count("page") <= 10


async def test_R7_relist_in_a_loop_while_watches_fail(autojump_clock):
    """It does not cut off the pauses of a server that is not well."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(15)
            it.fake.faults.status(500, on="watch", times=None)
            it.fake.faults.cut_connections()
            began = len(w.witness.attempts)
            with trio.move_on_after(20):
                while True:
                    await w.relist()
                    await trio.sleep(0.05)
            assert len(w.witness.attempts) - began < 40


async def test_R7_versions_that_cannot_be_compared_cost_paced_lists(autojump_clock):
    """`at_least` of an opaque version is a list each time."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(15)
            w.relists = 10
            with trio.move_on_after(30):
                while True:
                    await w.store.at_least("abd")
            assert len(w.lists) <= 10


async def test_R8_at_least_resumes_before_it_lists(autojump_clock):
    """In an outage it waits for the watch, which brings what was written; nobody lists."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.outage(20)
            it.fake.faults.cut_connections()
            written = it.fake.create(pod("a"))["metadata"]["resourceVersion"]
            await w.store.at_least(written)
            assert trio.current_time() <= 15 + 20 + 5
            assert len(w.lists) == 1


async def test_R8_at_least_lists_when_a_live_watch_does_not_get_there(autojump_clock):
    """After two seconds."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.lag(60)
            written = it.fake.create(pod("a"))["metadata"]["resourceVersion"]
            w.relists += 1
            await w.store.at_least(written)
            assert 17 <= trio.current_time() <= 18
            assert len(w.lists) == 2


# At the start


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_R24_a_server_that_starts_while_we_do(code, autojump_clock):
    """5xx may pass: it is tried again at the start, too."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        it.fake.faults.status(code, times=None, for_seconds=10)
        async with it.watch() as w:
            assert 10 <= trio.current_time() <= 13.1
            assert len(w.store) == 1


async def test_R24_but_not_for_ever(autojump_clock):
    """After half a minute the error comes out as it is; with a limit of 0 at once."""
    async with cluster() as it:
        it.fake.faults.status(503, times=None)
        with pytest.raises(ApiError):
            async with it.watch():
                pass
        assert 30 <= trio.current_time() <= 34
        with pytest.raises(ApiError):
            async with it.watch(config=longest(start_limit=0)):
                pass
        assert trio.current_time() <= 34


async def test_R16_the_version_is_asked_once_and_only_a_real_no_is_remembered(autojump_clock):
    """Forty watches make one request; a 503 in that moment does not turn streaming lists off for good."""
    async with cluster() as it:
        it.client._version = None
        it.client.connection = dataclasses.replace(it.client.connection, compress=False)
        it.fake.faults.status(503, on="any", times=1)
        assert not await it.client.prefers_streaming_lists()
        before = len(it.fake.requests)
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(it.client.prefers_streaming_lists)
        assert len(it.fake.requests) - before == 1
        assert await it.client.prefers_streaming_lists()


async def test_health_says_why_since_when_and_when_next(autojump_clock):
    """While the server is away, of each watch."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.outage(20)
            it.fake.faults.cut_connections()
            await trio.sleep(10)
            health = w.store.health
            assert (health.state, health.reason, health.is_failing) == (State.RECONNECTING, "unreachable", True)
            assert health.since == 15
            assert health.next_attempt_at is not None
            assert trio.current_time() <= health.next_attempt_at <= trio.current_time() + 3
            await w.settled()
            assert (w.store.health.reason, w.store.health.next_attempt_at) == (None, None)


async def test_four_lists_at_a_time(autojump_clock):
    """However many watches a client has."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        it.fake.faults.slow_list(1.0)
        async with trio.open_nursery() as nursery:

            async def one() -> None:
                async with open_watch(it.client.resource("v1", "pods"), config=WatchConfig()):
                    pass

            for _ in range(12):
                nursery.start_soon(one)
        times = sorted(call.time for call in it.fake.requests.of("list"))
        assert [times.count(time) for time in sorted(set(times))] == [4, 4, 4]


async def test_at_least_one_list_at_a_time():
    """None would be no watch."""
    with pytest.raises(Exception, match="lists_at_once=0"):
        async with open_client(base_url="http://localhost", lists_at_once=0):
            pass
