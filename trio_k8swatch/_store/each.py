"""A task for each object, which lives as long as the object does."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Final, Generic, TypeVar

import trio

from trio_k8swatch._backoff_curves import RetryPolicy

from .waiting.change_queues import Change

__all__ = ["run_each"]

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)


class _ObjectTask(Generic[T]):
    """The task of one object: at most one runs at a time, however often it is wanted and not wanted."""

    def __init__(self, obj: T) -> None:
        self.object = obj
        self.wanted = True
        self.scope: trio.CancelScope = trio.CancelScope()

    def want(self, obj: T) -> None:
        """From now on there should be a task; it starts with the newest state."""
        self.object, self.wanted = obj, True

    def unwant(self) -> None:
        """From now on there should be none."""
        self.wanted = False
        self.scope.cancel()


class _Tasks(Generic[T]):
    def __init__(
        self, task: Callable[[T], Awaitable[object]], retry_after: RetryPolicy, rng: Random, nursery: trio.Nursery
    ) -> None:
        self._task = task
        self._retry_after = retry_after
        self._rng = rng
        self._nursery = nursery
        self._tasks: dict[str, _ObjectTask[T]] = {}

    def start(self, uid: str, obj: T) -> None:
        """There should be a task for this object."""
        known = self._tasks.get(uid)
        if known is not None:
            known.want(obj)
            return
        self._tasks[uid] = own = _ObjectTask(obj)
        self._nursery.start_soon(self._run, uid, own)

    def stop(self, uid: str) -> None:
        """There should be none."""
        known = self._tasks.get(uid)
        if known is not None:
            known.unwant()

    async def _run(self, uid: str, own: _ObjectTask[T]) -> None:
        while own.wanted:
            with trio.CancelScope() as own.scope:
                await self._until_done(uid, own)
                # It has returned: that is final until the object goes, or no longer matches.
                await trio.sleep_forever()
        del self._tasks[uid]

    async def _until_done(self, uid: str, own: _ObjectTask[T]) -> None:
        failures = 0
        while True:
            began = trio.current_time()
            try:
                await self._task(own.object)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other objects have their tasks
                was_well = trio.current_time() - began >= self._retry_after.reset_after_seconds
                failures = 1 if was_well else failures + 1
                delay = self._retry_after.delay(failures, self._rng)
                _log.warning("the task of object %s failed, again in %.1f s", uid, delay, exc_info=error)
                await trio.sleep(delay)
            else:
                return


async def run_each(
    changes: AsyncIterator[Change[T]],
    uid_of: Callable[[T], str],
    task: Callable[[T], Awaitable[object]],
    *,
    where: Callable[[T], bool] | None,
    retry_after: RetryPolicy,
    rng: Random,
) -> None:
    """Start and cancel tasks as `changes` say, until they end; then cancel all."""
    async with trio.open_nursery() as nursery:
        tasks = _Tasks(task, retry_after, rng, nursery)
        async for change in changes:
            uid = uid_of(change.object)
            if change.type != "DELETED" and (where is None or where(change.object)):
                tasks.start(uid, change.object)
            else:
                tasks.stop(uid)
        nursery.cancel_scope.cancel()
