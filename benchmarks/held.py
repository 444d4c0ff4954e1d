"""What waiting, interning and metrics hold on to, and what a wait costs; each in a process of its own.

`python -m benchmarks.held CASE` prints one line of JSON, name → figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.meter import kept_bytes
from trio_k8swatch import (
    Metrics,
    ObjectMeta,
    OwnerReference,
    PartialObjectMetadata,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch._store.interning import Interning
from trio_k8swatch.testing import FakeApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_k8swatch import Store

__all__ = ["held"]

_ROOT = Path(__file__).parent.parent
_OBJECTS = 20_000
_WAITERS = 10_000
_ENDED = 2_000
_TURNS = 7
_MIB = 1024 * 1024
_LAST = f"c{_OBJECTS - 1}"


def held(case: str) -> dict[str, float]:
    """The figures of one case, from a fresh process."""
    command = [sys.executable, "-m", "benchmarks.held", case]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _filled(count: int) -> FakeApiServer:
    fake = FakeApiServer()
    for number in range(count):
        fake.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}", "namespace": "default"}}
        )
    return fake


def _is_last(obj: PartialObjectMetadata) -> bool:
    return obj.metadata.name == _LAST


def _is_none(obj: PartialObjectMetadata) -> bool:
    return obj.metadata.name == "none"


@asynccontextmanager
async def _store(count: int) -> AsyncIterator[Store[PartialObjectMetadata]]:
    async with (
        open_client(transport=_filled(count).transport()) as client,
        open_watch(client.resource("v1", "configmaps", type=PartialObjectMetadata)) as store,
    ):
        yield store


async def _waits() -> dict[str, float]:
    """Until the last of 20,000 objects, which is there already, against the loop that anyone would write."""
    scans: list[float] = []
    waits: list[float] = []
    async with _store(_OBJECTS) as store:
        for _ in range(_TURNS):
            begun = time.process_time()
            for obj in store:
                if _is_last(obj):
                    break
            scans.append(time.process_time() - begun)
            begun = time.process_time()
            await store.wait_for(_is_last)
            waits.append(time.process_time() - begun)
    return {"ratio": min(waits) / min(scans)}


async def _waiters() -> dict[str, float]:
    """Ten thousand tasks that wait for what never comes."""
    async with _store(100) as store:
        # What the first of them imports and makes is not theirs.
        await _of_waiters(10, store.wait_for, _is_none)
        return {"mib": await _of_waiters(_WAITERS, store.wait_for, _is_none) / _MIB}


async def _tasks() -> dict[str, float]:
    """Ten thousand tasks that wait for one `trio.Event`: what waiting costs whoever it is for."""
    never = trio.Event()
    await _of_waiters(10, never.wait)
    return {"mib": await _of_waiters(_WAITERS, never.wait) / _MIB}


async def _of_waiters(count: int, wait: Any, *arguments: Any) -> int:
    """The memory of so many tasks that wait."""
    before = kept_bytes()
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(wait, *arguments)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        held_bytes = kept_bytes() - before
        nursery.cancel_scope.cancel()
    return held_bytes


async def _sharing() -> dict[str, float]:
    """What interning keeps of 4,000 objects of 1,000 owners, each with 20 KB of annotations, when all of them are gone."""
    before = kept_bytes()
    interning = Interning()
    for owner in range(1000):
        for sibling in range(4):
            interning.settle(_annotated(owner, sibling))
    return {"mib": (kept_bytes() - before) / _MIB}


def _annotated(owner: int, sibling: int) -> ObjectMeta:
    name = f"{owner}-{sibling}"
    return ObjectMeta(
        name=name,
        uid=name,
        labels={"sibling": str(sibling)},
        annotations={"kubectl.kubernetes.io/last-applied-configuration": "x" * 20_000 + name},
        owner_references=(OwnerReference(uid=f"owner-{owner}"),),
    )


async def _metrics() -> dict[str, float]:
    """The series of a scrape after 2,000 watches, each under a name of its own, have ended."""
    registry = CollectorRegistry()
    metrics = Metrics("bench", registry)
    async with open_client(transport=_filled(1).transport()) as client:
        maps: Any = client.resource("v1", "configmaps", type=PartialObjectMetadata)
        for number in range(_ENDED):
            async with open_watch(maps, config=WatchConfig(metrics=metrics.instance(f"w{number}"))):
                pass
    names = {line.split('watcher_instance="')[1].split('"')[0] for line in _series(registry)}
    return {"names": len(names)}


def _series(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if 'watcher_instance="' in line]


_CASES = {"waits": _waits, "waiters": _waiters, "tasks": _tasks, "sharing": _sharing, "metrics": _metrics}

if __name__ == "__main__":
    print(json.dumps(trio.run(_CASES[sys.argv[1]])))
