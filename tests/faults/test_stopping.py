"""F95, F96, F100: the end at any moment, Ctrl-C, and clocks that jump."""

from __future__ import annotations

import signal

import pytest
import trio
import trio.testing
from faults.harness import Cluster, cluster, pod

from trio_k8swatch import HandlerFuncs, IndexedStore, InitMode, ListOptions, NameIndex, State, open_client, open_watch
from trio_k8swatch.testing import FakeApiServer


def resource(it: Cluster):
    return it.client.resource("v1", "pods")


@pytest.mark.parametrize(
    "moment", ["list", "page 2", "first watch", "back-off", "deferred adds", "live", "re-watch", "probe"]
)
async def test_F95_stop_at_any_moment(moment, autojump_clock):
    """Stopping is prompt at any time, and raises nothing."""
    async with cluster() as it:
        for n in range(1000 if moment == "deferred adds" else 5):
            it.fake.create(pod(f"pod-{n}"))
        mode = InitMode.DEFER if moment == "deferred adds" else InitMode.SYNC
        async with it.watch(options=ListOptions(page_size=2 if moment == "page 2" else 500), init_mode=mode) as w:
            if moment != "deferred adds":
                await trio.sleep(15)
            match moment:
                case "list":
                    it.fake.faults.hang(on="list")
                    w.store.request_relist()
                case "page 2":
                    it.fake.faults.hang(on="list", after=1)
                    w.store.request_relist()
                case "first watch" | "re-watch":
                    it.fake.faults.hang(on="watch", times=None)
                    it.fake.faults.close_connections()
                case "back-off":
                    it.fake.faults.refuse()
                    it.fake.faults.close_connections()
                case "probe":
                    it.fake.faults.half_open(times=2)
                    await trio.sleep(150)
                    it.fake.faults.hang(on="list")
                    await trio.sleep(60)
            if moment != "deferred adds":
                await trio.sleep(5)
            began = trio.current_time()
            w.store.stop()
            assert w.store.stopped
            while w.store.health.state is not State.STOPPED:
                await trio.lowlevel.checkpoint()
            assert trio.current_time() - began < 0.1
            told = len(w.book.told)
            await trio.sleep(100)
            assert len(w.book.told) == told


def test_F96_interrupted_inside_a_commit():
    """Ctrl-C while an index is updated: the whole commit is done, or nothing; then KeyboardInterrupt is raised."""

    class Interrupting(NameIndex):
        def add(self, obj):
            super().add(obj)
            if obj.metadata.name == "b":
                signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        fake = FakeApiServer(seed=1)
        async with open_client(transport=fake.transport(), base_url="https://kubernetes.test") as client:
            async with open_watch(client.resource("v1", "pods")) as store:
                stores.append(store)
                indexes.append(IndexedStore(store, Interrupting()))
                indexes.append(IndexedStore(store, NameIndex()))
                await trio.sleep(1)
                fake.create(pod("a"))
                fake.create(pod("b"))
                fake.create(pod("c"))
                await trio.sleep_forever()

    stores, indexes = [], []
    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    names = {o.metadata.name for o in stores[0].items()}
    assert "b" in names
    assert [len(one.index) for one in indexes] == [len(names)] * 2
    assert stores[0].stopped


def test_F96_interrupted_inside_a_handler():
    """Ctrl-C inside a handler is raised by `open_watch`; store and indexes are consistent."""

    def add(obj, preexisting):
        if obj.metadata.name == "b":
            signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        fake = FakeApiServer(seed=1)
        async with open_client(transport=fake.transport(), base_url="https://kubernetes.test") as client:
            async with open_watch(client.resource("v1", "pods"), handlers=HandlerFuncs(add=add)) as store:
                stores.append(store)
                indexes.append(IndexedStore(store, NameIndex()))
                for name in "abc":
                    fake.create(pod(name))
                await trio.sleep_forever()

    stores, indexes = [], []
    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert len(indexes[0].index) == len(stores[0])
    assert stores[0].stopped


@pytest.mark.parametrize("days", [1 / 3, 10])
async def test_F100_the_clock_jumps(days, mock_clock):
    """After a suspend the watchdog fires once; missed changes arrive through at most one list, without a burst of requests."""
    mock_clock.autojump_threshold = 0
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            await trio.sleep(100)
            before = len(w.witness.attempts)
            it.fake.faults.half_open()
            it.fake.delete("pods", "a")
            it.fake.create(pod("b"))
            it.fake.compact()
            mock_clock.jump(days * 86_400)
            await w.settled()
            assert len(w.witness.attempts) - before <= 3
            assert len(w.lists) == 2
