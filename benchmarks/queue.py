"""`python -m benchmarks queue [KEYS ...]`: how many keys a queue takes and gives back per second of CPU, and what they cost.

client-go's figures come from the same keys, added, taken and done one by one by one goroutine (`workqueue.Typed` with the
default rate limiter, `runtime.MemStats.HeapAlloc`); they stand in docs/explanation/queue.md.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence

import trio

from trio_k8swatch.controller import Key, WorkQueue

__all__ = ["main"]

ROUNDS = 3


def _keys(count: int) -> list[Key]:
    return [Key(f"namespace-{number % 100}", f"object-{number}") for number in range(count)]


async def _adding_and_taking(keys: list[Key]) -> tuple[float, float]:
    """Keys a second that are added, and that are taken and done, when all of them wait."""
    queue = WorkQueue[Key]()
    began = time.process_time()
    for key in keys:
        queue.add(key)
    added = time.process_time()
    for _ in keys:
        taken = await queue.next_key()
        queue.forget(taken.key)
        queue.done(taken.key)
    return len(keys) / (added - began), len(keys) / (time.process_time() - added)


async def _delayed(keys: list[Key]) -> float:
    """Keys a second that are given a delay."""
    queue = WorkQueue[Key]()
    began = time.process_time()
    for number, key in enumerate(keys):
        queue.add_after(key, 3600.0 + number % 977)
    return len(keys) / (time.process_time() - began)


def _add(queue: WorkQueue[Key], key: Key) -> None:
    queue.add(key)


def _add_after(queue: WorkQueue[Key], key: Key) -> None:
    queue.add_after(key, 3600.0)


async def _bytes_a_key(keys: list[Key], add: Callable[[WorkQueue[Key], Key], object]) -> float:
    gc.collect()
    tracemalloc.start()
    queue = WorkQueue[Key]()
    before = tracemalloc.get_traced_memory()[0]
    for key in keys:
        add(queue, key)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held / len(keys)


def main(counts: Sequence[int]) -> None:
    """Print the figures; the best of three rounds, because what disturbs a round only slows it."""
    for count in counts:
        keys = _keys(count)
        rounds = [trio.run(_adding_and_taking, keys) for _ in range(ROUNDS)]
        delayed = max(trio.run(_delayed, keys) for _ in range(ROUNDS))
        print(
            f"{count:,} keys: added {max(add for add, _ in rounds):,.0f}/s, taken and done "
            f"{max(take for _, take in rounds):,.0f}/s, delayed {delayed:,.0f}/s"
        )
        waiting = trio.run(_bytes_a_key, keys, _add)
        later = trio.run(_bytes_a_key, keys, _add_after)
        print(f"a key that waits costs {waiting:.0f} bytes beside itself, one that is delayed {later:.0f}")
