"""The benchmarks say what they mean: everyone is sent the same, and everyone gets all of it. No time is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
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
    """Both ways of listing bring all objects: the drivers count them."""
    with replay() as server:
        lists = drive(driver, what, server, "typed")["lists"]
    assert [segment["events"] for segment in lists] == [OBJECTS]


def test_a_paced_event_is_received_after_it_was_sent():
    """Server and driver read one clock, so that latencies can be told."""
    with replay("--rate=500") as server:
        received = drive("limit", "paced", server)["received"]
    assert len(received) == EVENTS
    assert received == sorted(received)
