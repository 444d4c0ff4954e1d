"""Changes of stores written as lines, as fast as the reader takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import trio

from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._store import Change, Policy, Store
from trio_k8swatch.cli._output.changes import OneForEach
from trio_k8swatch.cli._output.lines import Lines
from trio_k8swatch.cli._output.stdout import ReaderGone, Stdout

__all__ = ["Followed", "write_changes"]


class Followed(msgspec.Struct, frozen=True):
    """A store, how its changes are written, and what stands between it and the one before."""

    store: Store[Any]
    lines: Lines[Any]
    gap: bytes = b""


class _Budget:
    """How many lines are still to be written; None for any number."""

    def __init__(self, lines: int | None) -> None:
        self._left = lines

    @property
    def is_spent(self) -> bool:
        return self._left is not None and self._left <= 0

    def spend(self) -> None:
        if self._left is not None:
            self._left -= 1


async def write_changes(
    followed: Sequence[Followed], stdout: Stdout, *, max_events: int | None, initial: bool = True
) -> None:
    """One line for each object that is there, store by store, then for each event as it comes, `max_events` at most.

    Without `initial`, events alone. A reader that is slow slows the watches down: nothing is left out, and nothing piles up.
    Raises ReaderGone. Returns when there were enough, or when the watches have ended.
    """
    budget = _Budget(max_events)
    with lone_exception():
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
            nursery.start_soon(_notice_end_of_reading, stdout)
            streams: list[tuple[Followed, OneForEach[Any]]] = []
            for one in followed:
                subscription = one.store.subscribe(policy=Policy.BLOCK, name="stdout")
                changes = OneForEach(await stack.enter_async_context(subscription))
                existing = len(one.store)
                streams.append((one, changes))
                gap = one.gap if existing and initial else b""
                for _ in range(existing):
                    if budget.is_spent:
                        break
                    change = await anext(changes)
                    if initial:
                        await stdout.write(gap + one.lines.line(change, trio.current_time()))
                        budget.spend()
                        gap = b""
            async with trio.open_nursery() as following:
                for one, changes in streams:
                    following.start_soon(_follow, one, changes, stdout, budget, following.cancel_scope)
            nursery.cancel_scope.cancel()


async def _follow(
    one: Followed, changes: AsyncIterator[Change[Any]], stdout: Stdout, budget: _Budget, done: trio.CancelScope
) -> None:
    while not budget.is_spent:
        try:
            change = await anext(changes)
        except StopAsyncIteration:
            return
        if budget.is_spent:
            break
        budget.spend()
        await stdout.write(one.lines.line(change, trio.current_time()))
    done.cancel()


async def _notice_end_of_reading(stdout: Stdout) -> None:
    await stdout.wait_closed()
    raise ReaderGone
