"""The benchmarks say what they mean: everyone is sent the same, and everyone gets all of it. No time is judged here."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import process_time_ns
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EVENTS = 20
OBJECTS = 7
ANSWER_SECONDS = 60


@contextmanager
def replay(*options: str):
    command = [sys.executable, "-m", "benchmarks.server", f"--objects={OBJECTS}", f"--events={EVENTS}", *options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdin
        yield json.loads(server.stdout.readline())
        server.stdin.close()


def drive(driver: str, what: str, server: dict[str, Any], kind: str = "") -> dict[str, Any]:
    task = {"what": what, "kind": kind, "objects": OBJECTS, "events": EVENTS, "every": 5, "warm": 5} | server
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.drivers.{driver}", json.dumps(task)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("framing", ["event", "packed", "proxy"])
def test_every_framing_carries_every_event(framing: str):
    """However the server cuts its chunks, the bare loop sees all events and cuts them into equal segments."""
    with replay(f"--framing={framing}") as server:
        segments = drive("limit", "watch", server)["segments"]
    assert [segment["events"] for segment in segments] == [5, 5, 5]


@pytest.mark.parametrize("kind", ["typed", "own", "dynamic"])
def test_the_library_is_measured_on_the_same_events(kind: str):
    """Packed chunks over TLS reach a handler, whatever type the objects are of."""
    with replay("--framing=packed", "--tls") as server:
        segments = drive("ours", "watch", server, kind)["segments"]
    assert [segment["events"] for segment in segments] == [5, 5, 5]


@pytest.mark.parametrize("driver", ["limit", "ours"])
@pytest.mark.parametrize("what", ["list", "streaming_list"])
def test_lists_are_read_to_their_end(driver: str, what: str):
    """Both ways of listing bring all objects: the drivers count them. The time of each is told, in one segment or more."""
    with replay() as server:
        lists = drive(driver, what, server, "typed")["lists"]
    assert [bool(segments) for segments in lists] == [True]


@pytest.fixture
def benchmark_modules(monkeypatch: pytest.MonkeyPatch):
    """They are no part of what is installed."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_a_stopwatch_cuts_work_that_knows_nothing_of_it(benchmark_modules):
    """What it adds up is the work alone, without the loops between the cuts, and it leaves no timer behind."""
    begun = process_time_ns()
    with benchmark_modules("meter").Stopwatch() as stopwatch:
        while len(stopwatch.segments) < 5:
            pass
    spent = process_time_ns() - begun
    segments = stopwatch.segments
    loops = [segments[0].before_ns, *(segment.after_ns for segment in segments)]
    assert [segment.before_ns for segment in segments] == loops[:-1]
    assert sum(segment.cpu_ns for segment in segments) + sum(loops) <= spent
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_list_costs_what_all_its_segments_cost_at_one_speed(benchmark_modules):
    """The second half was measured while the machine was half as fast: it counts half."""
    segments = [
        {"events": 0, "cpu_ns": 4_000_000, "before_ns": 1_000, "after_ns": 1_000},
        {"events": 0, "cpu_ns": 8_000_000, "before_ns": 2_000, "after_ns": 2_000},
    ]
    answer = {"segments": [], "lists": [segments], "list_wall_ns": [], "kept_bytes": 0, "received": [], "others": {}}
    run = benchmark_modules("runner").Run(answer)
    found = benchmark_modules("figures").figures([run], objects=1_000, reference=1_000.0)
    assert found.list_cpu_us.median == pytest.approx(8.0)


def test_a_paced_event_is_received_after_it_was_sent():
    """Server and driver read one clock, so that latencies can be told."""
    with replay("--rate=500") as server:
        received = drive("limit", "paced", server)["received"]
    assert len(received) == EVENTS
    assert received == sorted(received)
