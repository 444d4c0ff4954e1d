"""lightkube: its client's watch loop, synchronous (`kind` empty) or asyncio; it has no store and no recovery."""

from __future__ import annotations

import asyncio
from typing import Any

from lightkube import AsyncClient, Client, KubeConfig
from lightkube.resources.core_v1 import Pod

from benchmarks.driver import ListMeasure, Record, Task, kubeconfig, run


def _client(make: Any, task: Task) -> Any:
    with kubeconfig(task.url) as path:
        return make(config=KubeConfig.from_file(path))


async def _watch_async(task: Task, record: Record) -> None:
    async for _ in _client(AsyncClient, task).watch(Pod, namespace="*", resource_version="1"):
        record.event()
        if record.meter.count == task.events:
            return


def watch(task: Task, record: Record) -> None:
    if task.kind == "asyncio":
        asyncio.run(_watch_async(task, record))
        return
    for _ in _client(Client, task).watch(Pod, namespace="*", resource_version="1"):
        record.event()
        if record.meter.count == task.events:
            return


def paced(task: Task, record: Record) -> None:
    for _ in _client(Client, task).watch(Pod, namespace="*", resource_version="1"):
        record.paced_event()
        if record.meter.count == task.events:
            return


def list_(task: Task, record: Record) -> None:
    client = _client(Client, task)
    for _ in range(task.repeats):
        with ListMeasure(record) as measure:
            objects = {pod.metadata.uid: pod for pod in client.list(Pod, namespace="*", chunk_size=500)}
        measure.kept()
        assert len(objects) == task.objects
        del objects


if __name__ == "__main__":
    run({"watch": watch, "paced": paced, "list": list_})
