"""The loop of a controller: keys from stores, runs by workers, retries, and an orderly end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from contextlib import ExitStack
from random import Random
from typing import Final, Generic, TypeVar, cast

import trio

from trio_k8swatch._backoff_curves import RetryPolicy
from trio_k8swatch._errors import ConfigError, StaleError, WatchStopped
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._observed_writes import Write, observing_writes
from trio_k8swatch._store import refuse_awaitable

from ._health import ControllerHealth
from ._key import Requeue, TerminalError
from ._metrics import ControllerMetrics
from ._own_writes import Unseen, unseen, until_seen
from ._source import Source
from ._work_queue import RETRY_AFTER, WorkQueue

__all__ = ["run_controller"]

K = TypeVar("K", bound=Hashable)

_log: Final = logging.getLogger("trio_k8swatch.controller")


async def run_controller(
    reconcile: Callable[[K], Awaitable[Requeue | None]],
    *sources: Source[K],
    workers: int = 1,
    name: str = "controller",
    retry_after: RetryPolicy = RETRY_AFTER,
    grace_seconds: float = 4.0,
    on_error: Callable[[K, Exception], object] | None = None,
    health: ControllerHealth | None = None,
    metrics: ControllerMetrics | None = None,
    rng: Random | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `reconcile(key)` for every key that the sources give, until cancelled.

    First for all that is in the stores, then for all that changes. Never two runs of one key at a time; a key that comes
    while it runs, runs again afterwards. A run that raises is logged and repeated after `retry_after`, which grows with each
    failure in a row; `TerminalError` is not repeated. `Requeue(after)` runs the key again at that time. `on_error` is called
    with key and error at each failure; what it raises ends the controller, and is raised here.

    A key does not run again before the stores of the sources show what its last run wrote through a `Resource`, in that
    task or in its children: a reconciler never mistakes a store that lags behind for the world. If they do not show it
    within 5 s, `on_error` gets a `StaleError`, and the key goes on waiting.

    When cancelled, nothing new is run; runs under way have `grace_seconds` to end, then they are cancelled, too: under
    `open_lease` less than its `lease_seconds - renew_seconds`, so that nothing runs when the next leader begins. Raises
    `WatchStopped`, after the same, if the watch of a source ends. `task_status` is started when everything that was there at
    the start is in the queue.
    """
    if workers < 1 or not grace_seconds >= 0:
        raise ConfigError(f"run_controller(workers={workers}, grace_seconds={grace_seconds}): needs 1 and 0 or more")
    if not sources:
        raise ConfigError("run_controller has no source: use run_controller(reconcile, watch(store))")
    controller = _Controller(
        reconcile, sources, name=name, on_error=on_error, health=health or ControllerHealth(), metrics=metrics
    )
    controller.queue = WorkQueue(retry_after=retry_after, rng=rng)
    await controller.run(workers, grace_seconds, task_status)


