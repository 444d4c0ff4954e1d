"""The official client's `SharedInformer`: a thread, a cache, handlers."""

from __future__ import annotations

import os
import threading
from typing import Any

from kubernetes import client
from kubernetes.informer import ADDED, MODIFIED, SharedInformer

from benchmarks.driver import ListMeasure, Record, Task, run


def _list_function(task: Task) -> Any:
    configuration = client.Configuration(host=task.url)
    return client.CoreV1Api(client.ApiClient(configuration)).list_pod_for_all_namespaces


def _follow(task: Task, record: Record, seen: Any) -> None:
    done = threading.Event()

    def handler(_: object) -> None:
        seen()
        if record.meter.count == task.events:
            done.set()

    informer = SharedInformer(_list_function(task))
    informer.add_event_handler(MODIFIED, handler)
    informer.start()
    done.wait()


def watch(task: Task, record: Record) -> None:
    _follow(task, record, record.event)


def paced(task: Task, record: Record) -> None:
    _follow(task, record, record.paced_event)


def _list(task: Task, record: Record) -> None:
    seen = 0
    done = threading.Event()

    def added(_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == task.objects:
            done.set()

    informer = SharedInformer(_list_function(task))
    informer.add_event_handler(ADDED, added)
    with ListMeasure(record) as measure:
        informer.start()
        done.wait()
    measure.kept()


def list_(task: Task, record: Record) -> None:
    for _ in range(task.repeats):
        _list(task, record)


if __name__ == "__main__":
    run({"watch": watch, "paced": paced, "list": list_})
    # Its thread waits for the next event, and would be waited for.
    os._exit(0)
