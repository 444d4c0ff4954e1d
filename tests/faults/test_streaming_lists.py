"""F75-F81: lists that come as events (`sendInitialEvents`), with their end, without it, and cut."""

from __future__ import annotations

import pytest
import trio
import trio.lowlevel
from faults.harness import cluster, longest, pod

from trio_k8swatch import ListStrategy, State


def streaming(**options):
    return longest(list_strategy=ListStrategy.STREAM, **options)


def fill(fake, count=5):
    for n in range(count):
        fake.create(pod(f"pod-{n}"))


async def test_F75_a_streaming_list(autojump_clock):
    """One request delivers all existing objects, the bookmark that marks their end, and all later changes."""
    async with cluster() as it:
        fill(it.fake)
        async with it.watch(config=streaming()) as w:
            assert len(w.store) == 5
            assert len(it.fake.requests) == 1
            it.fake.create(pod("new"))
            await w.settled()
            assert len(it.fake.requests) == 1
            await w.relist()
            assert len(it.fake.requests) == 2
            assert [a.kind for a in w.lists] == ["watch", "watch"]


async def test_F76_the_bookmark_never_comes(autojump_clock):
    """Without progress within the limit, pages are read instead; streamed objects are discarded, and streaming is not tried again."""
    async with cluster() as it:
        fill(it.fake)
        it.fake.faults.never_ends_initial_events()
        async with it.watch(config=streaming()) as w:
            assert trio.current_time() < 11
            assert len(w.store) == 5
            await w.relist()
            assert [a.kind for a in w.lists] == ["watch", "page", "page"]


async def test_F76_the_bookmark_never_comes_while_much_happens(autojump_clock):
    """Events that do not belong to the list do not count as progress."""
    async with cluster() as it:
        fill(it.fake)
        it.fake.faults.never_ends_initial_events()

        async def busy() -> None:
            while True:
                it.fake.patch("pods", "pod-0", {"status": {"phase": str(trio.current_time())}})
                await trio.sleep(3)

        it.nursery.start_soon(busy)
        with trio.fail_after(120):
            async with it.watch(config=streaming(), settle=False) as w:
                assert len(w.store) == 5


async def test_F76_sendinitialevents_is_skipped(autojump_clock):
    """A server that ignores `sendInitialEvents` is detected."""
    async with cluster() as it:
        fill(it.fake)
        it.fake.faults.ignores_watch_list()
        async with it.watch(config=streaming()) as w:
            assert len(w.store) == 5
            assert trio.current_time() < 80


async def test_F77_the_annotation_says_false(autojump_clock):
    """A bookmark whose annotation is not "true" does not end the list."""
    async with cluster() as it:
        fill(it.fake)
        it.fake.faults.initial_events_end_false()
        async with it.watch(config=streaming()) as w:
            assert [a.kind for a in w.lists] == ["watch", "page"]
            assert len(w.store) == 5


async def test_F78_changes_before_the_end(autojump_clock):
    """Changes and deletions during streaming are part of the list."""
    async with cluster() as it:
        fill(it.fake)
        changed = it.fake.get("pods", "pod-1")
        changed["metadata"]["resourceVersion"] = it.fake.resource_version
        it.fake.faults.send_event("MODIFIED", changed, after_events=5)
        gone = it.fake.get("pods", "pod-2")
        it.fake.faults.send_event("DELETED", gone, after_events=5)
        async with it.watch(config=streaming(), settle=False) as w:
            assert sorted(o.metadata.name for o in w.store.items()) == ["pod-0", "pod-1", "pod-3", "pod-4"]
            assert len(w.lists) == 1


async def test_F79_the_stream_dies_before_its_end(autojump_clock):
    """A list that is cut off leaves the store unchanged, however often; the next one starts from nothing."""
    async with cluster() as it:
        fill(it.fake)
        async with it.watch(config=streaming()) as w:
            await trio.sleep(15)
            it.fake.faults.cut_watch(after_events=2, times=3, after=1)
            told = len(w.book.told)
            it.fake.faults.gone()
            it.fake.delete("pods", "pod-0")
            await trio.sleep(0.5)
            assert len(w.store) == 5
            assert w.store.failing
            assert len(w.book.told) == told
            await w.settled()
            assert [a.kind for a in w.lists].count("watch") >= 4
            assert w.book.deletes("pod-0") == [True]


async def test_F80_gone_on_a_streaming_list(autojump_clock):
    """After a 410 or "version too large" the list is requested again without a version."""
    async with cluster() as it:
        fill(it.fake)
        async with it.watch(config=streaming()) as w:
            await trio.sleep(15)
            it.fake.faults.gone()
            await trio.lowlevel.checkpoint()
            it.fake.faults.gone(as_status=True)
            await trio.sleep(20)
            assert [a.options.resource_version is None for a in w.lists] == [True, False, True]
            it.fake.faults.gone()
            await trio.lowlevel.checkpoint()
            it.fake.faults.too_large_resource_version(on="watch")
            await w.settled()
            await trio.sleep(20)
            assert w.lists[-1].options.resource_version is None
            assert all(a.kind == "watch" for a in w.lists)


async def test_F81_throttled_streaming_lists(autojump_clock):
    """After a 429 the list is requested again as a streaming list."""
    async with cluster() as it:
        fill(it.fake)
        it.fake.faults.too_many_requests(retry_after=3, times=2)
        async with it.watch(config=streaming()) as w:
            assert trio.current_time() >= 6
            assert [a.kind for a in w.lists] == ["watch"] * 3


async def test_F58_rolled_back_with_streaming_lists(autojump_clock):
    """As with pages: after a restore, versions are meaningless, and objects of the same version are replaced."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        backup = it.fake.resource_version
        async with it.watch(config=streaming()) as w:
            await trio.sleep(30)
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.create(pod("b"))
            it.fake.create(pod("c"))
            await w.settled()
            it.fake.faults.roll_back(backup)
            it.fake.patch("pods", "a", {"status": {"phase": "Failed"}})
            it.fake.faults.half_open(times=2)
            await w.settled(within=600)
            assert w.store.items()[0]["status"]["phase"] == "Failed"
            assert w.store.health.state is State.LIVE


async def test_F76_a_reader_who_holds_the_lock_is_no_standstill(autojump_clock):
    """While a reader holds the lock the list waits; it is not abandoned, and the watch continues afterwards."""
    async with cluster() as it:
        fill(it.fake)
        async with it.watch(config=streaming()) as w:
            await trio.sleep(15)
            async with w.store.locked():
                ticket = w.store.request_relist()
                w.relists += 1
                await trio.sleep(200)
            await ticket.wait()
            assert [a.kind for a in w.lists] == ["watch", "watch"]
            it.fake.create(pod("late"))
            await w.settled()


@pytest.mark.parametrize("strategy", [ListStrategy.AUTO, ListStrategy.PAGES])
async def test_F75_not_by_itself(strategy, autojump_clock):
    """For a server given by URL, pages are read, and nothing else is requested."""
    async with cluster() as it:
        fill(it.fake)
        async with it.watch(config=longest(list_strategy=strategy)) as w:
            assert [a.kind for a in w.lists] == ["page"]
            assert len(it.fake.requests) == 2
