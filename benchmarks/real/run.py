"""`python -m benchmarks --real DIR`: the library, and its peers where they are installed, against a real kube-apiserver.

DIR has `kube-apiserver` and `etcd`. What is measured: filling it with pods, until a client is synced with them, one event at
a time, many idle watches, and a server that is killed. Processor time is that of whole processes, of the server's too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import trio

from benchmarks.real.fill import NAMESPACE, fill
from tests.real.control_plane import ControlPlane, binaries, control_plane
from trio_k8swatch import open_client
from trio_k8swatch.connect import from_kubeconfig

__all__ = ["main"]

_ROOT = Path(__file__).parent.parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024 * 1024
_EVENTS = 1000
_EVENTS_EACH_SECOND = 100
_DOWN_SECONDS = 10
_WATCHES = 100
_STEPS = ("sync", "events", "many", "kill")
# Longer than a server waits with its bookmarks.
_IDLE_SECONDS = 120
_OURS = [
    (f"**trio-k8swatch**, {words}, {how}", ("sync", kind, strategy))
    for kind, words in (
        ("typed", "struct of the metadata"),
        ("dynamic", "`DynamicObject`"),
        ("dropped", "`DynamicObject` without managedFields"),
        ("metadata", "`PartialObjectMetadata`"),
    )
    for strategy, how in (("pages", "pages"), ("stream", "streaming list"))
]


class Peers:
    """Where the other clients are: any of them may be missing."""

    def __init__(self, environments: Path | None, client_go: Path | None) -> None:
        self._environments = environments
        self._client_go = client_go

    def commands(self, kubeconfig: Path, count: int) -> dict[str, list[str]]:
        """What syncs a client, by its name in the table."""
        found: dict[str, list[str]] = {}
        if self._client_go:
            for kind in ("protobuf", "json", "metadata", "dynamic"):
                found[f"client-go, {kind}"] = [str(self._client_go), "sync", str(kubeconfig), kind]
        for name, package in (("official", "kubernetes"), ("lightkube", "lightkube")):
            if python := self._python(package):
                found[name] = [python, "-m", "benchmarks.real.peers", name, str(kubeconfig), str(count)]
        return found

    def client_go(self, *arguments: str) -> list[str] | None:
        return [str(self._client_go), *arguments] if self._client_go else None

    def _python(self, package: str) -> str | None:
        own = self._environments / package / "bin" / "python" if self._environments else None
        return str(own) if own and own.exists() else None


def _ours(task: str, kubeconfig: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.real.client", task, str(kubeconfig), *arguments]


def _self_contained(plane: ControlPlane) -> Path:
    """The kubeconfig without relative paths, which not every client follows."""
    text = plane.kubeconfig.read_text()
    text = text.replace("tokenFile: token", f"token: {plane.token}")
    path = plane.folder / "kubeconfig-for-peers"
    path.write_text(text.replace("ca.crt", str(plane.folder / "ca.crt")))
    return path


def _uncompressed(plane: ControlPlane) -> Path:
    """The kubeconfig of a client that asks for no compression."""
    path = plane.folder / "kubeconfig-without-compression"
    path.write_text(plane.kubeconfig.read_text().replace("cluster: {", "cluster: {disable-compression: true, "))
    return path


def _server_cpu(plane: ControlPlane) -> float:
    assert plane.apiserver.process is not None
    fields = Path(f"/proc/{plane.apiserver.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _server_peak(plane: ControlPlane, *, reset: bool = False) -> float:
    assert plane.apiserver.process is not None
    process = Path(f"/proc/{plane.apiserver.process.pid}")
    if reset:
        (process / "clear_refs").write_text("5")
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("VmHWM:"))


async def _measured(command: list[str]) -> dict[str, float]:
    done = await trio.run_process(command, cwd=_ROOT, capture_stdout=True, capture_stderr=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}:\n{done.stderr.decode()[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _syncs(plane: ControlPlane, peers: Peers, count: int, rounds: int) -> None:
    """Until synced: all clients take turns; medians, and of the server also the least: its garbage collections are a second."""
    commands = {name: _ours(task, plane.kubeconfig, *rest) for name, (task, *rest) in _OURS}
    plain = _uncompressed(plane)
    commands |= {
        f"**trio-k8swatch**, {words}, pages without compression": _ours("sync", plain, kind, "pages")
        for kind, words in (("typed", "struct of the metadata"), ("dynamic", "`DynamicObject`"))
    }
    commands |= peers.commands(_self_contained(plane), count)
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    for turn in range(rounds):
        # Or the server's garbage collections would fall to the same ones in every round.
        for name, command in Random(turn).sample([*commands.items()], len(commands)):
            before = _server_peak(plane, reset=True)
            cpu = _server_cpu(plane)
            found = await _measured(command)
            # What it does for a client that has gone is over soon.
            await trio.sleep(0.5)
            found["server_cpu"] = _server_cpu(plane) - cpu
            found["server_peak"] = max(0.0, _server_peak(plane) - before)
            runs[name].append(found)
    print(f"\n### Until synced with {count:,} pods\n")
    columns = "wall s | client CPU s | server CPU s | at least | kept, KiB a pod | peak MiB"
    print(f"| | {columns} | server's memory grows by, MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    for name in commands:
        several = runs[name]
        of = partial(_median, several)
        least = min(found["server_cpu"] for found in several)
        server = f"{of('server_cpu'):.2f} | {least:.2f}"
        row = f"{of('wall'):.2f} | {of('cpu'):.2f} | {server} | {of('kept') / count / 1024:.2f}"
        print(f"| {name} | {row} | {of('peak') / _MIB:.0f} | {of('server_peak') / _MIB:.0f} |", flush=True)


def _median(several: list[dict[str, float]], name: str) -> float:
    return median(found[name] for found in several)


async def _events(plane: ControlPlane, peers: Peers, rounds: int) -> None:
    """One event at a time; medians."""
    kubeconfig = plane.kubeconfig
    commands = {
        f"**trio-k8swatch**, {kind}": _ours("events", kubeconfig, kind, str(_EVENTS)) for kind in ("typed", "dynamic")
    }
    for kind in ("protobuf", "json"):
        if command := peers.client_go("events", str(kubeconfig), kind, str(_EVENTS)):
            commands[f"client-go, {kind}"] = command
    print(f"\n### One event at a time, {_EVENTS_EACH_SECOND} a second\n\n| | client CPU µs an event |\n|---|--:|")
    async with open_client(from_kubeconfig(str(kubeconfig))) as client:
        maps = client.resource("v1", "configmaps", namespace=NAMESPACE)
        metadata = {"name": "changing", "namespace": NAMESPACE}
        await maps.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "x" * 2000}})
        runs: dict[str, list[dict[str, float]]] = defaultdict(list)
        for turn in range(rounds):
            for name, command in commands.items():
                async with _synced(command) as process:
                    for number in range(_EVENTS):
                        await trio.sleep(1 / _EVENTS_EACH_SECOND)
                        await maps.patch("changing", {"data": {"number": f"{turn} {name} {number}"}})
                runs[name].append(process.found)
        for name, several in runs.items():
            print(f"| {name} | {_median(several, 'cpu') / _EVENTS * 1e6:.0f} |", flush=True)


class _Synced:
    found: dict[str, float]


class _synced:  # noqa: N801 - used as a function
    """The process of a client that is synced; its figures once it has ended."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._result = _Synced()

    async def __aenter__(self) -> _Synced:
        self._process: Any = subprocess.Popen(  # noqa: ASYNC220 - it takes no time
            self._command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        await trio.to_thread.run_sync(self._process.stderr.readline)
        return self._result

    async def __aexit__(self, *_: object) -> None:
        out, _error = await trio.to_thread.run_sync(self._process.communicate)
        self._result.found = json.loads(out)


async def _many(plane: ControlPlane, peers: Peers) -> None:
    """Idle watches on one client."""
    numbers = (str(_WATCHES), str(_IDLE_SECONDS))
    commands = {
        f"**trio-k8swatch**, {how}": _ours("many", plane.kubeconfig, how, *numbers) for how in ("stream", "pages")
    }
    if command := peers.client_go("many", str(plane.kubeconfig), "protobuf", *numbers):
        commands["client-go, protobuf"] = command
    print(f"\n### {_WATCHES} watches on one client\n")
    print(
        "| | to open them, wall s | CPU s | KiB a watch | sockets | CPU an idle minute, ms |\n|---|--:|--:|--:|--:|--:|"
    )
    for name, command in commands.items():
        found = await _measured(command)
        row = (
            f"{found['wall']:.2f} | {found['cpu']:.2f} | {found['kept'] / _WATCHES / 1024:.0f} | {found['sockets']:.0f}"
        )
        print(f"| {name} | {row} | {found['idle'] * 60 / _IDLE_SECONDS * 1000:.1f} |", flush=True)


async def _kill(plane: ControlPlane) -> None:
    """The server is gone for ten seconds."""
    async with _synced(_ours("outlast", plane.kubeconfig, str(_WATCHES))) as process:
        await trio.sleep(1)
        await plane.kill_apiserver()
        await trio.sleep(_DOWN_SECONDS)
        began = time.monotonic()
        await plane.start_apiserver()
        ready = time.monotonic() - began
    found = process.found
    print(f"\n### Killed, and started again {_DOWN_SECONDS} s later, under {_WATCHES} watches\n")
    print("| | from the first failure until the last watch was live, s | of that until the server was ready | CPU s |")
    print("|---|--:|--:|--:|")
    print(f"| **trio-k8swatch** | {found['wall']:.1f} | {ready + _DOWN_SECONDS:.1f} | {found['cpu']:.2f} |", flush=True)


async def _run(arguments: argparse.Namespace) -> None:
    programs = binaries({"KUBEBUILDER_ASSETS": str(arguments.real)})
    peers = Peers(arguments.peers, arguments.client_go)
    with tempfile.TemporaryDirectory() as folder:
        async with control_plane(Path(folder), programs) as plane:
            await _filled(plane, arguments.pods if "sync" in arguments.steps else 0)
            if "sync" in arguments.steps:
                await _syncs(plane, peers, arguments.pods, arguments.rounds)
            if "events" in arguments.steps:
                await _events(plane, peers, arguments.rounds)
            if "many" in arguments.steps:
                await _many(plane, peers)
            if "kill" in arguments.steps:
                await _kill(plane)


async def _filled(plane: ControlPlane, count: int) -> None:
    begun, cpu = time.monotonic(), time.process_time()
    await fill(from_kubeconfig(str(plane.kubeconfig)), count)
    begun, cpu = time.monotonic() - begun, time.process_time() - cpu
    if count:
        each = f"{count / begun:.0f} a second, {cpu / count * 1e6:.0f} µs of client CPU each"
        print(f"{count:,} pods were created and got their status in {begun:.0f} s: {each}.", flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--real", type=Path, required=True, metavar="DIR", help="where kube-apiserver and etcd are")
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--steps", nargs="+", choices=_STEPS, default=_STEPS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, metavar="DIR", help="DIR/kubernetes and DIR/lightkube: environments")
    parser.add_argument("--client-go", type=Path, metavar="FILE", help="what was built of benchmarks/real/client_go")
    trio.run(_run, parser.parse_args(argv))
