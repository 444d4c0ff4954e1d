"""F01-F18: connections that fail, break, stall and lie."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from faults.harness import cluster, longest, pod

from trio_k8swatch import K8sWatchError, State, TimeRange, Unavailable


async def test_F01_refused_at_first_list(autojump_clock):
    """At the start `open_watch` raises at once; with a policy it retries every three seconds instead."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        with it.fake.faults.refuse(), pytest.raises(Unavailable, match="refused"):
            async with it.watch():
                pass
        it.fake.faults.outage(20.0)
        began = trio.current_time()
        async with it.watch(config=longest(retry_at_start=(K8sWatchError,))) as w:
            times = [a.began - began for a in w.lists]
            assert 20 <= times[-1] <= 23
            assert all(b - a <= 3 for a, b in pairwise(times))
            assert w.book.changes == [("add", "a")]


async def test_F02_refused_at_re_watch(autojump_clock):
    """The watch resumes at the same resourceVersion soon after the server is back, without a list; the store stays readable."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(5)
            version = w.store.resource_version
            it.fake.faults.cut_connections()
            it.fake.faults.outage(30.0)
            await trio.sleep(20)
            assert w.store.health.state is State.RECONNECTING
            assert w.store.failing
            assert len(w.store) == 1
            it.fake.create(pod("b"))
            await w.settled()
            assert len(w.lists) == 1
            assert {a.options.resource_version for a in w.watches} == {version}
            assert max(w.pauses()) <= 3
            assert it.fake.now - it.fake.requests[-1].time < 5 or w.watches[-1].began <= 5 + 30 + 3
            assert not w.store.failing
            assert w.store.health.state is State.LIVE


async def test_F03_reset_between_events(autojump_clock):
    """The watch resumes at the last committed resourceVersion: no list, no duplicates, nothing lost."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.create(pod("a"))
            await w.settled()
            committed = w.store.resource_version
            it.fake.faults.cut_connections("reset")
            it.fake.create(pod("b"))
            await w.settled()
            assert w.book.changes == [("add", "a"), ("add", "b")]
            assert len(w.lists) == 1
            assert w.watches[-1].options.resource_version == committed


async def test_F04_reset_in_the_middle_of_a_line(autojump_clock):
    """Half an event is discarded, and received again in full."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            committed = w.store.resource_version
            it.fake.faults.cut_line(at_byte=100)
            it.fake.create(pod("a"))
            await w.settled()
            assert w.watches[-1].options.resource_version == committed
            assert w.book.changes == [("add", "a")]
            assert len(w.lists) == 1


async def test_F05_clean_end_after_minutes(autojump_clock):
    """The next watch starts at once, without a list, and this does not count as a failure."""
    async with cluster() as it:
        async with it.watch(config=longest(watch_timeout=TimeRange(300, 300))) as w:
            await trio.sleep(3000)
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1
            assert [round(a.began) for a in w.watches] == [300 * n for n in range(len(w.watches))]
            assert len(w.watches) in {10, 11}
            assert not w.witness.failures
            assert w.store.health.last_error is None


async def test_F06_end_at_once_again_and_again(autojump_clock):
    """A watch that ends at once counts as a failure: pauses grow to the maximum, and health reports it, with or without events."""
    async with cluster() as it:
        async with it.watch(inspect_every=0.7) as w:
            await trio.sleep(20)
            with it.fake.faults.close_watch(times=None):
                await trio.sleep(300)
                assert w.store.failing
                assert w.pauses()[:9] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30]
                assert set(w.pauses()[9:]) == {30}
                last = w.store.health.last_error or ""
                assert last.startswith("Unavailable: the server ended the watch")
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1


async def test_F06_end_after_one_event_again_and_again(autojump_clock):
    """A server that ends each watch after one event has not recovered either."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(20)
            with it.fake.faults.close_watch(after_events=1, times=None):
                for n in range(30):
                    it.fake.create(pod(f"pod-{n}"))
                await trio.sleep(100)
                # Five at once, and then one for every 4.5 seconds.
                assert len(w.watches) <= 1 + 5 + 100 / 4.5
            await w.settled()


async def test_F07_headers_never_arrive(autojump_clock):
    """Right after a watch was cut, a request without response headers is abandoned after a few seconds."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(15)
            version = w.store.resource_version
            it.fake.faults.hang(on="watch")
            it.fake.faults.cut_connections()
            it.fake.create(pod("a"))
            began = trio.current_time()
            await w.settled()
            assert trio.current_time() - began < 5
            assert len(w.lists) == 1
            assert w.watches[-1].options.resource_version == version


async def test_F07_headers_never_arrive_at_the_start(autojump_clock):
    """At the start, silence is limited as well; nothing is delivered before."""
    async with cluster() as it:
        it.fake.faults.hang(on="watch")
        it.fake.create(pod("a"))
        with pytest.raises(Unavailable, match="did not answer"):
            async with it.watch():
                pass
        assert trio.current_time() < 71
        assert it.watched[-1].book.told == []


async def test_F08_half_open(autojump_clock):
    """Within the silence limit the watch resumes at the same version, and nothing is lost."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(130)
            version = w.store.resource_version
            it.fake.faults.half_open()
            it.fake.create(pod("a"))
            began = trio.current_time()
            await w.settled()
            assert trio.current_time() - began <= 76
            assert len(w.lists) == 1
            assert w.watches[-1].options.resource_version == version


