"""kubernetes_asyncio: its `Watch` over the list call, a dictionary kept by hand."""

from __future__ import annotations

import asyncio
from typing import Any

from kubernetes_asyncio import client
from kubernetes_asyncio import watch as watches

from benchmarks.driver import ListMeasure, Record, Task, run


async def _follow(task: Task, record: Record, seen: Any) -> None:
    async with client.ApiClient(client.Configuration(host=task.url)) as api:
        function = client.CoreV1Api(api).list_pod_for_all_namespaces
        async with watches.Watch().stream(function, resource_version="1") as stream:
            async for _ in stream:
                seen()
                if record.meter.count == task.events:
                    return


def watch(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.event))


def paced(task: Task, record: Record) -> None:
    asyncio.run(_follow(task, record, record.paced_event))


async def _list(task: Task, record: Record) -> None:
    async with client.ApiClient(client.Configuration(host=task.url)) as api:
        core = client.CoreV1Api(api)
        for _ in range(task.repeats):
            objects: dict[str, Any] = {}
            with ListMeasure(record) as measure:
                token: str | None = None
                while token != "":
                    more = {"_continue": token} if token else {}
                    page = await core.list_pod_for_all_namespaces(limit=500, **more)
                    objects |= {pod.metadata.uid: pod for pod in page.items}
                    token = page.metadata._continue or ""  # noqa: SLF001 - so it is named there
                del page
            measure.kept()
            assert len(objects) == task.objects


def list_(task: Task, record: Record) -> None:
    asyncio.run(_list(task, record))


if __name__ == "__main__":
    run({"watch": watch, "paced": paced, "list": list_})
