"""A cluster in trouble and a watch on it, held to the seven invariants of every scenario.

(i) never two lists in flight for a store; (ii) attempts within the budget; (iii) nothing leaked; (iv) a
`relist()` is released only by a list that began later; (v) exactly one delete for each known object; (vi) indexes
before handlers; (vii) `health` tells the truth. And: when all is quiet, the store is the server.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing
from faults.attempts import Attempt, Witness
from faults.book import Book

from trio_k8swatch import (
    ApiClient,
    Backoff,
    DynamicObject,
    IndexedStore,
    InitMode,
    KeyIndex,
    ListOptions,
    NameIndex,
    State,
    Store,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch._object_meta import key_of, metadata_of
from trio_k8swatch.testing import FakeApiServer

SETTLE_SECONDS = 200.0
MOMENT_SECONDS = 0.1
"""By so much two looks at one real clock may differ."""
FAILING = {State.RECONNECTING, State.UNAUTHORIZED, State.FORBIDDEN, State.NOT_SERVED}


class Longest(random.Random):
    """Chance that always falls on the longest wait, so that times can be foretold."""

    def uniform(self, a: float, b: float) -> float:
        del a
        return b


def pod(name: str, app: str = "web", **status: Any) -> dict[str, Any]:
    """A pod as short as can be."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": "pause"}]},
        **({"status": status} if status else {}),
    }


def longest(**options: Any) -> WatchConfig:
    """Everything by default, but every wait at its longest."""
    return WatchConfig(**{"rng": Longest(1), **options})


@dataclass
class Watched:
    """One watch, with all that is known about it from outside."""

    fake: FakeApiServer
    witness: Witness
    book: Book
    curve: Backoff | None
    server: Callable[[], dict[str, Any]]
    """The objects that a perfect client would know, by key."""
    store: Store[Any] = field(init=False)
    names: IndexedStore[Any, NameIndex[Any]] = field(init=False)
    apps: IndexedStore[Any, KeyIndex[Any, str]] = field(init=False)
    relists: int = 0
    is_over: bool = False

    @property
    def lists(self) -> list[Attempt]:
        return self.witness.lists

    @property
    def watches(self) -> list[Attempt]:
        return self.witness.watches

    def pauses(self) -> list[float]:
        """Seconds from the end of each failed attempt to the next attempt."""
        pairs = zip(self.witness.attempts, self.witness.attempts[1:], strict=False)
        return [round(b.began - (a.ended or 0.0), 3) for a, b in pairs if a.failed]

    def attach(self, store: Store[Any]) -> None:
        """The store is there: index it in two ways, and let the handlers look at it."""
        self.store = store
        self.names = IndexedStore(store, NameIndex[Any]())
        self.apps = IndexedStore(store, KeyIndex[Any, str](app_of))
        self.book.names = self.names

    async def relist(self) -> None:
        """(iv) As `store.relist()`."""
        self.relists += 1
        number = next(self.witness.numbers)
        await self.store.relist()
        assert self.witness.listed_since(number), "(iv) released without a list that began later"

    # Quiet moments

    async def settled(self, within: float = SETTLE_SECONDS) -> None:
        """Wait until the store is the server, and hold everything else to it."""
        with trio.move_on_after(within):
            await trio.testing.wait_all_tasks_blocked()
            while self.difference() or self.store.failing:
                await trio.sleep(0.25)
                await trio.testing.wait_all_tasks_blocked()
        assert not self.difference(), f"store != server: {self.difference()}\n{self.fake.requests}"
        self.check_indexes()
        self.book.check(self.store)

    def difference(self) -> dict[str, tuple[str | None, str | None]]:
        """For each object that is not the same: its version here and on the server."""
        ours = {key_of(metadata_of(obj)): _plain(obj) for obj in self.store.items()}
        theirs = self.server()
        different = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
        return {key: (_version(ours.get(key)), _version(theirs.get(key))) for key in different}

    def check_indexes(self) -> None:
        """The indexes are what a rebuild would make of the store, at any moment."""
        objects = self.store.items()
        assert len(self.names.index) == len({_name(obj) for obj in objects})
        assert {id(self.names.index.get(*_name(obj))) for obj in objects} <= {id(obj) for obj in objects}
        rebuilt = KeyIndex[Any, str](app_of)
        for obj in objects:
            rebuilt.add(obj)
        assert set(self.apps.index.keys()) == set(rebuilt.keys())
        for key in rebuilt:
            assert {id(o) for o in self.apps.index.get(key)} == {id(o) for o in rebuilt.get(key)}

    # Truth

    async def inspect(self, every: float) -> None:
        """(vii) Look at `health` from time to time, for as long as the watch lasts."""
        while not (self.is_over or self.store.stopped):
            if self.lie() is not None:
                # Several things may happen in one instant; a lie is what is still said at its end.
                await trio.testing.wait_all_tasks_blocked()
                lie = self.lie()
                assert lie is None, f"(vii) at {trio.current_time()}: {lie}\n{self.fake.requests}"
            await trio.sleep(every)

    def lie(self) -> str | None:
        """What `health` says that is not so."""
        health, witness = self.store.health, self.witness
        silence = trio.current_time() - witness.last_heard
        if health.state is State.LIVE and not witness.is_watching:
            return "live, and no watch is open"
        if health.state is State.RELISTING and not witness.is_listing:
            return "relisting, and there is no list"
        if (
            health.state is State.RECONNECTING
            and witness.is_watching
            and not (self.store.failing or witness.is_listing)
        ):
            return "reconnecting, and the watch is open"
        if health.state in FAILING - {State.RECONNECTING} and not witness.failures:
            return f"{health.state}, and nothing has failed"
        if self.store.failing and health.state not in FAILING | {State.RELISTING}:
            return f"failing, and {health.state}"
        return self._lie_of_age(health.staleness, silence)

    def _lie_of_age(self, staleness: float, silence: float) -> str | None:
        if staleness < silence - MOMENT_SECONDS:
            return f"confirmed {staleness} s ago, and silent for {silence} s"
        return None