async def test_F09_half_open_and_lists_hang(autojump_clock):
    """Lists that hang are abandoned as well; stopping works at any time."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(100)
            it.fake.faults.half_open()
            it.fake.faults.hang(on="list", times=None)
            w.store.request_relist()
            await trio.sleep(200)
            assert w.store.failing
            assert "did not answer" in (w.store.health.last_error or "")
            began = trio.current_time()
        assert trio.current_time() - began < 0.1
        it.fake.faults.clear()
        async with it.watch(settle=True) as w:
            pass


async def test_F10_trickle(autojump_clock):
    """One byte in 30 s is accepted for a while, but an event must be completed."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(100)
            drip = it.fake.faults.trickle(30.0)
            it.fake.faults.cut_connections()
            it.fake.create(pod("a"))
            began = trio.current_time()
            await trio.sleep(250)
            assert len(w.watches) >= 2, "a dripping watch was never given up"
            drip.remove()
            await w.settled(within=300)
            assert trio.current_time() - began < 600


async def test_F11_quiet_server_without_bookmarks(autojump_clock):
    """Silence is accepted once it is known that this server sends no bookmarks: no reconnect loop, and changes arrive at once."""
    async with cluster() as it:
        it.fake.faults.no_bookmarks()
        async with it.watch(inspect_every=10) as w:
            await trio.sleep(3600)
            assert len(w.watches) <= 2 + 3600 // 600 + 2
            # A silence might be a lie (R3): two of them are followed by a list, which shows that nothing had happened.
            assert len(w.lists) <= 2 + 3600 // 1200
            assert not w.store.failing
            it.fake.create(pod("a"))
            await trio.sleep(1)
            assert not w.difference()


async def test_F12_the_server_moves(autojump_clock):
    """Another server process behind the same name, with the same data: the watch resumes."""
    async with cluster() as it:
        async with it.watch() as w:
            await trio.sleep(100)
            it.fake.faults.restart(seconds=10, clean=False)
            it.fake.create(pod("a"))
            await w.settled()


async def test_F14_certificate_wrong_for_good(autojump_clock):
    """A permanent failure is retried every three seconds, and reported by health."""
    async with cluster() as it:
        async with it.watch(settle=False) as w:
            await trio.sleep(100)
            it.fake.faults.refuse()
            it.fake.faults.cut_connections()
            await trio.sleep(600)
            assert w.store.health.state is State.RECONNECTING
            assert w.store.health.failures >= 7
            assert len(w.watches) < 600 / 1.6
            assert max(w.pauses()) <= 3
            it.fake.faults.clear()


async def test_F15_proxy_closes_idle_connections(autojump_clock):
    """A proxy closes every watch after a minute: it works for days without another list."""
    async with cluster() as it:
        it.fake.faults.close_idle(60.0)
        async with it.watch(inspect_every=30) as w:
            for day in range(2):
                await trio.sleep(43_200)
                it.fake.create(pod(f"day-{day}"))
                await w.settled()
            assert len(w.lists) == 1
            assert len(w.watches) <= 2 * 721
            assert not w.witness.failures


async def test_F15_proxy_resets_idle_connections(autojump_clock):
    """The same with resets instead of ends, and with changes in the gaps."""
    async with cluster() as it:
        async with it.watch(inspect_every=30) as w:
            for n in range(200):
                it.fake.faults.cut_connections("reset" if n % 2 else "eof")
                it.fake.create(pod(f"gap-{n}"))
                await trio.sleep(60)
            await w.settled()
            assert len(w.lists) == 1
            assert not w.store.failing


async def test_F09_a_partition_of_minutes(autojump_clock):
    """For four minutes all packets are lost, TCP probes included: afterwards the watch resumes without a list."""
    async with cluster() as it:
        async with it.watch(inspect_every=5) as w:
            await trio.sleep(30)
            version = w.store.resource_version
            it.fake.faults.half_open()
            it.fake.faults.hang(times=None, for_seconds=240)
            await trio.sleep(200)
            assert w.store.health.state is State.RECONNECTING
            assert w.store.health.staleness >= 200
            it.fake.create(pod("a"))
            await w.settled()
            assert len(w.lists) == 1
            assert {a.options.resource_version for a in w.watches} <= {version, w.store.resource_version}
