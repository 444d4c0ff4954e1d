"""A collection shared by replicas of virtual time and real code: each object in one store, wherever they are cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import httpx
import pytest
import trio
import trio.lowlevel

from trio_k8swatch import (
    ConfigError,
    DynamicObject,
    Forbidden,
    HandlerFuncs,
    IndexedStore,
    KeyIndex,
    ListStrategy,
    PartialObjectMetadata,
    WatchConfig,
    open_client,
)
from trio_k8swatch.shard import ShardStore, open_shard
from trio_k8swatch.testing import FakeApiServer


def config_map(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Line(httpx.AsyncBaseTransport):
    """One replica's way to the server. While it is down nothing gets through, and nothing breaks."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._up = trio.Event()
        self._up.set()
        self.selectors: list[str] = []

    def down(self) -> None:
        self._up = trio.Event()

    def up(self) -> None:
        self._up.set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.selectors += [value for name, value in request.url.params.multi_items() if name == "shardSelector"]
        await self._up.wait()
        response = await self._inner.handle_async_request(request)
        try:
            await self._up.wait()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await response.aclose()
            raise
        return httpx.Response(response.status_code, headers=response.headers, stream=_Stream(response, self))

    async def passing(self) -> None:
        await self._up.wait()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpx.Response, line: Line) -> None:
        self._response = response
        self._line = line
        self._parts = aiter(cast("httpx.AsyncByteStream", response.stream))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        part = await anext(self._parts)
        await self._line.passing()
        return part

    async def aclose(self) -> None:
        await self._response.aclose()


@dataclass
class Fleet:
    """Replicas, and which of them has told of which object."""

    fake: FakeApiServer
    nursery: trio.Nursery
    type: Any = PartialObjectMetadata
    config: WatchConfig = field(default_factory=WatchConfig)
    stores: dict[str, ShardStore[Any]] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    scopes: dict[str, trio.CancelScope] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)

    def handlers(self, who: str) -> HandlerFuncs[Any]:
        def add(obj: Any, preexisting: bool) -> None:
            owner = self.owners.setdefault(obj.metadata.uid, who)
            if owner != who:
                self.overlaps.append(f"{trio.current_time():.1f}: {obj.metadata.name} is with {owner}, and {who}")

        def delete(obj: Any, may_be_stale: bool) -> None:
            if self.owners.get(obj.metadata.uid) == who:
                del self.owners[obj.metadata.uid]

        return HandlerFuncs(add=add, delete=delete)

    async def start(self, who: str) -> None:
        await self.nursery.start(self._run, who)

    async def _run(self, who: str, task_status: trio.TaskStatus[None]) -> None:
        line = self.lines[who] = Line(self.fake.transport())
        with trio.CancelScope() as scope:
            self.scopes[who] = scope
            async with open_client(transport=line, rng=Random(1)) as client:
                maps = client.resource("v1", "configmaps", type=self.type)
                shard = open_shard(
                    maps,
                    "maps",
                    namespace="default",
                    identity=who,
                    slots=64,
                    config=self.config,
                    handlers=self.handlers(who),
                )
                async with shard as store:
                    self.stores[who] = store
                    task_status.started()
                    try:
                        await trio.sleep_forever()
                    finally:
                        self.forget(who)

    def forget(self, who: str) -> None:
        self.stores.pop(who, None)
        self.owners = {uid: owner for uid, owner in self.owners.items() if owner != who}

    def crash(self, who: str) -> None:
        """No goodbye comes through."""
        self.lines[who].down()
        self.scopes[who].cancel()

    def assert_shared(self) -> None:
        """Each object is in one store, which has told of it."""
        assert self.overlaps == []
        held = [obj.metadata.uid for store in self.stores.values() for obj in store]
        there = [obj["metadata"]["uid"] for obj in self.fake.objects("configmaps")]
        assert sorted(held) == sorted(there) == sorted(self.owners)

    async def until_shared(self, seconds: float) -> float:
        """How long it took until everything had one owner."""
        began = trio.current_time()
        with trio.fail_after(seconds):
            while len(self.owners) < len(self.fake.objects("configmaps")):
                await trio.sleep(0.05)
        self.assert_shared()
        return trio.current_time() - began


@asynccontextmanager
async def fleet(*names: str, objects: int = 120, in_peace: bool = True, **options: Any):
    """These replicas, sharing some objects."""
    fake = FakeApiServer(shards=options.pop("shards", False))
    for n in range(objects):
        fake.create(config_map(f"one-{n}", text="x" * 50))
    async with trio.open_nursery() as nursery:
        it = Fleet(fake, nursery, **options)
        for name in names:
            await it.start(name)
        await it.until_shared(10)
        yield it
        assert it.overlaps == []
        nursery.cancel_scope.cancel()
    assert not in_peace or fake.objects("leases") == []
    assert not fake.open_calls


