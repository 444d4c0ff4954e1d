"""F87-F100: what users' own code may do, when, and what the clock may do to it."""

from __future__ import annotations

import signal
from itertools import count

import pytest
import trio
import trio.testing
from faults.harness import Cluster, cluster, longest, pod

from trio_k8swatch import (
    Gone,
    HandlerFuncs,
    IndexedStore,
    InitMode,
    KeyIndex,
    ListOptions,
    Met,
    NameIndex,
    Policy,
    StaleError,
    State,
    WatchStopped,
    open_client,
    open_watch,
)
from trio_k8swatch.testing import FakeApiServer


class Mishap(Exception):
    """What a user's code raises."""


def resource(it: Cluster):
    return it.client.resource("v1", "pods")


@pytest.mark.parametrize("what", ["add", "update", "delete"])
@pytest.mark.parametrize("error", [Mishap, KeyboardInterrupt, SystemExit])
async def test_F87_a_handler_raises(what, error, autojump_clock):
    """Its error leaves `open_watch` as it is; store and indexes agree, and nothing is told after it."""
    told = []

    def fail(*_args):
        told.append(what)
        raise error("oh")

    async with cluster() as it:
        store = names = None
        with pytest.raises(error) as caught:
            async with open_watch(resource(it), handlers=HandlerFuncs(**{what: fail})) as store:
                names = IndexedStore(store, NameIndex())
                it.fake.create(pod("a"))
                it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
                it.fake.delete("pods", "a")
                await trio.sleep_forever()
        assert caught.value.__class__ is error
        assert told == [what]
        assert store is not None
        assert names is not None
        assert store.stopped
        assert len(names.index) == len(store)
        with pytest.raises(WatchStopped):
            await store.relist()


async def test_F87_a_handler_raises_a_group(autojump_clock):
    """A group that a handler raises stays that group."""
    group = BaseExceptionGroup("mine", [Mishap("a"), Mishap("b")])

    def fail(*_args):
        raise group

    async with cluster() as it:
        it.fake.create(pod("a"))
        with pytest.raises(ExceptionGroup) as caught:
            async with open_watch(resource(it), handlers=HandlerFuncs(add=fail)):
                pass
        assert (caught.value.message, caught.value.exceptions) == (group.message, group.exceptions)


async def test_F87_a_handler_raises_during_a_relist(autojump_clock):
    """In the middle of a list: the store is the list, all of it, and so are the indexes."""
    async with cluster() as it:
        it.fake.create(pod("a"))

        def fail(obj, stale):
            raise Mishap

        with pytest.raises(Mishap):
            async with open_watch(resource(it), handlers=HandlerFuncs(delete=fail)) as store:
                names = IndexedStore(store, NameIndex())
                it.fake.faults.gone()
                it.fake.delete("pods", "a")
                for n in range(5):
                    it.fake.create(pod(f"new-{n}"))
                await trio.sleep_forever()
        assert len(store) == len(names.index) == 5


async def test_F88_a_subscriber_sleeps_for_ten_minutes(autojump_clock):
    """The watch goes on beside it; how far it is behind can be seen; with `block` everyone waits, and nothing is lost."""
    for policy in Policy:
        async with cluster() as it:
            async with it.watch(inspect_every=20) as w:
                async with w.store.subscribe(policy=policy, buffer=5) as changes:
                    for n in range(20):
                        it.fake.create(pod(f"pod-{n}"))
                    await trio.sleep(600)
                    assert len(w.store) == (20 if policy is not Policy.BLOCK else len(w.store))
                    assert changes.age >= 590
                    assert changes.lag > 5
                    names = set()
                    with trio.move_on_after(5):
                        async for change in changes:
                            names.add(change.object.metadata.name)
                    assert len(names) == 20
                await w.settled()
                assert len(w.lists) == 1


async def test_F89_a_handler_calls_the_store(autojump_clock):
    """Plain calls work inside a handler; asking for a relist or the end works, too; nothing dead-locks."""
    async with cluster() as it:
        store = None
        seen = []

        def add(obj, preexisting):
            if store is not None:
                seen.append((len(store), store.get(obj.metadata.uid) is obj, obj in store, len(store.items())))
                assert store.listen(obj.metadata.uid) is not None
                assert store.health.state is State.LIVE
                store.request_relist()
                if len(seen) == 2:
                    store.stop()

        with trio.fail_after(100):
            async with open_watch(resource(it), handlers=HandlerFuncs(add=add)) as store:
                it.fake.create(pod("a"))
                await trio.sleep(20)
                it.fake.create(pod("b"))
                it.fake.create(pod("c"))
                while not store.stopped:
                    await trio.sleep(1)
        assert seen == [(1, True, True, 1), (2, True, True, 2)]


async def test_F89_the_lock_is_not_taken_twice(autojump_clock):
    """An async call that needs the lock fails loudly in `locked()`, instead of waiting for itself."""
    async with cluster() as it:
        async with it.watch() as w:
            async with w.store.locked():
                with pytest.raises(RuntimeError):
                    await w.store.nop_update("x")


