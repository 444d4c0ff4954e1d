"""`python -m benchmarks many`: what watches cost that have nothing to say.

Idle for a virtual hour, against the fake in memory: requests, and the memory of one. Idle for a real minute, over sockets
from a server in another process that sends each a bookmark a minute: processor time, memory and sockets. Both for plain
watches on one client, and for namespaces of one store.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import trio
import trio.testing

from trio_k8swatch import PartialObjectMetadata, Resource, open_client, open_watch
from trio_k8swatch.namespaces import open_namespaces
from trio_k8swatch.testing import FakeApiServer

__all__ = ["idle_watches", "main", "sockets"]

_ROOT = Path(__file__).parent.parent
_HOUR_SECONDS = 3600


def _server(count: int) -> FakeApiServer:
    fake = FakeApiServer(request_log_limit=10_000)
    for n in range(count):
        metadata = {"name": "one", "namespace": f"n{n}"}
        fake.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return fake


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def sockets() -> int:
    """How many this process has open."""
    files = Path("/proc/self/fd")
    return sum(one.is_symlink() and os.readlink(one).startswith("socket:") for one in files.iterdir())  # noqa: PTH115


async def _open(stack: AsyncExitStack, how: str, maps: Resource[Any], count: int) -> None:
    names = [f"n{n}" for n in range(count)]
    if how == "namespaces":
        store = await stack.enter_async_context(open_namespaces(maps, names))
        assert len(store) == count
        return
    for name in names:
        await stack.enter_async_context(open_watch(maps.in_namespace(name)))


async def _virtual(how: str, count: int) -> str:
    fake = _server(count)
    async with open_client(transport=fake.transport()) as client, AsyncExitStack() as stack:
        maps = client.resource("v1", "configmaps", type=PartialObjectMetadata)
        await _open(stack, how, maps, count)
        await trio.sleep(1)
        asked, cpu = len(fake.requests.of()), _cpu()
        await trio.sleep(_HOUR_SECONDS)
        asked, cpu = len(fake.requests.of()) - asked, _cpu() - cpu
        return (
            f"| {how} | {count:,} | a virtual hour | {asked / count:.1f} requests each |"
            f" {cpu / count * 1000:.0f} ms each, the server's included | | |"
        )


async def _real(how: str, count: int, url: str, seconds: float) -> dict[str, float]:
    # trio has some of its own.
    others = sockets()
    async with open_client(base_url=url) as client, AsyncExitStack() as stack:
        maps = client.resource("v1", "configmaps", type=PartialObjectMetadata)
        # What the first one costs is not what one more does.
        async with open_watch(maps.in_namespace("n0")):
            gc.collect()
            resident, cpu, began = _resident(), _cpu(), time.monotonic()
        await _open(stack, how, maps, count)
        opened = {"open_seconds": time.monotonic() - began, "open_cpu_seconds": _cpu() - cpu}
        gc.collect()
        memory = {"bytes_each": (_resident() - resident) / count, "sockets": float(sockets() - others)}
        # So that the first bookmarks, which come after a minute, are well within what is measured.
        await trio.sleep(seconds / 2)
        cpu = _cpu()
        await trio.sleep(seconds)
        return {**opened, **memory, "cpu_seconds": _cpu() - cpu}


def _row(how: str, count: int, seconds: float, found: dict[str, float]) -> str:
    return (
        f"| {how} | {count:,} | {seconds:.0f} s | {found['sockets']:.0f} sockets |"
        f" {found['cpu_seconds'] * 1000:.1f} ms | {found['bytes_each'] / 1024:.0f} KiB each |"
        f" {found['open_seconds']:.1f} s, {found['open_cpu_seconds'] / count * 1000:.1f} ms of processor time each |"
    )


async def _serve(count: int) -> None:
    async with _server(count).serve() as url:
        print(url, flush=True)
        await trio.sleep_forever()


def idle_watches(how: str, count: int, seconds: float) -> dict[str, float]:
    """So many watches of a server in another process, in a process of their own, idle for so many seconds."""
    serve = [sys.executable, "-m", "benchmarks.many", "--serve", str(count)]
    with subprocess.Popen(serve, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            command = ["--how", how, "--count", str(count), "--seconds", str(seconds), "--url", url]
            watching = [sys.executable, "-m", "benchmarks.many", *command]
            done = subprocess.run(watching, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True)
            figures: dict[str, float] = json.loads(done.stdout)
            return figures
        finally:
            server.kill()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks many", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--counts", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--how", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most, 8192)), most))
    if arguments.serve:
        trio.run(_serve, arguments.serve)
    elif arguments.url:
        print(json.dumps(trio.run(_real, arguments.how, arguments.count, arguments.url, arguments.seconds)))
    else:
        print(
            "| | watches | idle for | | processor | memory | to open them |\n|---|---|---|---|---|---|---|", flush=True
        )
        for how in ("watches", "namespaces"):
            for count in arguments.counts:
                clock = trio.testing.MockClock(autojump_threshold=0)
                print(trio.run(_virtual, how, count, clock=clock), flush=True)
                print(_row(how, count, arguments.seconds, idle_watches(how, count, arguments.seconds)), flush=True)


if __name__ == "__main__":
    main()
