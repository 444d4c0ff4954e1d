"""What every driver is told, and what it has to answer: one task in, one line of JSON out.

Only the standard library is used, for the peers' environments have nothing else.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

from benchmarks.meter import Meter, Segment, Stopwatch, kept_bytes, peak_bytes, reset_peak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ListMeasure", "Record", "Task", "kubeconfig", "run"]


@dataclass(frozen=True)
class Task:
    """`what` is one of the driver's functions; `kind` the type of object to make, where a driver has several."""

    what: str
    url: str
    ca: str | None = None
    kind: str = ""
    objects: int = 0
    events: int = 0
    every: int = 500
    warm: int = 1000
    repeats: int = 1


@dataclass
class Record:
    """What a driver measured. Times of receipt are `time.monotonic_ns`, to be compared with the server's of sending."""

    meter: Meter
    lists: list[list[Segment]] = field(default_factory=list)
    """Each with all segments that it was cut into."""
    list_wall_ns: list[int] = field(default_factory=list)
    kept_bytes: int = 0
    peak_bytes: int = 0
    received: list[int] = field(default_factory=list)
    others: dict[str, float] = field(default_factory=dict)

    def event(self) -> None:
        """One event reached the place where a user's handler would see it."""
        self.meter.event()

    def paced_event(self) -> None:
        """The same, and when."""
        self.received.append(time.monotonic_ns())
        self.meter.event()


class ListMeasure:
    """Around a list from its request until its objects are held: `with` it, then call `kept` while they are."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._stopwatch = Stopwatch()

    def __enter__(self) -> Self:
        self._base = kept_bytes()
        reset_peak()
        self._stopwatch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopwatch.__exit__()
        self._record.list_wall_ns.append(self._stopwatch.wall_ns)
        self._record.lists.append(self._stopwatch.segments)

    def kept(self) -> None:
        """Only the first list of a process tells about memory: later ones find room that is already there."""
        if len(self._record.lists) == 1:
            self._record.peak_bytes = peak_bytes() - self._base
            self._record.kept_bytes = kept_bytes() - self._base


@contextmanager
def kubeconfig(url: str, ca: str | None = None) -> Iterator[str]:
    """A kubeconfig that names the replay server, for clients that take nothing else. JSON is YAML, too."""
    cluster = {"server": url} | ({"certificate-authority": ca} if ca else {})
    named = {
        "clusters": [{"name": "bench", "cluster": cluster}],
        "users": [{"name": "bench", "user": {"token": "none"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "default"}}],
    }
    document = {"apiVersion": "v1", "kind": "Config", "current-context": "bench", **named}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        yield file.name


def run(functions: dict[str, Callable[[Task, Record], None]]) -> None:
    """The body of a driver: do the task on the command line, and print what was measured."""
    task = Task(**json.loads(sys.argv[1]))
    record = Record(Meter(task.every, task.warm))
    functions[task.what](task, record)
    answer = asdict(record)
    answer["segments"] = answer.pop("meter")["segments"]
    print(json.dumps(answer), flush=True)
