"""One store over many namespaces: what is in it, what it survives, and what it costs."""

from __future__ import annotations

import gc
import logging
import os
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from prometheus_client import CollectorRegistry

import trio_k8swatch
from trio_k8swatch import (
    ApiClient,
    ConfigError,
    Forbidden,
    HandlerFuncs,
    IndexedStore,
    InitMode,
    KeyIndex,
    ListOptions,
    Metrics,
    NameIndex,
    PartialObjectMetadata,
    Resource,
    State,
    Unavailable,
    WatchConfig,
    WatchStopped,
    open_client,
    open_watch,
    probe,
)
from trio_k8swatch.controller import Key, run_controller, watch
from trio_k8swatch.namespaces import NamespacesStore, open_namespaces
from trio_k8swatch.testing import FakeApiServer

NAMESPACES = int(os.environ.get("TRIO_K8SWATCH_NAMESPACES", "40"))


def config_map(namespace: str, name: str = "one", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def space(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@dataclass
class Book:
    """What handlers were told."""

    lines: list[str] = field(default_factory=list)
    alive: dict[str, Any] = field(default_factory=dict)

    @property
    def handlers(self) -> HandlerFuncs[Any]:
        return HandlerFuncs(add=self.add, update=self.update, delete=self.delete)

    def add(self, obj: Any, preexisting: bool) -> None:
        assert obj.metadata.uid not in self.alive
        self.alive[obj.metadata.uid] = obj
        self.lines.append(f"{'=' if preexisting else '+'}{obj.metadata.namespace}/{obj.metadata.name}")

    def update(self, old: Any, new: Any) -> None:
        assert self.alive[old.metadata.uid] is old
        self.alive[new.metadata.uid] = new

    def delete(self, obj: Any, may_be_stale: bool) -> None:
        del self.alive[obj.metadata.uid]
        self.lines.append(f"{'~' if may_be_stale else '-'}{obj.metadata.namespace}/{obj.metadata.name}")


@dataclass
class Cluster:
    fake: FakeApiServer
    client: ApiClient
    maps: Resource[Any]

    def in_namespace(self, name: str) -> Resource[Any]:
        return self.maps.in_namespace(name)


@asynccontextmanager
async def cluster(*names: str, **client_options: Any) -> AsyncGenerator[Cluster]:
    """A server with a ConfigMap in each namespace."""
    fake = FakeApiServer()
    for name in names:
        fake.create(space(name, team="shop"))
        fake.create(config_map(name))
    async with open_client(transport=fake.transport(), rng=Random(1), **client_options) as client:
        yield Cluster(fake, client, client.resource("v1", "configmaps"))


def names(objects: Any) -> list[str]:
    return sorted(f"{obj.metadata.namespace}/{obj.metadata.name}" for obj in objects)


# What is in it


async def test_it_holds_the_objects_of_the_given_namespaces_and_no_others(autojump_clock) -> None:
    """And asks for nothing beside their lists and watches: rights in the namespaces are enough."""
    book = Book()
    async with cluster("a", "b", "c") as it:
        it.fake.faults.forbidden(namespace="")
        it.fake.faults.forbidden(namespace="c")
        async with open_namespaces(it.maps, ["a", "b", "a"], handlers=book.handlers) as store:
            assert sorted(book.lines) == ["=a/one", "=b/one"]
            it.fake.create(config_map("b", "two"))
            it.fake.create(config_map("c", "two"))
            await trio.sleep(1)
            assert names(store) == ["a/one", "b/one", "b/two"]
            assert book.lines[2:] == ["+b/two"]
            assert list(store.namespaces) == ["a", "b"]
            assert names(store.namespaces["b"]) == ["b/one", "b/two"]


async def test_a_forbidden_namespace_does_not_blind_the_others(autojump_clock) -> None:
    """It shows in health, nobody waits for it, and it joins when the right is there."""
    book = Book()
    async with cluster("a", "b", "c") as it:
        fault = it.fake.faults.forbidden(namespace="b")
        async with open_namespaces(it.maps, ["a", "b", "c"], handlers=book.handlers) as store:
            assert names(store) == ["a/one", "c/one"]
            health = store.health
            assert (health.state, health.is_failing) == (State.LIVE, True)
            assert health.reason == "denied: 1 of 3 namespaces, b among them"
            assert health.last_error is not None
            assert health.last_error.startswith("b: Forbidden: ")
            store.require_fresh(10)
            assert store.namespaces["b"].health.state is State.FORBIDDEN
            lines = probe(store.namespaces).report.splitlines()
            assert [line.split(",")[0] for line in lines] == ["a: live", "b: forbidden", "c: live"]
            with trio.fail_after(5):
                await store.relist()
                await store.at_least(it.fake.resource_version)
            fault.remove()
            await trio.sleep(200)
            assert names(store) == ["a/one", "b/one", "c/one"]
            assert book.lines[2:] == ["+b/one"]
            assert not store.failing


async def test_a_namespace_that_is_forbidden_later_keeps_what_it_had(autojump_clock) -> None:
    """And the others go on."""
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"]) as store:
            it.fake.faults.forbidden(namespace="b")
            it.fake.faults.cut_connections()
            await trio.sleep(30)
            it.fake.create(config_map("a", "two"))
            await trio.sleep(5)
            assert names(store) == ["a/one", "a/two", "b/one"]
            assert store.namespaces["b"].health.state is State.FORBIDDEN
            assert store.health.state is State.LIVE


async def test_what_no_namespace_survives_is_raised_at_the_start(autojump_clock) -> None:
    """As it is, and not in a group."""
    async with cluster("a", "b") as it:
        with it.fake.faults.forbidden(), pytest.raises(Forbidden):
            async with open_namespaces(it.maps, ["a", "b"]):
                raise AssertionError
        it.fake.faults.outage(60)
        with pytest.raises(Unavailable):
            async with open_namespaces(it.maps, ["a", "b"]):
                raise AssertionError


@pytest.mark.parametrize(
    ("namespaces", "message"),
    [
        ("shop", r"give a list of names"),
        (["a", "../b"], r"namespace"),
        (["a", "b", "c"], r"3 namespaces are more than most=2"),
    ],
)
async def test_what_cannot_be_followed_is_refused_at_once(namespaces, message) -> None:
    """Before a request is made."""
    async with cluster() as it:
        with pytest.raises(ConfigError, match=message):
            open_namespaces(it.maps, namespaces, most=2)
        with pytest.raises(ConfigError, match="all namespaces"):
            open_namespaces(it.in_namespace("a"), ["a"])
        assert not it.fake.requests.of()


# Following


async def test_namespaces_with_a_label_are_followed_as_they_come_and_go(autojump_clock) -> None:
    """Joining tells additions, leaving deletions that may be stale, and nothing is asked of one that has left."""
    book = Book()
    async with cluster("a", "b") as it:
        it.fake.create(space("c"))
        it.fake.create(config_map("c"))
        selected = ListOptions(label_selector="team=shop")
        async with open_namespaces(it.maps, selected, handlers=book.handlers) as store:
            assert sorted(book.lines) == ["=a/one", "=b/one"]
            it.fake.patch("namespaces", "c", {"metadata": {"labels": {"team": "shop"}}})
            await trio.sleep(1)
            assert book.lines[2:] == ["+c/one"]
            it.fake.patch("namespaces", "a", {"metadata": {"labels": {"team": "other"}}})
            await trio.sleep(1)
            assert book.lines[3:] == ["~a/one"]
            assert list(store.namespaces) == ["b", "c"]
            left = it.fake.now
            it.fake.create(config_map("a", "two"))
            await trio.sleep(900)
            assert names(store) == ["b/one", "c/one"]
            assert not [call for call in it.fake.requests.of(since=left) if call.namespace == "a"]


async def test_a_namespace_that_leaves_and_comes_back_at_once_is_followed_anew(autojump_clock) -> None:
    """What happened meanwhile is not missed."""
    book = Book()
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ListOptions(label_selector="team=shop"), handlers=book.handlers) as store:
            for _ in range(3):
                it.fake.patch("namespaces", "a", {"metadata": {"labels": {"team": "other"}}})
                await trio.sleep(0.001)
                it.fake.create(config_map("a", f"at-{it.fake.resource_version}"))
                it.fake.patch("namespaces", "a", {"metadata": {"labels": {"team": "shop"}}})
            await trio.sleep(1)
            assert len(store.namespaces["a"]) == 4
            assert {*book.alive} == {obj.metadata.uid for obj in store}


async def test_any_store_may_say_which_namespaces(autojump_clock) -> None:
    """By the names of its objects; when it ends, the set stands still."""
    async with cluster("a", "b") as it:
        spaces = it.client.resource("v1", "namespaces", type=PartialObjectMetadata)
        async with open_watch(spaces) as followed, open_namespaces(it.maps, followed) as store:
            assert names(store) == ["a/one", "b/one"]
            it.fake.create(space("c"))
            it.fake.create(config_map("c"))
            await trio.sleep(1)
            assert names(store) == ["a/one", "b/one", "c/one"]
            followed.stop()
            await trio.sleep(1)
            it.fake.create(config_map("a", "two"))
            await trio.sleep(1)
            assert names(store) == ["a/one", "a/two", "b/one", "c/one"]


async def test_one_namespace_too_many_ends_the_watch(autojump_clock) -> None:
    """Rather than connections without number, or a store that silently lacks something."""
    async with cluster("a", "b") as it:
        with pytest.raises(ConfigError, match="most=2"):
            async with open_namespaces(it.maps, ListOptions(label_selector="team=shop"), most=2):
                it.fake.create(space("c", team="shop"))
                await trio.sleep(5)


# Waiting


async def test_a_write_is_waited_for_in_its_namespace_without_a_list(autojump_clock) -> None:
    """And in all of them with one list for each that has seen nothing."""
    async with cluster("a", "b", "c") as it:
        async with open_namespaces(it.maps, ["a", "b", "c"]) as store:
            await trio.sleep(1)
            before = it.fake.now
            made = await it.in_namespace("b").create(config_map("b", "two"))
            await store.namespaces["b"].at_least(made.metadata.resource_version)
            assert it.fake.now - before < 0.1
            assert not it.fake.requests.of("list", since=before)
            await store.at_least(made.metadata.resource_version)
            assert sorted(str(call.namespace) for call in it.fake.requests.of("list", since=before)) == ["a", "c"]
            assert int(store.resource_version) >= int(made.metadata.resource_version)


async def test_a_relist_lists_every_namespace_after_it_was_asked_for(autojump_clock) -> None:
    """Once, however many ask."""
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"]) as store:
            await trio.sleep(20)
            before = it.fake.now
            for ticket in [store.request_relist() for _ in range(5)]:
                await ticket.wait()
            assert len(it.fake.requests.of("list", since=before)) == 2


async def test_waiters_of_the_whole_end_with_it(autojump_clock) -> None:
    """With the error that says so."""
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"]) as store, trio.open_nursery() as nursery:

            async def ends(wait: Any) -> None:
                with pytest.raises(WatchStopped):
                    await wait

            nursery.start_soon(ends, store.wait_for(lambda obj: False))
            nursery.start_soon(ends, store.at_least("999999"))
            nursery.start_soon(ends, store.namespaces["a"].wait_until(lambda one: False))
            await trio.sleep(1)
            store.stop()
        assert names(store) == ["a/one", "b/one"]
        assert store.stopped
        with pytest.raises(WatchStopped):
            await store.relist()


async def test_indexes_subscribers_and_waiters_work_across(autojump_clock) -> None:
    """As those of any store."""
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"]) as store:
            by_namespace = IndexedStore(store, KeyIndex(lambda obj: obj.metadata.namespace)).index
            one = store.by_name("a", "one")
            assert one is not None
            seen: list[str] = []

            async def follow(task_status: Any) -> None:
                async with store.subscribe() as changes:
                    task_status.started()
                    async for change in changes:
                        seen.append(f"{change.type} {change.object.metadata.namespace}/{change.object.metadata.name}")

            async with trio.open_nursery() as nursery:
                await nursery.start(follow)
                nursery.start_soon(store.gone, one.metadata.uid)
                await trio.sleep(1)
                it.fake.create(config_map("b", "two", phase="ready"))
                met = await store.wait_for(lambda obj: obj.get("data", {}).get("phase") == "ready")
                assert met.object.metadata.namespace == "b"
                it.fake.delete("configmaps", "one", namespace="a")
                await trio.sleep(1)
                assert seen[2:] == ["ADDED b/two", "DELETED a/one"]
                assert names(by_namespace.get("b")) == ["b/one", "b/two"]
                assert by_namespace.get("a") == ()
                nursery.cancel_scope.cancel()


async def test_all_watches_wait_for_a_subscriber_that_blocks(autojump_clock) -> None:
    """And all go on when it does: nothing is left out."""
    async with cluster("a", "b", "c") as it:
        async with open_namespaces(it.maps, ["a", "b", "c"]) as store:
            async with store.subscribe(policy="block", buffer=3) as changes:
                for n in range(5):
                    for name in "abc":
                        it.fake.create(config_map(name, f"more-{n}"))
                        await trio.sleep(0.1)
                assert store.health.state is State.BLOCKED
                taken = [(await anext(changes)).object.metadata for _ in range(18)]
                assert len({(one.namespace, one.name) for one in taken}) == 18
                await trio.sleep(1)
                assert store.health.state is State.LIVE


async def test_metrics_of_all_namespaces_add_up(autojump_clock) -> None:
    """Under one name, with each subscriber once."""
    registry = CollectorRegistry()
    metrics = Metrics("ns", registry)
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"], config=WatchConfig(metrics=metrics.instance("maps"))) as store:
            async with store.subscribe(name="mine"):
                it.fake.create(config_map("b", "two"))
                await trio.sleep(5)

                def value(name: str, **labels: str) -> float | None:
                    return registry.get_sample_value(f"ns_{name}", {"watcher_instance": "maps", **labels})

                assert value("objects") == 3
                assert value("alive_current") == 2
                assert value("client_calls_total", method="List") == 2
                assert value("events_total", type="ADDED") == 1
                assert value("subscriber_lag", subscriber="mine") == 3


async def test_a_controller_sees_its_own_writes_without_lists(autojump_clock) -> None:
    """It waits for the namespace that it wrote to, and not for all."""
    async with cluster("a", "b", "c") as it:
        runs: list[Key] = []

        async def reconcile(key: Key) -> None:
            runs.append(key)
            if runs.count(key) == 1:
                await it.in_namespace(key.namespace).patch(key.name, {"data": {"seen": "yes"}})

        async with open_namespaces(it.maps, ["a", "b", "c"]) as store:
            await trio.sleep(10)
            before = it.fake.now
            with trio.move_on_after(1.5):
                await run_controller(reconcile, watch(store))
            assert len(runs) == 6
            assert not it.fake.requests.of("list", since=before)


# Ends


async def test_deferred_handlers_are_told_when_the_block_has_begun(autojump_clock) -> None:
    """And whoever takes the lock comes after them."""
    book = Book()
    async with cluster("a", "b") as it:
        async with open_namespaces(it.maps, ["a", "b"], handlers=book.handlers, init_mode=InitMode.DEFER) as store:
            assert (len(store), book.lines) == (2, [])
            it.fake.create(config_map("a", "two"))
            async with store.locked():
                assert sorted(book.lines) == ["=a/one", "=b/one"]
            await trio.sleep(1)
            assert book.lines[2:] == ["+a/two"]


async def test_what_a_handler_raises_leaves_bare(autojump_clock) -> None:
    """And store, namespaces and indexes agree."""
    held: list[NamespacesStore[Any]] = []

    def fail(obj: Any, preexisting: bool) -> None:
        if not preexisting:
            raise LookupError(obj.metadata.name)

    async with cluster("a", "b") as it:
        with pytest.raises(LookupError, match="two"):
            async with open_namespaces(it.maps, ["a", "b"], handlers=HandlerFuncs(add=fail)) as store:
                held.append(store)
                index = IndexedStore(store, NameIndex()).index
                it.fake.create(config_map("a", "two"))
                await trio.sleep_forever()
        assert names(held[0]) == ["a/one", "a/two", "b/one"]
        assert index.get("a", "two") is held[0].namespaces["a"].by_name("a", "two")


async def test_a_failure_that_is_not_to_be_retried_ends_the_watch(autojump_clock) -> None:
    """`retry_watch_after=None` means it here, too."""
    async with cluster("a", "b") as it:
        with pytest.raises(Forbidden):
            async with open_namespaces(it.maps, ["a", "b"], config=WatchConfig(retry_watch_after=None)):
                await trio.sleep(10)
                it.fake.faults.forbidden(namespace="b")
                it.fake.faults.close_connections()
                await trio.sleep(60)


# Laws


class AtStep(trio.abc.Instrument):
    """Does something just before the n-th step that any task takes from now on."""

    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self.steps = 0
        self._step = step
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self._step:
            self._scope.cancel()


def assert_agreement(store: NamespacesStore[Any], index: KeyIndex[Any, str], book: Book) -> None:
    """The whole is the sum of its namespaces, of what the index holds, and of what handlers were told."""
    whole = {obj.metadata.uid: obj for obj in store}
    parts = {obj.metadata.uid: obj for one in store.namespaces.values() for obj in one}
    indexed = {obj.metadata.uid: obj for name in [*index.keys()] for obj in index.get(name)}
    assert whole == parts == indexed == book.alive


async def eventful(it: Cluster) -> None:
    """Namespaces come, go and come back, are cut off and refused, while objects change and lists are asked for."""
    it.fake.patch("namespaces", "a", {"metadata": {"labels": {"team": "other"}}})
    for n in range(3):
        it.fake.create(config_map("b", f"more-{n}"))
    await trio.sleep(0.5)
    it.fake.patch("namespaces", "a", {"metadata": {"labels": {"team": "shop"}}})
    with it.fake.faults.forbidden(namespace="c"):
        it.fake.faults.cut_connections()
        it.fake.delete("configmaps", "more-1", namespace="b")
        await trio.sleep(3)
    await trio.sleep(40)


async def steps_until(step: int) -> int:
    """Run it all, cancelled before a step; how many steps there were."""
    book = Book()
    store: NamespacesStore[Any] | None = None
    index: KeyIndex[Any, str] | None = None
    async with cluster("a", "b", "c") as it:
        with trio.CancelScope() as scope:
            instrument = AtStep(step, scope)
            trio.lowlevel.add_instrument(instrument)
            selected = ListOptions(label_selector="team=shop")
            try:
                config = WatchConfig(rng=Random(2))
                async with open_namespaces(it.maps, selected, handlers=book.handlers, config=config) as opened:
                    store, index = opened, IndexedStore(opened, KeyIndex(lambda obj: obj.metadata.namespace)).index
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(store.relist)
                        await eventful(it)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        if store is not None and index is not None:
            assert_agreement(store, index, book)
        assert not it.fake.open_calls
    return instrument.steps


async def test_it_may_be_cancelled_at_any_step(autojump_clock) -> None:
    """Store, namespaces, index and handlers agree wherever it ends, and no task is left."""
    total = await steps_until(-1)
    for step in range(1, total, 3):
        await steps_until(step)
    assert total > 150


@pytest.mark.parametrize("seed", range(6))
async def test_random_histories_end_in_what_the_server_has(seed: int, autojump_clock) -> None:
    """Whatever was refused, cut and followed meanwhile, and the parts agree at every moment."""
    chance = Random(seed)
    book = Book()
    async with cluster("a", "b", "c", "d", "e") as it:
        selected = ListOptions(label_selector="team=shop")
        async with open_namespaces(
            it.maps, selected, handlers=book.handlers, config=WatchConfig(rng=Random(seed))
        ) as store:
            index = IndexedStore(store, KeyIndex(lambda obj: obj.metadata.namespace)).index
            for n in range(120):
                name = chance.choice("abcde")
                match chance.randrange(7):
                    case 0:
                        team = chance.choice(["shop", "other"])
                        it.fake.patch("namespaces", name, {"metadata": {"labels": {"team": team}}})
                    case 1:
                        it.fake.faults.forbidden(namespace=name, for_seconds=chance.choice([1.0, 30.0]))
                        it.fake.faults.cut_connections()
                    case 2:
                        it.fake.compact()
                    case 3:
                        store.request_relist()
                    case _:
                        it.fake.create(config_map(name, f"n{n}"))
                await trio.sleep(chance.choice([0.0, 0.01, 1.0, 10.0]))
                assert_agreement(store, index, book)
            it.fake.faults.clear()
            await trio.sleep(400)
            labelled = {
                obj["metadata"]["name"]
                for obj in it.fake.objects("namespaces")
                if obj["metadata"]["labels"].get("team") == "shop"
            }
            assert {*store.namespaces} == labelled
            expected = [obj for obj in it.fake.objects("configmaps") if obj["metadata"]["namespace"] in labelled]
            assert names(store) == sorted(f"{o['metadata']['namespace']}/{o['metadata']['name']}" for o in expected)
            assert_agreement(store, index, book)


async def test_many_namespaces_ask_for_no_more_than_they_need(autojump_clock) -> None:
    """A list and a watch each, four lists at a time; after an outage one attempt at a time, and no list."""
    count = 300
    many = [f"n{n}" for n in range(count)]
    async with cluster(*many) as it:
        async with open_namespaces(it.maps, many, config=WatchConfig(rng=Random(3))) as store:
            assert len(store) == count
            assert len(it.fake.requests.of("list")) == len(it.fake.requests.of("watch")) == count
            await trio.sleep(10)
            before = it.fake.now
            it.fake.faults.outage(20)
            it.fake.faults.cut_connections()
            await trio.sleep(19)
            assert len(it.fake.requests.of(since=before)) <= 20
            it.fake.create(config_map("n7", "two"))
            await trio.sleep(20)
            assert len(store) == count + 1
            assert len(it.fake.requests.of("watch", since=before)) <= count + 20
            assert not it.fake.requests.of("list", since=before)


def held_bytes() -> int:
    """What the library holds, the fake left out."""
    gc.collect()
    ours = str(Path(trio_k8swatch.__file__).parent)
    filters = [tracemalloc.Filter(True, f"{ours}/*"), tracemalloc.Filter(False, f"{ours}/testing/*")]
    return sum(one.size for one in tracemalloc.take_snapshot().filter_traces(filters).statistics("filename"))


async def test_an_hour_of_many_namespaces_costs_what_it_costs(autojump_clock, caplog: pytest.LogCaptureFixture) -> None:
    """A connection for each, eight requests an hour, and no memory that grows; an outage does not add to that."""
    # Records of the log hold errors, and those their frames.
    caplog.set_level(logging.CRITICAL, "trio_k8swatch")
    many = [f"n{n}" for n in range(NAMESPACES)]
    tracemalloc.start()
    async with cluster(*many) as it:
        connections: list[int] = []

        async def look() -> None:
            while True:
                connections.append(len(it.fake.open_calls))
                await trio.sleep(1)

        config = WatchConfig(rng=Random(3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            async with open_namespaces(it.maps, ListOptions(label_selector="team=shop"), config=config) as store:
                assert len(store) == NAMESPACES
                assert len(it.fake.requests.of()) == 2 * NAMESPACES + 2
                await trio.sleep(60)
                began, held = it.fake.now, held_bytes()
                await trio.sleep(1700)
                it.fake.faults.outage(100)
                it.fake.faults.cut_connections()
                cut = it.fake.now
                await trio.sleep(100)
                assert len(it.fake.requests.of(since=cut)) <= 100
                it.fake.create(config_map("n7", "two"))
                await trio.sleep(1800)
                assert len(store) == NAMESPACES + 1
                assert it.fake.now - began == 3600
                assert len(it.fake.requests.of(since=began)) <= 9 * NAMESPACES + 100
                assert not it.fake.requests.of("list", since=began)
                assert max(connections) <= NAMESPACES + 1 + 4
                assert len(it.fake.open_calls) == NAMESPACES + 1
                assert held_bytes() <= 1.1 * held + 50_000
                assert held <= 25_000 * NAMESPACES
            nursery.cancel_scope.cancel()
    tracemalloc.stop()