class _Controller(Generic[K]):
    queue: WorkQueue[K]

    def __init__(
        self,
        reconcile: Callable[[K], Awaitable[Requeue | None]],
        sources: tuple[Source[K], ...],
        *,
        name: str,
        on_error: Callable[[K, Exception], object] | None,
        health: ControllerHealth,
        metrics: ControllerMetrics | None,
    ) -> None:
        self._reconcile = reconcile
        self._sources = sources
        self._stores = list({id(source.store): source.store for source in sources}.values())
        self._name = name
        self._on_error = on_error
        self._health = health
        self._metrics = metrics
        self._over = trio.Event()
        self._why: Exception | None = None
        self._work = trio.CancelScope(shield=True)

    async def run(self, workers: int, grace_seconds: float, task_status: trio.TaskStatus[None]) -> None:
        self._health.begin(workers, self.queue.__len__, self.queue.oldest_since)
        if self._metrics is not None:
            self._metrics.begin(self._name, self._health)
        try:
            with lone_exception(), ExitStack() as stack:
                async with trio.open_nursery() as nursery:
                    try:
                        await self._run(workers, stack, nursery, task_status)
                    finally:
                        self._drain(grace_seconds)
        finally:
            self._health.ended = True
            if self._metrics is not None:
                self._metrics.end(self._name)

    async def _run(
        self, workers: int, stack: ExitStack, nursery: trio.Nursery, task_status: trio.TaskStatus[None]
    ) -> None:
        for source in self._sources:
            stack.enter_context(source.feeding(self._add, self._store_ended))
        nursery.start_soon(self._work_until_closed, workers, nursery)
        for source in self._sources:
            await source.add_all(self._add)
        self._health.started = True
        task_status.started()
        await self._over.wait()
        if self._why is not None:
            raise self._why

    def _add(self, key: K, /, *, background: bool = False) -> None:
        if self.queue.add(key, background=background) and self._metrics is not None:
            self._metrics.added(self._name)

    def _store_ended(self, why: str) -> None:
        self._end(WatchStopped(f"controller {self._name}: a store that it watches has ended: {why}"))

    def _end(self, why: Exception) -> None:
        self._why = self._why or why
        self._over.set()

    def _drain(self, grace_seconds: float) -> None:
        self._health.draining = True
        self.queue.close()
        self._work.deadline = trio.current_time() + grace_seconds

    # Work

    async def _work_until_closed(self, workers: int, settling: trio.Nursery) -> None:
        with self._work:
            async with trio.open_nursery() as nursery:
                for _ in range(workers):
                    nursery.start_soon(self._worker, settling)
        if self._work.cancelled_caught:
            _log.warning("controller %s: runs that did not end in time were cancelled", self._name)

    async def _worker(self, settling: trio.Nursery) -> None:
        while True:
            try:
                key, waited = await self.queue.next_key()
            except trio.EndOfChannel:
                return
            if self._metrics is not None:
                self._metrics.taken(self._name, waited)
            writes: list[Write] = []
            with observing_writes(writes.append):
                finish = await self._outcome(key)
            missing = unseen(writes, self._stores)
            if missing and not self._health.draining:
                # The key stays taken, the worker does not.
                settling.start_soon(self._settle, key, missing, finish)
            else:
                self._release(key, finish)

    async def _outcome(self, key: K) -> Callable[[K], object]:
        """Run the reconciler; what is to be done with the key when it is given back."""
        self._health.run_began(key)
        result, error = "error", None
        try:
            answer = await self._reconcile(key)
            result = "success" if answer is None else "requeue_after"
        except Exception as failure:  # noqa: BLE001 - whatever a reconciler raises, the other keys go on
            answer, error = None, failure
        finally:
            seconds = self._health.run_ended(key)
            if self._metrics is not None:
                self._metrics.ran(self._name, seconds, result)
        if error is None:
            return lambda key: self._succeeded(key, answer)
        terminal = is_terminal(error)
        self._failed(key, error, terminal=terminal)
        return self.queue.forget if terminal else self._retry

    def _succeeded(self, key: K, answer: Requeue | None) -> None:
        self.queue.forget(key)
        if answer is not None:
            self.queue.add_after(key, answer.after)

    def _retry(self, key: K) -> None:
        self.queue.retry(key)
        if self._metrics is not None:
            self._metrics.retried(self._name)

    def _failed(self, key: K, error: Exception, *, terminal: bool = False, stale: bool = False) -> None:
        self._health.last_error = f"{key}: {type(error).__name__}: {error}"
        if self._metrics is not None:
            self._metrics.failed(self._name, terminal=terminal, stale=stale)
        if stale:
            _log.warning("controller %s: %s waits: %s", self._name, key, error)
        else:
            again = "not tried again" if terminal else "to be tried again"
            _log.warning("controller %s: %s failed, %s", self._name, key, again, exc_info=error)
        if self._on_error is not None:
            try:
                refuse_awaitable("on_error", self._on_error(key, error))
            except Exception as reason:  # noqa: BLE001 - it is raised by run_controller, after the runs under way
                self._end(reason)

    async def _settle(self, key: K, missing: list[Unseen], finish: Callable[[K], object]) -> None:
        """Give the key back when the stores show what was written. Cancelled at the end, with everything that waits."""
        while True:
            try:
                await until_seen(missing)
            except StaleError as error:
                self._failed(key, error, stale=True)
            except WatchStopped:
                # The controller is about to end for the same reason.
                return
            else:
                self._release(key, finish)
                return

    def _release(self, key: K, finish: Callable[[K], object]) -> None:
        finish(key)
        self.queue.done(key)


def is_terminal(error: BaseException) -> bool:
    """Whether trying again is said to be no use, by the error or by all of a group."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_terminal(one) for one in cast("BaseExceptionGroup[BaseException]", error).exceptions)
    return isinstance(error, TerminalError)
