"""`python -m benchmarks targets`: every target that the library has set itself, and what was measured against it.

Ratios are of medians of the same run, all cases taking turns. What needs a real API server is in `benchmarks --real`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.figures import Figures, figures, reference_ns
from benchmarks.held import held
from benchmarks.many import idle_watches
from benchmarks.plan import Case
from benchmarks.runner import run_all
from benchmarks.starting import FIRST_LINE, FOUNDATION, OURS, starting_seconds

__all__ = ["main"]

_PODS = 20_000


@dataclass(frozen=True)
class Measured:
    """One target: at most `limit` of `unit`."""

    what: str
    value: float
    limit: float
    unit: str = "times"

    def row(self) -> str:
        verdict = "holds" if self.value <= self.limit else "**missed**"
        digits = 2 if self.limit < 10 else 0
        value, limit = f"{self.value:,.{digits}f}", f"{self.limit:,.{digits}f}"
        return f"| {self.what} | {value} {self.unit} | {limit} {self.unit} | {verdict} |"


def _lists() -> dict[str, Case]:
    def case(driver: str, what: str = "list", **options: bool) -> Case:
        framing = "packed"
        return Case("targets", what, driver, what, objects=_PODS, repeats=3, framing=framing, **options)

    return {
        "limit": case("limit"),
        "limit keeping": case("limit:keeping"),
        "limit tls": case("limit", tls=True),
        "dynamic": case("ours:dynamic"),
        "dynamic tls": case("ours:dynamic", tls=True),
        "dropped": case("ours:dropped"),
        "unmanaged": case("ours:dynamic", managed=False),
        "pages": case("ours:typed", tls=True),
        "stream": case("ours:typed", "streaming_list", tls=True),
        "pages gzip": case("ours:typed", tls=True, gzip=True),
        "stream gzip": case("ours:typed", "streaming_list", tls=True, gzip=True),
    }


def _paced() -> dict[str, Case]:
    def case(driver: str) -> Case:
        return Case("targets", "paced", driver, "paced", events=2_500, rate=500, every=100, warm=200, tls=True)

    return {"one limit": case("limit"), "one ours": case("ours:typed")}


def _replayed(rounds: int) -> Iterator[Measured]:
    lists, paced = _lists(), _paced()
    cases = lists | paced
    # The p99 of one round scatters by a third.
    runs = run_all(lists.values(), rounds, None) | run_all(paced.values(), 3 * rounds, None)
    reference = reference_ns(runs)
    found = {name: figures(runs[case], case.objects or 1, reference) for name, case in cases.items()}

    def ratio(name: str, base: str, part: Callable[[Figures], float] = _list_cpu) -> float:
        return part(found[name]) / part(found[base])

    yield Measured("CPU, `DynamicObject` in pages, of the limit", ratio("dynamic", "limit"), 1.5)
    yield Measured("the same over TLS", ratio("dynamic tls", "limit tls"), 1.5)
    yield Measured("the same, of a limit that keeps the JSON", ratio("dynamic", "limit keeping"), 1.5)
    yield Measured("CPU of cutting managedFields here, of keeping them", ratio("dropped", "dynamic"), 1.1)
    allowed = _kept(found["unmanaged"]) * 1.05 + 1024
    kept = _kept(found["dropped"])
    yield Measured("memory without managedFields, cut here", kept / 1024, allowed / 1024, "KiB a pod")
    yield Measured("CPU, streaming list over TLS, of pages, both without gzip", ratio("stream", "pages"), 1.2)
    yield Measured(
        "the same, both with gzip (members, as Kubernetes 1.37; zlib makes a new window for each)",
        ratio("stream gzip", "pages gzip"),
        2.0,
    )
    yield Measured("CPU, one event at a time over TLS, of the limit", ratio("one ours", "one limit", _event_cpu), 1.1)
    yield Measured("p99 of that, of the limit", ratio("one ours", "one limit", _p99), 1.2)


def _list_cpu(found: Figures) -> float:
    assert found.list_cpu_us is not None
    return found.list_cpu_us.median


def _event_cpu(found: Figures) -> float:
    assert found.cpu_us is not None
    return found.cpu_us.median


def _p99(found: Figures) -> float:
    assert found.latency_p99_us is not None
    return found.latency_p99_us


def _kept(found: Figures) -> float:
    assert found.kept_bytes is not None
    return found.kept_bytes


def _started(rounds: int) -> Iterator[Measured]:
    seconds = starting_seconds(3 * rounds)
    yield Measured(f"`import {OURS}`, of {FOUNDATION}", seconds[OURS] / seconds[FOUNDATION], 1.1)
    yield Measured("first line of the command line, of that import", seconds[FIRST_LINE] / seconds[OURS], 1.15)


def _held(_rounds: int) -> Iterator[Measured]:
    yield Measured("`wait_for` over 20,000 objects, of a scan", held("waits")["ratio"], 1.2)
    yield Measured("10,000 tasks in `wait_for`", held("waiters")["mib"], 20, "MiB")
    yield Measured("10,000 tasks that wait for a `trio.Event` (for comparison)", held("tasks")["mib"], 20, "MiB")
    yield Measured("held of 4,000 objects that are gone, 76 MiB of annotations", held("sharing")["mib"], 4, "MiB")
    yield Measured("names in a scrape after 2,000 watches have ended", held("metrics")["names"], 101, "names")


def _many(_rounds: int) -> Iterator[Measured]:
    found = idle_watches("watches", 100, 60)
    yield Measured("sockets of 100 watches", found["sockets"], 101, "sockets")
    yield Measured("memory of one of 100 watches", found["bytes_each"] / 1024, 0.35 * 1024, "KiB")
    yield Measured("CPU of 100 watches in an idle minute", found["cpu_seconds"] * 1000, 5, "ms")
    found = idle_watches("watches", 1000, 5)
    yield Measured("sockets of 1,000 watches", found["sockets"], 1001, "sockets")


_GROUPS = {"lists and events": _replayed, "start": _started, "waiting": _held, "many": _many}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks targets", description=__doc__)
    parser.add_argument(
        "only", nargs="*", choices=[[], *_GROUPS], help="which groups to measure; all, if none is named"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    print("| | measured | at most | |\n|---|--:|--:|---|", flush=True)
    for name, measure in _GROUPS.items():
        if not arguments.only or name in arguments.only:
            for found in measure(arguments.rounds):
                print(found.row(), flush=True)
