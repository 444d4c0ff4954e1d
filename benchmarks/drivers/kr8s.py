"""kr8s: its asyncio API's watch and list."""

from __future__ import annotations

import asyncio
from typing import Any

import kr8s.asyncio

from benchmarks.driver import ListMeasure, Record, Task, kubeconfig, run


async def _api(task: Task) -> Any:
    with kubeconfig(task.url) as path:
        return await kr8s.asyncio.api(kubeconfig=path)


async def _follow(task: Task, record: Record, seen: Any) -> None:
    api = await _api(task)
    async for _ in api.watch("pods", namespace=kr8s.ALL):
        seen()
        if record.meter.count == task.events:
            return


def watch(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.event))


def paced(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.paced_event))


async def _list(task: Task, record: Record) -> None:
    api = await _api(task)
    for _ in range(task.repeats):
        with ListMeasure(record) as measure:
            objects = {pod.metadata.uid: pod async for pod in api.get("pods", namespace=kr8s.ALL)}
        measure.kept()
        assert len(objects) == task.objects
        del objects


def list_(task: Task, record: Record) -> None:
    asyncio.run(_list(task, record))


if __name__ == "__main__":
    run({"watch": watch, "paced": paced, "list": list_})
