"""One client of a real server in a process of its own; one line of JSON comes out.

`python -m benchmarks.real.client sync KUBECONFIG KIND STRATEGY`, `… events KUBECONFIG KIND COUNT`,
`… many KUBECONFIG STRATEGY COUNT SECONDS`, `… outlast KUBECONFIG COUNT`.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import trio

from benchmarks.drivers.ours import Own, Typed
from benchmarks.many import sockets
from benchmarks.meter import kept_bytes, peak_bytes, reset_peak
from benchmarks.real.fill import NAMESPACE
from trio_k8swatch import (
    ApiClient,
    DynamicObject,
    HandlerFuncs,
    ListStrategy,
    PartialObjectMetadata,
    Store,
    WatchConfig,
    connect,
    open_client,
    open_watch,
)

_TYPES: dict[str, Any] = {
    "typed": Typed,
    "own": Own,
    "dynamic": DynamicObject,
    "dropped": DynamicObject,
    "metadata": PartialObjectMetadata,
}
_SETTLING_SECONDS = 30.0
"""Between opening watches and measuring them idle: then as many bookmarks are within that as it has minutes."""
Found = dict[str, float]


async def _sync(client: ApiClient, kind: str, strategy: str) -> Found:
    """A whole list, until its store is full."""
    config = WatchConfig(list_strategy=ListStrategy(strategy))
    drop = ("metadata.managedFields",) if kind == "dropped" else ()
    pods = client.resource("v1", "pods", namespace=NAMESPACE, type=_TYPES[kind], drop=drop)
    base = kept_bytes()
    reset_peak()
    wall, cpu = time.monotonic(), time.process_time()
    async with open_watch(pods, config=config) as store:
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        peak = peak_bytes() - base
        return {"wall": wall, "cpu": cpu, "kept": kept_bytes() - base, "peak": peak, "objects": len(store)}


async def _events(client: ApiClient, kind: str, count: str) -> Found:
    """Events that somebody makes one by one."""
    seen = 0
    done = trio.Event()

    def update(_old: object, _new: object) -> None:
        nonlocal seen
        seen += 1
        if seen == int(count):
            done.set()

    maps = client.resource("v1", "configmaps", namespace=NAMESPACE, type=_TYPES[kind])
    async with open_watch(maps, handlers=HandlerFuncs(update=update)):
        print("synced", file=sys.stderr, flush=True)
        cpu = time.process_time()
        await done.wait()
        return {"cpu": time.process_time() - cpu}


async def _open_all(stack: AsyncExitStack, client: ApiClient, strategy: str, count: int) -> list[Store[Any]]:
    config = WatchConfig(list_strategy=ListStrategy(strategy))
    maps = client.resource("v1", "configmaps", type=PartialObjectMetadata)
    names = [f"many-{number}" for number in range(count)]
    return [await stack.enter_async_context(open_watch(maps.in_namespace(name), config=config)) for name in names]


async def _many(client: ApiClient, strategy: str, count: str, seconds: str) -> Found:
    """Watches that have nothing to say."""
    others = sockets()
    base, wall, cpu = kept_bytes(), time.monotonic(), time.process_time()
    async with AsyncExitStack() as stack:
        await _open_all(stack, client, strategy, int(count))
        found: Found = {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}
        gc.collect()
        found |= {"kept": kept_bytes() - base, "sockets": sockets() - others + 1}
        await trio.sleep(_SETTLING_SECONDS)
        cpu = time.process_time()
        await trio.sleep(float(seconds))
        return found | {"idle": time.process_time() - cpu}


async def _outlast(client: ApiClient, count: str) -> Found:
    """The server is killed and comes back: how long after the first failure the last watch has heard of it, and the cost."""
    async with AsyncExitStack() as stack:
        stores = await _open_all(stack, client, "auto", int(count))
        print("synced", file=sys.stderr, flush=True)
        while not any(store.failing for store in stores):  # noqa: ASYNC110 - a hundred of them are looked at
            await trio.sleep(0.05)
        wall, cpu = time.monotonic(), time.process_time()
        while any(store.failing for store in stores):  # noqa: ASYNC110 - as above
            await trio.sleep(0.05)
        return {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}


_TASKS: dict[str, Any] = {"sync": _sync, "events": _events, "many": _many, "outlast": _outlast}


async def _main(task: str, kubeconfig: str, *arguments: str) -> None:
    async with open_client(connect.from_kubeconfig(kubeconfig)) as client:
        # The server is known already, as it is for all watches of a program but its first.
        await client.get("/version")
        print(json.dumps(await _TASKS[task](client, *arguments)))


if __name__ == "__main__":
    trio.run(_main, *sys.argv[1:])