@dataclass
class Cluster:
    """A fake API server and one client of it."""

    fake: FakeApiServer
    client: ApiClient
    nursery: trio.Nursery
    watched: list[Watched] = field(default_factory=list)

    @asynccontextmanager
    async def watch(
        self,
        resource: str = "pods",
        *,
        api_version: str = "v1",
        namespace: str | None = None,
        type: Any = DynamicObject,
        config: WatchConfig | None = None,
        options: ListOptions | None = None,
        init_mode: InitMode = InitMode.SYNC,
        server: Callable[[], dict[str, Any]] | None = None,
        curve: Backoff | None = None,
        inspect_every: float = 1.0,
        settle: bool = True,
    ) -> AsyncGenerator[Watched]:
        """`open_watch` with everything looked at; at the end the store has to be the server, unless told otherwise."""
        source = self.client.resource(api_version, resource, namespace=namespace, type=type)
        server = server or (lambda: by_key(self.fake.objects(resource, namespace=namespace)))
        watched = Watched(self.fake, Witness(source), Book(), curve, server)
        self.watched.append(watched)
        config = longest() if config is None else config
        try:
            async with open_watch(
                watched.witness,
                handlers=watched.book.handlers,
                config=config,
                list_options=options,
                init_mode=init_mode,
            ) as store:
                watched.attach(store)
                if init_mode is InitMode.SYNC:
                    watched.book.check(store)
                self.nursery.start_soon(watched.inspect, inspect_every)
                yield watched
                if settle and not store.stopped:
                    await watched.settled()
                watched.is_over = True
            told = len(watched.book.told)
            await trio.testing.wait_all_tasks_blocked()
            assert len(watched.book.told) == told, "handlers ran after the end of the block"
            assert store.stopped
            assert store.health.state is State.STOPPED
        finally:
            watched.witness.check_pace(curve, relists=watched.relists)
            assert all(a.ended is not None for a in watched.witness.attempts), "(iii) an attempt outlives the block"


@asynccontextmanager
async def cluster(fake: FakeApiServer | None = None, **options: Any) -> AsyncGenerator[Cluster]:
    """A fake API server behind the in-memory door, and a client; at the end nothing may be left of either (iii)."""
    fake = fake or FakeApiServer(seed=1)
    tasks = trio.lowlevel.current_statistics().tasks_living
    with lone_exceptions():
        async with trio.open_nursery() as nursery:
            async with open_client(transport=fake.transport(), base_url="https://kubernetes.test", **options) as client:
                yield Cluster(fake, client, nursery)
                check_streams(fake)
            nursery.cancel_scope.cancel()
    assert trio.lowlevel.current_statistics().tasks_living == tasks, "(iii) a task is left"


def check_streams(fake: FakeApiServer) -> None:
    """(iii) Every answer that was begun has been closed."""
    left = [call for call in fake.requests if call.status is not None and call.ended is None]
    assert not left, f"(iii) answers are still open: {left}"


@contextmanager
def lone_exceptions() -> Iterator[None]:
    """What one test raises leaves the nursery as it is, for `pytest.raises` and for short reports."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaf: BaseException = group
        while isinstance(leaf, BaseExceptionGroup) and len(leaf.exceptions) == 1:
            leaf = leaf.exceptions[0]
        raise leaf from None


def by_key(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Plain objects by what the store files them under."""
    return {key_of(metadata_of(obj)): obj for obj in objects}


def app_of(obj: Any) -> str | None:
    """The label `app`."""
    metadata = obj["metadata"] if isinstance(obj, dict) else obj.metadata
    labels = metadata.get("labels", {}) if isinstance(metadata, dict) else metadata.labels
    return labels.get("app")


def without(fake_object: dict[str, Any], *fields: str) -> dict[str, Any]:
    """An object without some of its metadata."""
    metadata = {name: value for name, value in fake_object["metadata"].items() if name not in fields}
    return {**fake_object, "metadata": metadata}


def _plain(obj: Any) -> Any:
    return obj.to_dict() if isinstance(obj, DynamicObject) else obj


def _version(obj: Any) -> str | None:
    return None if obj is None else metadata_of(obj).resource_version


def _name(obj: Any) -> tuple[str, str]:
    meta = metadata_of(obj)
    return meta.namespace, meta.name


__all__ = [
    "Cluster",
    "Longest",
    "Watched",
    "app_of",
    "by_key",
    "check_streams",
    "cluster",
    "longest",
    "pod",
    "without",
]
