"""What a program pays at its start: processor time of imports, and of the command line up to its first line."""

from __future__ import annotations

import compileall
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FIRST_LINE", "FOUNDATION", "OURS", "starting_seconds"]

_ROOT = Path(__file__).parent.parent
FOUNDATION = "trio, httpx, msgspec, prometheus_client"
OURS = "trio_k8swatch"
FIRST_LINE = "first line"
_FAKE = """
import trio
from trio_k8swatch.testing import FakeApiServer
async def main():
    fake = FakeApiServer()
    fake.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "default"}})
    async with fake.serve() as url:
        print(url, flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


def starting_seconds(rounds: int) -> dict[str, float]:
    """Processor time until the imports of `FOUNDATION` and `OURS` are done, and until the command line's first line.

    Medians of `rounds` processes each, all taking turns. A process says itself what it has used when it is ready, from its
    very beginning: of the command line the system is asked when its line is here, while it cannot go on.
    """
    compileall.compile_dir(_ROOT / "trio_k8swatch", quiet=1)
    found: dict[str, list[float]] = {FOUNDATION: [], OURS: [], FIRST_LINE: []}
    with _fake_server() as url:
        for _ in range(rounds):
            for modules in (FOUNDATION, OURS):
                found[modules].append(_imported(modules))
            found[FIRST_LINE].append(_first_line(url))
    return {name: median(times) for name, times in found.items()}


def _imported(modules: str) -> float:
    code = f"import {modules}\nimport time\nprint(time.process_time())"
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _first_line(url: str) -> float:
    command = [sys.executable, "-m", "trio_k8swatch", "watch", "configmaps", "--server", url, "-o", "name"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            # Whatever it does behind its line it does while we look: that is a few hundred microseconds.
            return _processor_seconds(process.pid)
        finally:
            process.kill()


def _processor_seconds(process: int) -> float:
    """Of all threads of a process, to the nanosecond, which its `stat` does not have."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def _fake_server() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", _FAKE], cwd=_ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()
