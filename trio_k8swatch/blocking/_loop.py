"""A trio loop in a thread of its own, and how other threads have things done in it.

Rule 1: whoever waits here for the loop can be interrupted (Ctrl-C), and what was waited for is then cancelled.
Rule 2: an async context manager is entered and left by one task, which lives as long as the `with` block of the caller.
Rule 3: the thread is no daemon. It ends with its block, and what still runs in it then is cancelled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, Final, TypeVar

import trio
from anyio.from_thread import BlockingPortal

from trio_k8swatch._errors import WatchStopped

__all__ = ["Loop", "open_loop"]

R = TypeVar("R")

_LOOK_FOR_SIGNALS_SECONDS: Final = 0.5
"""A signal that comes just before a thread blocks does not wake it up, and Ctrl-C would seem to do nothing."""


class Loop:
    """The loop as other threads see it, also after it is over. Made in the loop."""

    def __init__(self, portal: BlockingPortal, scope: trio.CancelScope) -> None:
        self._portal = portal
        self._scope = scope
        self._token = trio.lowlevel.current_trio_token()
        self._clock = trio.lowlevel.current_clock()

    def now(self) -> float:
        """The loop's `trio.current_time()`, from any thread."""
        return self._clock.current_time()

    def run(self, f: Callable[[], R]) -> R:
        """What `f()` returns or raises, called where nothing in the loop happens meanwhile.

        That is the loop's thread; once the loop is over, and in the loop itself (handlers), it is right here.
        """
        if self._is_here():
            return f()
        try:
            future: Future[R] = self._start(f)
        except WatchStopped:
            return f()
        return _result(future)

    def soon(self, f: Callable[[], object]) -> None:
        """Have `f` called in the loop, or here if that is over. For finalizers, which may run anywhere at any time."""
        try:
            self._token.run_sync_soon(f)
        except trio.RunFinishedError:
            f()

    def wait(self, f: Callable[[], Awaitable[R]], timeout: float | None = None) -> R:
        """What `await f()` returns or raises. After `timeout` seconds it is cancelled, and TimeoutError raised.

        Raises `WatchStopped` if the loop is over, or ends meanwhile.
        """
        scope = trio.CancelScope()

        async def limited() -> R:
            with scope, trio.move_on_after(math.inf if timeout is None else timeout):
                return await f()
            raise TimeoutError(f"it did not happen within {timeout} s")

        with self._cancelling(scope):
            future: Future[R] = self._start(limited)
            return _result(future)

    @contextmanager
    def held(self, manager: AbstractAsyncContextManager[R], timeout: float | None = None) -> Generator[R]:
        """What `async with manager` gives, for as long as the block lasts.

        What the manager raises while the block goes on is raised at its end. If the block has failed as well, both
        leave in a group, unless it was interrupted, or only learnt by `WatchStopped` that there was nothing more to
        wait for. `timeout`: TimeoutError if it has not begun after so many seconds.
        """
        began: Future[R] = Future()
        leave, scope = trio.Event(), trio.CancelScope()

        async def hold() -> None:
            with scope:
                async with manager as value:
                    began.set_result(value)
                    await leave.wait()

        def left() -> BaseException | None:
            with self._cancelling(scope):
                self.run(leave.set)
                return self._error_of(ended)

        with self._cancelling(scope):
            ended: Future[None] = self._start(hold)
            ended.add_done_callback(lambda _: began.cancel())
            if not _is_settled(began, timeout):
                raise TimeoutError(f"it did not begin within {timeout} s")
            if began.cancelled():
                _result(ended)  # raises what kept it from beginning
        try:
            yield began.result()
        except BaseException as error:
            failure = left()
            if failure is None or not isinstance(error, Exception):
                raise
            if isinstance(error, WatchStopped):
                raise failure from failure.__cause__
            raise BaseExceptionGroup("the block and the watch both failed", [error, failure]) from None
        failure = left()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the loop, and cancel whatever still runs in it."""
        self.soon(self._scope.cancel)

    @contextmanager
    def _cancelling(self, scope: trio.CancelScope) -> Generator[None]:
        """Cancel what happens in `scope` if whoever is in this block for it is interrupted."""
        # Not by the future: an interrupt may come before there is one, when the loop already works on it.
        try:
            yield
        except BaseException:
            self.soon(scope.cancel)
            raise

    def _error_of(self, ended: Future[None]) -> BaseException | None:
        """Wait for the end, and say what was raised."""
        if self._is_here():
            return None  # the block was left by the garbage collector, in the loop: it cannot wait for itself
        _is_settled(ended)
        return None if ended.cancelled() else ended.exception()

    def _start(self, f: Callable[[], Any]) -> Future[Any]:
        if (here := _trio_here()) is self._token:
            raise RuntimeError(
                "handlers, conditions and index functions run in the thread of the watch, and cannot wait for it there;"
                " hand the work to another thread, for example by a queue"
            )
        _refuse_trio(here)
        try:
            return self._portal.start_task_soon(f)
        except RuntimeError as error:
            raise WatchStopped("the watch has ended, and the thread that it ran in") from error

    def _is_here(self) -> bool:
        return _trio_here() is self._token


def _is_settled(future: Future[Any], timeout: float | None = None) -> bool:
    """Wait for it, and for signals."""
    until = math.inf if timeout is None else time.monotonic() + timeout
    while not future.done() and (left := until - time.monotonic()) > 0:
        with suppress(TimeoutError, CancelledError):
            future.exception(min(left, _LOOK_FOR_SIGNALS_SECONDS))
    return future.done()


def _result(future: Future[R]) -> R:
    _is_settled(future)
    try:
        return future.result()
    except CancelledError:
        raise WatchStopped("the watch has ended, and the thread that it ran in") from None
    finally:
        del future  # else it would be in a cycle with the traceback of its error


@contextmanager
def open_loop() -> Generator[Loop]:
    """A loop for as long as the block lasts. Raises RuntimeError in a thread that runs a trio loop already."""
    _refuse_trio(_trio_here())
    opened: Future[Loop] = Future()

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with BlockingPortal() as portal:
                opened.set_result(Loop(portal, scope))
                await trio.sleep_forever()

    # Not anyio's own start_blocking_portal: its thread is a daemon, and swallows what ends the loop.
    with ThreadPoolExecutor(1, thread_name_prefix="trio-k8swatch") as executor:
        ended = executor.submit(trio.run, main)
        ended.add_done_callback(lambda _: opened.cancel())
        try:
            yield opened.result()
        finally:
            opened.result().close()
    ended.result()


def _trio_here() -> trio.lowlevel.TrioToken | None:
    """The loop that runs in this thread."""
    # To compare numbers of threads would not do: new threads get those of old ones.
    try:
        return trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None


def _refuse_trio(here: trio.lowlevel.TrioToken | None) -> None:
    if here is not None:
        raise RuntimeError(
            "trio_k8swatch.blocking would hold up the trio loop of this thread: use trio_k8swatch here,"
            " or call this in another thread (trio.to_thread.run_sync)"
        )
