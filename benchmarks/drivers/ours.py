"""This library as a user has it: `open_client`, `open_watch`, a store, a `NameIndex` and handlers.

`kind`: `typed`, a struct of the whole metadata, as the limit decodes; `own`, a small struct of a user's; `dynamic`;
`dropped`, the same without managedFields.
"""

from __future__ import annotations

import gc
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from benchmarks.driver import ListMeasure, Record, Task, kubeconfig, run
from trio_k8swatch import (
    DynamicObject,
    HandlerFuncs,
    IndexedStore,
    ListStrategy,
    NameIndex,
    ObjectMeta,
    WatchConfig,
    connect,
    open_client,
    open_watch,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Long enough that nothing ends by itself, short enough that a run that hangs does not hang for ever.
_ANSWER_SECONDS = 120


class Typed(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


class OwnMeta(msgspec.Struct, frozen=True, rename="camel", gc=False):
    name: str
    namespace: str
    uid: str
    resource_version: str


class OwnSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    node_name: str = ""


class OwnStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    phase: str = ""


class Own(msgspec.Struct, frozen=True, gc=False):
    metadata: OwnMeta
    spec: OwnSpec = OwnSpec()
    status: OwnStatus = OwnStatus()


_TYPES: dict[str, Any] = {"typed": Typed, "own": Own, "dynamic": DynamicObject, "dropped": DynamicObject}


@asynccontextmanager
async def _pods(task: Task) -> AsyncIterator[Any]:
    with kubeconfig(task.url, task.ca) as path:
        async with open_client(connect.from_kubeconfig(path)) as client:
            drop = ("metadata.managedFields",) if task.kind == "dropped" else ()
            yield client.resource("v1", "pods", type=_TYPES[task.kind], drop=drop)


async def _follow(task: Task, record: Record, seen: Any) -> None:
    done = trio.Event()

    def update(_old: object, _new: object) -> None:
        seen()
        if record.meter.count == task.events:
            done.set()

    handlers = HandlerFuncs(update=update)
    async with _pods(task) as pods, open_watch(pods, handlers=handlers) as store:
        with IndexedStore(store, NameIndex()), trio.fail_after(_ANSWER_SECONDS):
            await done.wait()


def watch(task: Task, record: Record) -> None:
    trio.run(_follow, task, record, record.event)


def paced(task: Task, record: Record) -> None:
    trio.run(_follow, task, record, record.paced_event)


async def _list(task: Task, record: Record, strategy: ListStrategy) -> None:
    for _ in range(task.repeats):
        # A function of its own, so that nobody holds the objects of the last list when the next begins.
        await _one_list(task, record, WatchConfig(list_strategy=strategy))


async def _one_list(task: Task, record: Record, config: WatchConfig) -> None:
    handlers = HandlerFuncs(add=lambda _obj, _preexisting: None)
    async with _pods(task) as pods:
        measure = ListMeasure(record)
        measure.__enter__()
        async with open_watch(pods, handlers=handlers, config=config) as store:
            with IndexedStore(store, NameIndex()) as indexed:
                measure.__exit__()
                measure.kept()
                assert len(store) == len(indexed.index) == task.objects


def list_(task: Task, record: Record) -> None:
    trio.run(_list, task, record, ListStrategy.PAGES)


def streaming_list(task: Task, record: Record) -> None:
    trio.run(_list, task, record, ListStrategy.STREAM)


class _Ticker:
    """Notes for how much CPU time it did not get its turn: while the whole process sleeps, nobody holds the loop.

    The garbage collector holds everything in any Python program once in a while, for as long as it takes to walk all
    objects, most of them made by imports. It is noted for itself.
    """

    def __init__(self) -> None:
        self.longest_ns = 0
        self.longest_collection_ns = 0
        self._collecting_since = 0
        self._collected = 0

    async def run(self) -> None:
        while True:
            self._collected = 0
            begun = time.process_time_ns()
            await trio.lowlevel.checkpoint()
            held = time.process_time_ns() - begun - self._collected
            self.longest_ns = max(self.longest_ns, held)

    def collecting(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.process_time_ns()
        else:
            took = time.process_time_ns() - self._collecting_since
            self._collected += took
            self.longest_collection_ns = max(self.longest_collection_ns, took)


@asynccontextmanager
async def _ticking(record: Record) -> AsyncIterator[None]:
    ticker = _Ticker()
    gc.callbacks.append(ticker.collecting)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker.run)
        yield
        nursery.cancel_scope.cancel()
    gc.callbacks.remove(ticker.collecting)
    record.others["longest_hold_ms"] = ticker.longest_ns / 1e6
    record.others["longest_collection_ms"] = ticker.longest_collection_ns / 1e6


async def _relist(task: Task, record: Record) -> None:
    calls = 0

    def changed(*_: object) -> None:
        nonlocal calls
        calls += 1

    handlers = HandlerFuncs(update=changed, delete=changed)
    async with _pods(task) as pods, open_watch(pods, handlers=handlers) as store:
        with IndexedStore(store, NameIndex()):
            before = {obj.metadata.uid: obj for obj in store.items()}
            async with _ticking(record):
                await store.relist()
            record.others["handler_calls"] = calls
            record.others["new_objects"] = sum(before[obj.metadata.uid] is not obj for obj in store.items())


def hold_relist(task: Task, record: Record) -> None:
    trio.run(_relist, task, record)


async def _hold_list(task: Task, record: Record, strategy: ListStrategy) -> None:
    handlers = HandlerFuncs(add=lambda _obj, _preexisting: None)
    config = WatchConfig(list_strategy=strategy)
    async with (
        _pods(task) as pods,
        _ticking(record),
        open_watch(pods, handlers=handlers, config=config) as store,
    ):
        assert len(store) == task.objects


def hold_list(task: Task, record: Record) -> None:
    trio.run(_hold_list, task, record, ListStrategy.PAGES)


def hold_streaming_list(task: Task, record: Record) -> None:
    trio.run(_hold_list, task, record, ListStrategy.STREAM)


async def _burst(task: Task, record: Record) -> None:
    async with _ticking(record):
        await _follow(task, record, record.event)


def hold_burst(task: Task, record: Record) -> None:
    trio.run(_burst, task, record)


async def _cancelled(task: Task, record: Record) -> None:
    """Cancel in the middle of the list, again and again, each time a little later, and see how long leaving takes."""
    longest = 0
    began = [0]

    async def cancel_after(seconds: float, scope: trio.CancelScope) -> None:
        await trio.sleep(seconds)
        began[0] = time.process_time_ns()
        scope.cancel()

    for step in range(40):
        with trio.CancelScope() as scope:
            async with _pods(task) as pods, trio.open_nursery() as nursery:
                nursery.start_soon(cancel_after, 0.02 * step, scope)
                async with open_watch(pods):
                    await trio.sleep_forever()
        longest = max(longest, time.process_time_ns() - began[0])
    record.others["longest_farewell_ms"] = longest / 1e6


def cancelled(task: Task, record: Record) -> None:
    trio.run(_cancelled, task, record)


if __name__ == "__main__":
    run(
        {
            "watch": watch,
            "paced": paced,
            "list": list_,
            "streaming_list": streaming_list,
            "hold_list": hold_list,
            "hold_streaming_list": hold_streaming_list,
            "hold_relist": hold_relist,
            "hold_burst": hold_burst,
            "cancelled": cancelled,
        }
    )
