"""This library in an asyncio program: `trio_k8swatch.aio`, with a `NameIndex` and a handler."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.driver import Record, Task, kubeconfig, run
from benchmarks.drivers.ours import Typed
from trio_k8swatch import HandlerFuncs, NameIndex, aio, connect

if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWER_SECONDS = 120


async def _follow(task: Task, record: Record, seen: Callable[[], None]) -> None:
    done = asyncio.Event()

    def update(_old: object, _new: object) -> None:
        seen()
        if record.meter.count == task.events:
            done.set()

    with kubeconfig(task.url, task.ca) as path:
        async with aio.open_client(connect.from_kubeconfig(path)) as client:
            pods = client.resource("v1", "pods", type=Typed)
            async with aio.open_watch(pods, handlers=HandlerFuncs(update=update)) as store:
                with aio.IndexedStore(store, NameIndex()):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        await done.wait()


def watch(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.event))


def paced(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.paced_event))


if __name__ == "__main__":
    run({"watch": watch, "paced": paced})
