"""This library in a program of threads: `trio_k8swatch.blocking`, with a `NameIndex` and a handler."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from benchmarks.driver import Record, Task, kubeconfig, run
from benchmarks.drivers.ours import Typed
from trio_k8swatch import HandlerFuncs, NameIndex, blocking, connect

if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWER_SECONDS = 120


def _follow(task: Task, record: Record, seen: Callable[[], None]) -> None:
    done = threading.Event()

    def update(_old: object, _new: object) -> None:
        seen()
        if record.meter.count == task.events:
            done.set()

    with kubeconfig(task.url, task.ca) as path, blocking.open_client(connect.from_kubeconfig(path)) as client:
        pods = client.resource("v1", "pods", type=Typed)
        watching = blocking.open_watch(pods, handlers=HandlerFuncs(update=update))
        with watching as store, blocking.IndexedStore(store, NameIndex()):
            assert done.wait(_ANSWER_SECONDS)


def watch(task: Task, record: Record) -> None:
    _follow(task, record, record.event)


def paced(task: Task, record: Record) -> None:
    _follow(task, record, record.paced_event)


if __name__ == "__main__":
    run({"watch": watch, "paced": paced})
