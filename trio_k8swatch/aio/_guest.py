"""A trio run in the thread of an asyncio loop, as a guest of that loop.

Rule 1: one guest run for each asyncio loop, shared by everyone who opens something in it; the last one out ends it.
Rule 2: whoever waits here can be cancelled, and then waits until what they waited for has been cancelled in trio.
Rule 3: an async context manager is entered and left by one trio task, which lives as long as the block of the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar

import outcome
import trio

from trio_k8swatch._errors import WatchStopped

__all__ = ["Guest", "open_guest"]

R = TypeVar("R")

_GUEST: Final[trio.lowlevel.RunVar[Guest | None]] = trio.lowlevel.RunVar("trio_k8swatch.aio")
"""The guest that this trio run is, if it is one of ours: it lives and dies with the run."""


class Guest:
    """The trio run as asyncio sees it. All of it is for the thread of the asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.users = 0
        self._over = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._started: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[outcome.Outcome[None]] = loop.create_future()
        self._clock: trio.abc.Clock | None = None

    def begin(self) -> None:
        """Start the run. Raises RuntimeError if this thread runs trio already."""
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self._soon_from_any_thread,
            run_sync_soon_not_threadsafe=self.loop.call_soon,
            done_callback=self._ended.set_result,
            host_uses_signal_set_wakeup_fd=True,
        )
        _GUEST.set(self)
        self._clock = trio.lowlevel.current_clock()

    def now(self) -> float:
        """The run's `trio.current_time()`, also when it is over."""
        assert self._clock is not None
        return self._clock.current_time()

    def _soon_from_any_thread(self, f: Callable[[], object]) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(f)

    async def _main(self) -> None:
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._started.set_result(None)
            await self._over.wait()
            nursery.cancel_scope.cancel()

    async def end(self) -> None:
        """End the run, and wait until it is over, cancelled or not. Raises what it failed with."""
        self._over.set()
        await _until_done(self._ended)
        self._ended.result().unwrap()

    async def run(self, f: Callable[[], Awaitable[R]]) -> R:
        """What `await f()` returns or raises in trio. Cancelled together with the asyncio task that waits here.

        Raises `WatchStopped` when the run is over.
        """
        scope = trio.CancelScope()
        done: asyncio.Future[outcome.Outcome[R] | None] = self.loop.create_future()

        async def task() -> None:
            result: outcome.Outcome[R] | None = None
            try:
                with scope:
                    # Exceptions go to who waits for them, and not through the nursery to everyone.
                    result = await _captured(f)
            finally:
                done.set_result(result)

        await self._start(task)
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            scope.cancel()
            await _until_done(done)
            raise
        result = done.result()
        if result is None:
            raise asyncio.CancelledError
        return result.unwrap()

    async def _start(self, task: Callable[[], Awaitable[None]]) -> None:
        await asyncio.shield(self._started)
        if self._nursery is None or self._over.is_set():
            raise WatchStopped("the block of aio.open_client or aio.open_watch that this belongs to is over")
        self._nursery.start_soon(task)

    @asynccontextmanager
    async def held(self, manager: AbstractAsyncContextManager[R]) -> AsyncGenerator[R]:
        """What `async with manager` gives in trio, for as long as the block lasts.

        When the manager fails, the block is cancelled and the failure raised, as a trio nursery would.
        """
        began: asyncio.Future[R] = self.loop.create_future()
        leave, scope = trio.Event(), trio.CancelScope()

        async def hold() -> None:
            with scope:
                async with manager as value:
                    began.set_result(value)
                    await leave.wait()

        holding = asyncio.ensure_future(self.run(hold))
        try:
            either: set[asyncio.Future[Any]] = {began, holding}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not began.done():
                await holding
                raise asyncio.CancelledError
            async with _cancelled_by(holding):
                yield began.result()
        except BaseException:
            scope.cancel()
            began.cancel()
            await _until_done(holding)
            if not holding.cancelled():
                holding.exception()  # it has been raised already, or gives way to what is being raised
            raise
        leave.set()
        await _until_done(holding)
        holding.result()


async def _captured(f: Callable[[], Awaitable[R]]) -> outcome.Outcome[R]:
    try:
        return outcome.Value(await f())
    except trio.Cancelled:
        raise
    except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
        return outcome.Error(error)


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Wait for the end of `future`, cancelled or not; a cancellation is delivered after it."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


@asynccontextmanager
async def _cancelled_by(holding: asyncio.Future[None]) -> AsyncGenerator[None]:
    """Cancel the block when `holding` ends, and raise there what it ended with: as `asyncio.timeout` does it."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    interrupted = False

    def interrupt(_: object) -> None:
        nonlocal interrupted
        interrupted = True
        task.cancel()

    holding.add_done_callback(interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if interrupted and task.uncancel() <= before:
            holding.result()
        raise
    finally:
        holding.remove_done_callback(interrupt)


@asynccontextmanager
async def open_guest() -> AsyncGenerator[Guest]:
    """The guest of the running asyncio loop, begun by the first who asks. Raises RuntimeError where trio runs already."""
    loop = asyncio.get_running_loop()
    guest = _guest_here()
    if guest is None:
        guest = Guest(loop)
        guest.begin()
    guest.users += 1
    try:
        yield guest
    finally:
        guest.users -= 1
        if not guest.users:
            await guest.end()


def _guest_here() -> Guest | None:
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None
    guest = _GUEST.get(None)
    if guest is None:
        raise RuntimeError(
            "this thread runs trio already, beside asyncio or as its guest: use trio_k8swatch there instead of aio"
        )
    return guest
