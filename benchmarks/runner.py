"""Runs cases: each with a fresh server and a fresh driver, on a processor of its own, all of them taking turns."""

from __future__ import annotations

import compileall
import importlib.util
import json
import os
import ssl
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from benchmarks.plan import PEERS, Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Run", "Runs", "run_all"]

_ROOT = Path(__file__).parent.parent
_TIMEOUT_SECONDS = 180


@dataclass(frozen=True)
class Run:
    """What one driver process said, and when the server had sent each paced event."""

    answer: dict[str, Any]
    sent: list[int] = field(default_factory=list)


Runs = dict[Case, list[Run]]


def _pinned(processor: int) -> list[str]:
    processors = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(processors[processor % len(processors)])]


@contextmanager
def _server(case: Case) -> Iterator[dict[str, Any]]:
    command = [*_pinned(1), sys.executable, "-m", "benchmarks.server", f"--objects={case.objects}"]
    command += [f"--events={case.events}", f"--framing={case.framing}", f"--rate={case.rate}"]
    command += ["--tls"] * case.tls + ["--changing-lists"] * case.changing_lists
    command += ["--gzip"] * case.gzip + ["--unmanaged"] * (not case.managed)
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield json.loads(server.stdout.readline())
        assert server.stdin
        server.stdin.close()


def _python(case: Case, peers: Path | None) -> str | None:
    """The interpreter that has the driver's library: `peers/<distribution>/bin/python`, or this one, or none."""
    if case.driver not in PEERS:
        return sys.executable
    own = peers / PEERS[case.driver] / "bin" / "python" if peers else None
    if own and own.exists():
        return str(own)
    return sys.executable if importlib.util.find_spec(PEERS[case.driver]) else None


def _task(case: Case, server: dict[str, Any]) -> str:
    names = ("what", "kind", "objects", "events", "every", "warm", "repeats")
    return json.dumps({name: getattr(case, name) for name in names} | server)


def _sent(server: dict[str, Any]) -> list[int]:
    context = ssl.create_default_context(cafile=server["ca"]) if server["ca"] else None
    times: list[int] = json.load(urlopen(f"{server['url']}/bench/sent", context=context))
    return times


def _run(case: Case, python: str) -> Run:
    with _server(case) as server:
        module = f"benchmarks.drivers.{case.module}"
        done = subprocess.run(
            [*_pinned(0), python, "-W", "ignore", "-m", module, _task(case, server)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{case.driver}, {case.table} {case.cell}:\n{done.stderr[-3000:]}")
        answer = json.loads(done.stdout.splitlines()[-1])
        sent = _sent(server) if case.rate else []
    return Run(answer, sent)


def run_all(cases: Iterable[Case], rounds: int, peers: Path | None) -> Runs:
    """Every case once per round, so that whatever the machine does to one it does to all. Says what it leaves out."""
    # As whoever installs it finds it: whether a checkout is compiled depends on the environment.
    compileall.compile_dir(_ROOT / "trio_k8swatch", quiet=1)
    runs: Runs = defaultdict(list)
    pythons = {case: _python(case, peers) for case in cases}
    for missing in sorted({PEERS[case.driver] for case, python in pythons.items() if python is None}):
        print(f"{missing} is not installed: left out", file=sys.stderr)
    for number in range(rounds):
        for case, python in pythons.items():
            if python is None:
                continue
            print(
                f"\r\033[K{number + 1}/{rounds} {case.table} {case.cell} {case.driver}",
                end="",
                file=sys.stderr,
                flush=True,
            )
            try:
                runs[case].append(_run(case, python))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"\n{error}", file=sys.stderr)
    print("\r\033[K", end="", file=sys.stderr)
    return runs
