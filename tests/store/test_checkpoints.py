"""Long work in short pieces."""

from __future__ import annotations

from itertools import pairwise

import trio
from trio.testing import assert_no_checkpoints

from trio_k8swatch._store.checkpoints import in_slices


async def test_long_work_lets_others_have_their_turns() -> None:
    """Everything is taken, once and in order, with the others in between."""
    taken: list[int] = []
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(taken))
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await in_slices(iter(range(10_000)), taken.extend)
        nursery.cancel_scope.cancel()
    assert taken == list(range(10_000))
    assert max(later - earlier for earlier, later in pairwise(turns)) < 1_000


async def test_no_work_is_done_at_once() -> None:
    """Not even a checkpoint is needed."""
    taken: list[list[int]] = []
    with assert_no_checkpoints():
        await in_slices((), taken.append)
    assert taken == []