async def test_F90_a_handler_changes_the_object(autojump_clock):
    """What is handed out cannot be changed, or is a copy."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            obj = w.store.items()[0]
            with pytest.raises(AttributeError):
                obj.metadata.name = "b"
            with pytest.raises(AttributeError):
                obj.raw = b"{}"
            obj.to_dict()["metadata"]["name"] = "b"
            obj["spec"]["containers"].clear()
            w.store.items().clear()


@pytest.mark.parametrize("broken", ["raises", "unhashable"])
async def test_F91_an_index_function_fails(broken, autojump_clock):
    """The index is named and taken out, its error ends the watch; objects and all other indexes agree."""

    def key(obj):
        if obj.metadata.name == "bad":
            if broken == "raises":
                raise Mishap("no key")
            return {"un": "hashable"}
        return "good"

    async with cluster() as it:
        it.fake.create(pod("a"))
        with pytest.raises((Mishap, TypeError)) as caught:
            async with it.watch(settle=False) as w:
                IndexedStore(w.store, KeyIndex(key))
                index = IndexedStore(w.store, KeyIndex(key))
                it.fake.create(pod("bad"))
                await trio.sleep_forever()
        assert any("KeyIndex" in note for note in caught.value.__notes__)
        assert len(w.store) == len(w.names.index) == 2
        w.check_indexes()
        assert [o.metadata.name for o in index.index.get("good")] == ["a"]


async def test_F91_an_index_function_changes_its_mind(autojump_clock):
    """An object is found under the keys it was filed under, and leaves all of them."""
    numbers = count()
    async with cluster() as it:
        async with it.watch() as w:
            fickle = IndexedStore(w.store, KeyIndex(lambda _: next(numbers)))
            it.fake.create(pod("a"))
            for n in range(3):
                it.fake.patch("pods", "a", {"status": {"phase": str(n)}})
            await w.settled()
            assert len(fickle.index) == 1
            it.fake.delete("pods", "a")
            await w.settled()
            assert len(fickle.index) == 0


async def test_F92_indexes_come_and_go(autojump_clock):
    """Added in the middle of a relist, removed during events: each is exact at every moment of its life."""
    async with cluster() as it:
        for n in range(1500):
            it.fake.create(pod(f"pod-{n:04}"))
        async with it.watch(inspect_every=30) as w:
            await trio.sleep(15)
            checked = 0

            async def come_and_go() -> None:
                nonlocal checked
                for _ in range(20):
                    index = IndexedStore(w.store, NameIndex())
                    for _ in range(3):
                        await trio.lowlevel.checkpoint()
                        assert len(index.index) == len(w.store)
                        newest = w.store.items()[-1]
                        assert index.index.get("default", newest.metadata.name) is newest
                        checked += 1
                    index.close()

            it.fake.faults.half_open()
            for n in range(0, 1500, 3):
                it.fake.delete("pods", f"pod-{n:04}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(w.relist)
                nursery.start_soon(come_and_go)
            await w.settled()
            assert checked > 10
            assert len(w.store._copy._indexes) == 2


async def test_F93_subscribers_late_and_twice(autojump_clock):
    """First what is there, then what happens: no gap, nothing twice, each by itself; leaving in the middle is fine."""
    async with cluster() as it:
        for n in range(10):
            it.fake.create(pod(f"pod-{n}"))
        async with it.watch(inspect_every=10) as w:
            states: list[dict[str, str]] = []

            async def follow(policy: Policy) -> None:
                state: dict[str, str] = {}
                states.append(state)
                async with w.store.subscribe(policy=policy) as changes:
                    async for change in changes:
                        uid, version = change.object.metadata.uid, change.object.metadata.resource_version
                        assert (change.type == "ADDED") == (uid not in state) or change.preexisting
                        if change.type == "DELETED":
                            del state[uid]
                        else:
                            assert state.get(uid) != version
                            state[uid] = version

            async def leave() -> None:
                async with w.store.subscribe() as changes:
                    async for _ in changes:
                        async with w.store.subscribe():
                            break

            async with trio.open_nursery() as nursery:
                for n in range(10):
                    nursery.start_soon(follow, list(Policy)[n % 3])
                    nursery.start_soon(leave)
                    it.fake.create(pod(f"new-{n}"))
                    it.fake.patch("pods", f"pod-{n}", {"status": {"phase": "Running"}})
                    it.fake.delete("pods", f"new-{n}")
                    await trio.sleep(0.5)
                    if n == 5:
                        it.fake.faults.gone()
                await w.settled()
                await trio.sleep(1)
                expected = {o.metadata.uid: o.metadata.resource_version for o in w.store.items()}
                assert states == [expected] * 10
                nursery.cancel_scope.cancel()
            assert len(w.store._copy.subscriptions) == 0


@pytest.mark.parametrize(
    "moment", ["list", "page 2", "first watch", "back-off", "deferred adds", "live", "re-watch", "probe"]
)
async def test_F95_stop_at_any_moment(moment, autojump_clock):
    """Stopping is prompt whatever is going on, and quiet."""
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
            while not w.store.stopped:
                await trio.lowlevel.checkpoint()
            assert trio.current_time() - began < 0.1
            told = len(w.book.told)
            await trio.sleep(100)
            assert len(w.book.told) == told


def test_F96_interrupted_inside_a_commit():
    """Ctrl-C while an index is being changed: all of the commit is done, or none; then KeyboardInterrupt comes out."""

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
    """Ctrl-C inside a handler comes out of `open_watch`; store and indexes are whole."""

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
    """What happened while the server was away is seen when it is back, by a relist as well."""
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
    """Changes before, between and after waits: as many as came in one go make one wake-up, and none is missed."""
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


@pytest.mark.parametrize("days", [1 / 3, 10])
async def test_F100_the_clock_jumps(days, mock_clock):
    """After a suspend the watchdog fires once; what was missed comes by one list at the most, without a burst."""
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
