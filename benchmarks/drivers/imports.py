"""What importing costs: the modules named in `kind`, in a process that has imported nothing like them."""

from __future__ import annotations

import importlib
import time

from benchmarks.driver import Record, Task, run
from benchmarks.meter import Segment, loop_ns


def import_(task: Task, record: Record) -> None:
    before = loop_ns()
    begun = time.process_time_ns()
    for module in task.kind.split(","):
        importlib.import_module(module)
    cpu = time.process_time_ns() - begun
    record.lists.append(Segment(1, cpu, before, loop_ns()))


if __name__ == "__main__":
    run({"import": import_})
