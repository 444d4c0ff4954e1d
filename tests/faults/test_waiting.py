"""F97-F99: who waits for an object, and how fresh the store is."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from faults.harness import cluster, pod

from trio_k8swatch import Gone, Met, StaleError, WatchStopped


def running(obj) -> bool:
    return (obj.get("status") or {}).get("phase") == "Running"


async def test_F97_wait_for(autojump_clock):
    """Met, gone or stopped: typed, and never met by another object of the same name."""
    async with cluster() as it:
        first = it.fake.create(pod("a"))["metadata"]["uid"]
        async with it.watch() as w:
            results = {}

            async def wait(label, **options) -> None:
                try:
                    results[label] = await w.store.wait_for(running, **options)
                except WatchStopped as error:
                    results[label] = error

            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: wait("deleted", uid=first))
                await trio.sleep(1)
                it.fake.delete("pods", "a")
                it.fake.create(pod("a", phase="Running"))
                await trio.sleep(1)
                assert isinstance(results["deleted"], Gone)
                assert results["deleted"].last.metadata.uid == first
                nursery.start_soon(lambda: wait("any"))
                nursery.start_soon(lambda: wait("unknown", uid="never"))
                await trio.sleep(1)
                assert isinstance(results["any"], Met)
                assert results["any"].object is w.store.items()[0]
                assert results["unknown"] == Gone(None)
                uid = it.fake.create(pod("b"))["metadata"]["uid"]
                await trio.sleep(1)
                nursery.start_soon(lambda: wait("stopped", uid=uid))
                it.fake.patch("pods", "a", {"status": {"phase": "Failed"}})
                await trio.sleep(1)
                nursery.start_soon(lambda: wait("stopped any"))
                await trio.sleep(1)
                w.store.stop()
            assert isinstance(results["stopped"], WatchStopped)
            assert isinstance(results["stopped any"], WatchStopped)


async def test_F97_wait_for_during_an_outage(autojump_clock):
    """Changes during an outage are seen afterwards, through a relist as well."""
    async with cluster() as it:
        uid = it.fake.create(pod("a"))["metadata"]["uid"]
        async with it.watch() as w:
            await trio.sleep(15)
            it.fake.faults.restart(seconds=30)
            it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
            it.fake.compact()
            with trio.fail_after(100):
                met = await w.store.wait_for(running, uid=uid)
            assert isinstance(met, Met)
            assert met.object is w.store.get(uid)


async def test_F98_nothing_is_lost_between_listen_and_wait(autojump_clock):
    """Changes before, between and after waits: those of one read lead to one wake-up, and none is missed."""
    async with cluster() as it:
        uid = it.fake.create(pod("a"))["metadata"]["uid"]
        async with it.watch() as w:
            for n in range(50):
                listener = w.store.listen(uid)
                it.fake.patch("pods", "a", {"status": {"phase": str(n)}})
                if n % 2:
                    await trio.sleep(1)
                with trio.fail_after(2):
                    await listener.wait()
                assert w.store.get(uid)["status"]["phase"] == str(n)
                with trio.move_on_after(0.5) as scope:
                    await listener.wait()
                assert scope.cancelled_caught


async def test_F99_nop_update_races_a_delete(autojump_clock):
    """False, or an update before the deletion; never after."""
    async with cluster() as it:
        for n in range(30):
            it.fake.create(pod(f"pod-{n}"))
        async with it.watch() as w:
            await trio.sleep(15)
            results = []

            async def nop(obj) -> None:
                for _ in range(5):
                    results.append(await w.store.nop_update(obj.metadata.uid))

            async with trio.open_nursery() as nursery:
                for n, obj in enumerate(w.store.items()):
                    nursery.start_soon(nop, obj)
                    it.fake.delete("pods", f"pod-{n}")
                    if n % 3 == 0:
                        await trio.lowlevel.checkpoint()
            await w.settled()
            assert w.book.nops == results.count(True)
            w.store.stop()
            await trio.sleep(1)
            with pytest.raises(WatchStopped):
                await w.store.nop_update("x")


async def test_fresh_and_at_least_tell_the_truth_in_an_outage(autojump_clock):
    """While the server is away nothing is fresh, a wait for its writes waits, and a relist releases nobody early."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(15)
            w.store.require_fresh(20)
            it.fake.faults.cut_connections()
            it.fake.faults.outage(120)
            version = it.fake.create(pod("b"))["metadata"]["resourceVersion"]
            w.relists += 1
            done = trio.Event()

            async def wait() -> None:
                await w.store.at_least(version)
                assert len(w.store) == 2
                done.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await trio.sleep(100)
                assert not done.is_set()
                assert w.store.failing
                assert w.store.health.staleness >= 100
                with pytest.raises(StaleError, match="refused"):
                    w.store.require_fresh(70)
                await w.settled()
            w.store.require_fresh(1)
        with pytest.raises(StaleError):
            w.store.require_fresh(1e9)
