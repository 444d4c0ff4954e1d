"""A week in which every object is replaced a hundred times, and what memory has to say about it."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import dataclass, field

import trio
import trio.testing
from faults.harness import pod
from prometheus_client import CollectorRegistry
from soak.memory import growth_of, run_traced

from trio_k8swatch import (
    ApiClient,
    DynamicObject,
    HandlerFuncs,
    IndexedStore,
    KeyIndex,
    Metrics,
    NameIndex,
    Store,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch.testing import FakeApiServer

DAY_SECONDS = 24 * 3600
OBJECTS = 200
SAMPLES = 60


@dataclass
class Week:
    """What it has brought. Memory is what Python holds, in bytes, after a collection, at equal distances."""

    replaced: int = 0
    opened: int = 0
    virtual_days: float = 0.0
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """The last third of the measurements against the first after the warm-up, as a factor."""
        return growth_of(self.memory)


def week(*, replacements: int, watches: int, days: float = 7) -> Week:
    """Every object is replaced that often, and so many watches are opened and closed beside the one that lasts."""
    found = Week()
    run_traced(_week, found, replacements * OBJECTS, watches, days * DAY_SECONDS)
    return found


async def _week(found: Week, replacements: int, watches: int, seconds: float) -> None:
    # A short memory of the server's own, and a log that is forgotten: it is the client that is weighed.
    fake = FakeApiServer(history_limit=200, request_log_limit=10)
    for number in range(OBJECTS):
        fake.create(pod(f"pod-{number:03}-0"))
    metrics = Metrics("churn", CollectorRegistry())
    config = WatchConfig(metrics=metrics.instance("lasting"))
    async with (
        open_client(transport=fake.transport()) as client,
        open_watch(client.resource("v1", "pods"), config=config) as store,
    ):
        with IndexedStore(store, NameIndex[DynamicObject]()) as named:
            each = replacements // watches
            for step in range(watches):
                for _ in range(each):
                    _replace(fake, found.replaced)
                    found.replaced += 1
                await trio.sleep(seconds / watches)
                await _visit(client, metrics, step)
                found.opened += 1
                if step % (watches // SAMPLES) == 0:
                    gc.collect()
                    found.memory.append(tracemalloc.get_traced_memory()[0])
            await store.relist()
            assert len(store) == len(named.index) == OBJECTS
            found.virtual_days = trio.current_time() / DAY_SECONDS


def _replace(fake: FakeApiServer, number: int) -> None:
    """The pod of a number gives way to its successor, which has another name and another uid."""
    which, generation = number % OBJECTS, number // OBJECTS
    fake.delete("pods", f"pod-{which:03}-{generation}", namespace="default")
    fake.create(pod(f"pod-{which:03}-{generation + 1}"))


async def _visit(client: ApiClient, metrics: Metrics, step: int) -> None:
    """A watch for a moment, with all that hangs on one: handlers, indexes, listeners, a wait that is given up."""
    handlers = HandlerFuncs[DynamicObject](add=lambda _obj, _preexisting: None)
    config = WatchConfig(metrics=metrics.instance(f"visit-{step}"))
    async with open_watch(client.resource("v1", "pods"), handlers=handlers, config=config) as store:
        with IndexedStore(store, KeyIndex[DynamicObject, str](lambda obj: [obj.metadata.namespace])) as by_namespace:
            assert len(by_namespace.index.get("default")) == OBJECTS
            listeners = [store.listen(obj.metadata.uid) for obj in store.items()[:10]]
            assert all(listeners)
            await _give_up_waiting(store)


async def _give_up_waiting(store: Store[DynamicObject]) -> None:
    with trio.move_on_after(1) as scope:
        await store.wait_for(lambda _: False)
    assert scope.cancelled_caught