@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.STREAM])
async def test_replicas_share_a_collection(strategy, autojump_clock) -> None:
    """As they come and go, each object is told of in one, and first as gone where it was."""
    async with fleet("a", "b", "c", config=WatchConfig(list_strategy=strategy)) as it:
        assert it.stores["a"].members == ("a", "b", "c")
        assert sum(store.share for store in it.stores.values()) == 1
        assert all(len(store) > 15 for store in it.stores.values())
        it.fake.create(config_map("new"))
        it.fake.delete("configmaps", "one-3", namespace="default")
        await trio.sleep(1)
        it.assert_shared()
        await it.start("d")
        assert await it.until_shared(5) < 1
        it.scopes["b"].cancel()
        await trio.sleep(0.01)
        assert await it.until_shared(5) < 1
        assert {*it.stores} == {"a", "c", "d"}


async def test_what_a_crashed_replica_had_is_served_when_its_lease_has_run_out(autojump_clock) -> None:
    """Not before, and soon after."""
    async with fleet("a", "b", "c") as it:
        it.crash("b")
        await trio.sleep(0.1)
        it.forget("b")
        waited = await it.until_shared(30)
        assert 10 < waited < 15 + 3
        it.fake.delete("leases", "b", namespace="default")


async def test_who_is_cut_off_lets_go_before_others_take_over(autojump_clock) -> None:
    """And takes its share again when it is back."""
    async with fleet("a", "b", "c") as it:
        it.lines["a"].down()
        await trio.sleep(10.1)
        assert len(it.stores["a"]) == 0
        assert it.stores["a"].share == 0
        assert not it.stores["a"].stopped
        await trio.sleep(10)
        assert sum(len(it.stores[name]) for name in "bc") == 120
        it.lines["a"].up()
        await trio.sleep(90)
        it.assert_shared()
        assert len(it.stores["a"]) > 15


async def test_an_outage_of_the_server_leaves_everything_where_it_was(autojump_clock) -> None:
    """For a while nobody serves; then everybody what he did, and nothing has moved."""
    async with fleet("a", "b") as it:
        before = {name: {obj.metadata.uid for obj in store} for name, store in it.stores.items()}
        it.fake.faults.outage(40)
        it.fake.faults.cut_connections()
        await trio.sleep(11)
        assert it.owners == {}
        await trio.sleep(60)
        it.assert_shared()
        assert {name: {obj.metadata.uid for obj in store} for name, store in it.stores.items()} == before


async def test_who_lost_its_lease_keeps_its_share(autojump_clock) -> None:
    """Somebody has deleted it by hand: it is written again at once, and nothing moves."""
    async with fleet("a", "b", "c") as it:
        before = dict(it.owners)
        it.fake.delete("leases", "a", namespace="default")
        await trio.sleep(0.1)
        assert len(it.fake.objects("leases")) == 3
        await trio.sleep(40)
        it.assert_shared()
        assert it.owners == before


async def test_a_newcomer_leaves_alone_what_has_lost_its_lease(autojump_clock) -> None:
    """Who lost it may be cut off, and serve until it gives up; the last witness may leave meanwhile."""
    async with fleet("a", "b") as it:
        it.lines["a"].down()
        it.fake.delete("leases", "a", namespace="default")
        await trio.sleep(0.1)
        it.scopes["b"].cancel()
        await trio.sleep(0.1)
        it.nursery.start_soon(it.start, "c")
        await trio.sleep(9)
        assert len(it.stores["a"]) > 0
        await trio.sleep(30)
        assert len(it.stores["c"]) == 120
        it.lines["a"].up()
        await trio.sleep(60)
        it.assert_shared()
        it.fake.delete("leases", "b", namespace="default")


@pytest.mark.parametrize("seed", range(3))
async def test_random_histories_of_real_replicas(seed: int, autojump_clock) -> None:
    """Never two owners, with lists under way, changes, faults of the server and partitions."""
    chance = Random(seed)
    async with fleet("r0", "r1", "r2", objects=60, in_peace=False, config=WatchConfig(rng=Random(seed))) as it:
        count = 3
        for n in range(40):
            match chance.randrange(9):
                case 0 if len(it.stores) < 6:
                    it.nursery.start_soon(it.start, f"r{count}")
                    count += 1
                case 1 if len(it.stores) > 2:
                    it.scopes[chance.choice([*it.stores])].cancel()
                case 2 if it.stores:
                    line = it.lines[chance.choice([*it.stores])]
                    line.down()
                    it.nursery.start_soon(_later, chance.choice([1.0, 8.0, 30.0]), line.up)
                case 3:
                    it.fake.faults.cut_connections()
                case 4:
                    it.fake.faults.status(503, times=chance.choice([1, 5]))
                case 5:
                    it.fake.compact()
                case 6:
                    it.fake.faults.slow_list(chance.choice([0.2, 1.5]), times=2)
                case _:
                    it.fake.create(config_map(f"more-{n}"))
            await trio.sleep(chance.choice([0.0, 0.1, 1.0, 5.0, 12.0]))
            assert it.overlaps == []
        for line in it.lines.values():
            line.up()
        it.fake.faults.clear()
        await trio.sleep(300)
        it.assert_shared()


