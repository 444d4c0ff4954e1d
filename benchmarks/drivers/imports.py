"""What importing costs: the modules named in `kind`, in a process that has imported nothing like them."""

from __future__ import annotations

import importlib

from benchmarks.driver import Record, Task, run
from benchmarks.meter import Stopwatch


def import_(task: Task, record: Record) -> None:
    with Stopwatch() as stopwatch:
        for module in task.kind.split(","):
            importlib.import_module(module)
    record.lists.append(stopwatch.segments)


if __name__ == "__main__":
    run({"import": import_})
