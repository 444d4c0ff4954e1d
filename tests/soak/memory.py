"""Memory over a long run in virtual time: how it is measured, and by how much it grows."""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence

import trio
import trio.testing

__all__ = ["growth_of", "run_traced"]


def growth_of(memory: Sequence[int]) -> float:
    """The last third of the measurements against the first after the warm-up, as a factor."""
    third = len(memory) // 3
    early, late = memory[third : 2 * third], memory[2 * third :]
    return (sum(late) / len(late)) / (sum(early) / len(early))


def run_traced(main: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Run `main` in virtual time, with tracemalloc, and without the log, which pytest would keep."""
    logger = logging.getLogger("trio_k8swatch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    tracemalloc.start()
    try:
        trio.run(main, *arguments, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        tracemalloc.stop()
        logger.setLevel(level)
