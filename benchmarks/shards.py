"""`python -m benchmarks shards`: three processes share 50,000 objects, and one is killed.

The server is the fake in a process of its own, on a socket; or, with `--real`, etcd and kube-apiserver from
`KUBEBUILDER_ASSETS`, with `--gate` with the feature `ShardedListAndWatch`. Objects are ConfigMaps of one kilobyte, of which some
are written all the time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import trio

from trio_k8swatch import open_client
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.testing import FakeApiServer

__all__ = ["main"]

_TEXT = "x" * 800
_ROOT = Path(__file__).parent.parent


def config_map(n: int) -> dict[str, Any]:
    metadata = {"name": f"object-{n:06}", "namespace": "load", "labels": {"app": f"app-{n % 100}"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": _TEXT}}


async def serve_fake(objects: int, writes_per_second: float) -> None:
    """The server's process: prints its address when it has all objects."""
    fake = FakeApiServer(request_log_limit=100)
    for n in range(objects):
        fake.create(config_map(n))
    chance = Random(1)
    async with fake.serve() as url:
        print(url, flush=True)
        while True:
            await trio.sleep(1 / writes_per_second)
            name = f"object-{chance.randrange(objects):06}"
            fake.patch("configmaps", name, {"data": {"at": str(time.monotonic())}}, namespace="load")


@dataclass
class Replica:
    """A process, and what it has said of itself."""

    name: str
    process: trio.Process
    said: list[dict[str, Any]] = field(default_factory=list)

    async def listen(self) -> None:
        rest = b""
        assert self.process.stdout is not None
        async for part in self.process.stdout:
            *lines, rest = (rest + part).split(b"\n")
            self.said += [json.loads(line) for line in lines if line]

    @property
    def now(self) -> dict[str, Any]:
        return self.said[-1] if self.said else {"objects": 0, "received": 0, "cpu": 0.0, "resident": 0, "at": 0.0}


@asynccontextmanager
async def running(*arguments: str, out: int | None = subprocess.PIPE) -> AsyncGenerator[trio.Process]:
    process = await trio.lowlevel.open_process([sys.executable, "-m", *arguments], cwd=_ROOT, stdout=out)
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@asynccontextmanager
async def fake_server(objects: int, writes: float) -> AsyncGenerator[list[str]]:
    async with running("benchmarks.shards", "--serve", "--objects", str(objects), "--writes", str(writes)) as process:
        assert process.stdout is not None
        yield ["--url", (await process.stdout.receive_some()).decode().strip()]


@asynccontextmanager
async def real_server(objects: int, writes: float, *, gate: bool) -> AsyncGenerator[list[str]]:
    sys.path.insert(0, str(_ROOT / "tests"))
    import os

    from real.control_plane import ControlPlane, binaries

    with tempfile.TemporaryDirectory() as folder:
        extra = ("--feature-gates=ShardedListAndWatch=true",) if gate else ()
        plane = ControlPlane(Path(folder), binaries(os.environ), extra=extra)
        await plane.start()
        try:
            async with open_client(from_kubeconfig(plane.kubeconfig)) as client, trio.open_nursery() as nursery:
                namespaces: Any = client.resource("v1", "namespaces", type=dict)
                await namespaces.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "load"}})
                maps: Any = client.resource("v1", "configmaps", namespace="load", type=dict)
                numbers = iter(range(objects))

                async def create() -> None:
                    for n in numbers:
                        await maps.create(config_map(n))

                async with trio.open_nursery() as creators:
                    for _ in range(16):
                        creators.start_soon(create)
                nursery.start_soon(_write, maps, objects, writes)
                yield ["--kubeconfig", str(plane.kubeconfig)]
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await plane.stop()


async def _write(maps: Any, objects: int, writes: float) -> None:
    chance = Random(1)
    while True:
        await trio.sleep(1 / writes)
        await maps.patch(f"object-{chance.randrange(objects):06}", {"data": {"at": str(time.monotonic())}})


async def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - what changes is said by other processes
            await trio.sleep(0.05)


def line(what: str, replicas: list[Replica], before: list[dict[str, Any]], seconds: float) -> str:
    """One row of the table: what each replica has used between two looks."""
    rows: list[str] = []
    for replica, was in zip(replicas, before, strict=True):
        now = replica.now
        cpu, received = (now["cpu"] - was["cpu"]) / seconds, (now["received"] - was["received"]) / seconds
        rows.append(
            f"| {what} | {replica.name} | {now['objects']:,} | {now['resident'] / 2**20:.0f} | {cpu * 100:.1f} |"
            f" {received / 1024:.0f} |"
        )
    return "\n".join(rows)


async def measure(server: list[str], objects: int, seconds: float, slots: int) -> None:
    async with trio.open_nursery() as nursery:
        replicas: list[Replica] = []

        async def start(name: str, *, task_status: trio.TaskStatus[Replica]) -> None:
            arguments = ("benchmarks.replica", *server, "--identity", name, "--slots", str(slots))
            async with running(*arguments) as process:
                replica = Replica(name, process)
                task_status.started(replica)
                await replica.listen()

        def together() -> int:
            return sum(replica.now["objects"] for replica in replicas)

        print("| | replica | objects | memory, MiB | processor, % | received, KiB/s |\n|---|---|---|---|---|---|")
        for name in ("replica-1", "replica-2", "replica-3"):
            began = time.monotonic()
            replicas.append(await nursery.start(start, name))
            await until(lambda: bool(replicas[-1].said) and together() == objects)
            await trio.sleep(1)
            took = time.monotonic() - began - 1
            print(
                f"<!-- {name} has joined: {took:.1f} s from its start until all were served;"
                f" received {[replica.now['received'] // 2**20 for replica in replicas]} MiB so far,"
                f" filtered by the server: {replicas[-1].now['server_filters']} -->"
            )
            if len(replicas) in {1, 3}:
                before = [replica.now for replica in replicas]
                await trio.sleep(seconds)
                print(line(f"{len(replicas)} of 3", replicas, before, seconds))
        before = [replica.now for replica in replicas]
        killed = replicas.pop(1)
        had = killed.now["objects"]
        killed.process.kill()
        at = time.monotonic()
        await until(lambda: together() == objects)
        orphaned = time.monotonic() - at
        await trio.sleep(2)
        received = [
            r.now["received"] - was["received"] for r, was in zip(replicas, (before[0], before[2]), strict=True)
        ]
        print(
            f"<!-- {killed.name} was killed: its {had:,} objects were served again after {orphaned:.1f} s;"
            f" received for that {[count // 1024 for count in received]} KiB -->"
        )
        before = [replica.now for replica in replicas]
        await trio.sleep(seconds)
        print(line("2 left", replicas, before, seconds))
        nursery.cancel_scope.cancel()


async def _run(arguments: argparse.Namespace) -> None:
    if arguments.serve:
        await serve_fake(arguments.objects, arguments.writes)
        return
    door = partial(real_server, gate=arguments.gate) if arguments.real else fake_server
    async with door(arguments.objects, arguments.writes) as server:
        await measure(server, arguments.objects, arguments.seconds, arguments.slots)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks shards", description=__doc__)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--writes", type=float, default=50, help="a second")
    parser.add_argument("--seconds", type=float, default=15, help="for each measurement of what is used")
    parser.add_argument("--slots", type=int, default=512)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    trio.run(_run, parser.parse_args(argv))


if __name__ == "__main__":
    main()