async def _later(seconds: float, what: Any) -> None:
    await trio.sleep(seconds)
    what()


async def test_indexes_handlers_and_store_agree_after_a_handover(autojump_clock) -> None:
    """Also those that are rebuilt out of sight."""
    async with fleet("a", objects=1500) as it:
        store = it.stores["a"]
        index = IndexedStore(store, KeyIndex(lambda obj: obj.metadata.namespace)).index
        await it.start("b")
        await it.until_shared(5)
        assert {obj.metadata.uid for obj in index.get("default")} == {obj.metadata.uid for obj in store}
        assert store.by_name("default", it.stores["b"].items()[0].metadata.name) is None


async def test_every_type_is_filtered_alike(autojump_clock) -> None:
    """Dynamic objects, dicts and structs: by the uid, before anything is decoded."""
    for type_ in (DynamicObject, PartialObjectMetadata):
        async with fleet("a", "b", type=type_) as it:
            it.fake.create(config_map("new"))
            await trio.sleep(1)
            it.assert_shared()


async def test_a_server_that_cannot_filter_is_asked_once(autojump_clock) -> None:
    """It ignores what it does not know, and says nothing: then nobody asks again, and all is filtered here (R26)."""
    async with fleet("a", "b") as it:
        assert it.stores["b"].server_filters is False
        assert len(it.lines["b"].selectors) == 1


@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.STREAM])
async def test_a_server_that_filters_is_asked_for_the_share(strategy, autojump_clock) -> None:
    """By ranges of hashes, and its echo is checked: what comes is what is kept."""
    async with fleet("a", "b", "c", shards=True, config=WatchConfig(list_strategy=strategy)) as it:
        assert it.stores["c"].server_filters is True
        selectors = it.lines["c"].selectors
        assert selectors[-1].startswith("shardRange(object.metadata.uid, '0x")
        sent = it.fake.requests.of("list" if strategy is ListStrategy.PAGES else "watch")[-1].query["shardSelector"]
        assert sent in {selector for line in it.lines.values() for selector in line.selectors}
        it.fake.create(config_map("new"))
        await trio.sleep(1)
        it.assert_shared()
        it.scopes["a"].cancel()
        await trio.sleep(0.1)
        await it.until_shared(5)


async def test_a_selector_that_the_server_refuses_is_left_out(autojump_clock) -> None:
    """It may be too long for something in between: then all is filtered here."""
    async with fleet("a", shards=True) as it:
        it.fake.faults.status(414, "RequestURITooLong", "too long", on="list", resource="configmaps")
        await it.start("b")
        await it.until_shared(10)
        assert False in {store.server_filters for store in it.stores.values()}


async def test_a_replica_with_another_number_of_slots_serves_nothing(autojump_clock) -> None:
    """What the others claim cannot be understood, so it may be anything; and they let it be."""
    async with fleet("a", "b") as it:
        async with open_client(transport=it.fake.transport()) as client:
            maps = client.resource("v1", "configmaps", type=PartialObjectMetadata)
            async with open_shard(maps, "maps", namespace="default", identity="c", slots=128) as store:
                await trio.sleep(30)
                assert len(store) == 0
        await it.until_shared(30)


async def test_who_may_not_write_leases_is_told_at_once(autojump_clock) -> None:
    """As it is, and not in a group."""
    fake = FakeApiServer()
    fake.faults.forbidden(resource="leases", on="write")
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(Forbidden):
            async with open_shard(client.resource("v1", "configmaps"), "maps", namespace="default"):
                raise AssertionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slots": 3}, "power of two"),
        ({"namespace": "A/b"}, "namespace"),
        ({"identity": "A_B"}, "lower case"),
        ({"renew_seconds": 20}, "renew_seconds"),
    ],
)
async def test_what_cannot_be_used_is_refused_at_once(options, message) -> None:
    """Before a request is made."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(ConfigError, match=message):
            open_shard(client.resource("v1", "configmaps"), "maps", **{"namespace": "default", **options})
        assert not fake.requests.of()
