"""How a command ends: its exit status, with at most one line that says why.

0 done, or nobody reads any more · 1 it failed · 2 it was not understood · 128 + n ended by signal n (Ctrl-C: 130)
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final, cast

import click
import trio

from trio_k8swatch._errors import K8sWatchError
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch.cli._output.stdout import ReaderGone
from trio_k8swatch.cli._stderr import PROGRAM, complain

__all__ = ["ended_by_signal", "status_of"]

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def status_of(command: Callable[[], object]) -> int:
    """Run `command`; whatever it raises on purpose becomes a status and a line on stderr."""
    try:
        result = command()
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else PROGRAM
        complain(f"{error.format_message().rstrip('.')} (see {path} --help)")
        return 2
    except click.ClickException as error:
        complain(error.format_message())
        return 1
    except BaseExceptionGroup as group:
        return _failed(_first(group))
    except (K8sWatchError, OSError, ReaderGone) as error:
        return _failed(error)
    return result if isinstance(result, int) else 0


def _failed(error: BaseException) -> int:
    if isinstance(error, (ReaderGone, BrokenPipeError)):
        _forget_stdout()
        return 0
    if isinstance(error, K8sWatchError):
        complain(str(error))
        return 1
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
        complain(f"cannot write to standard output: {error.strerror}")
        return 1
    raise error


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What of a group to talk about: what failed together mostly has one cause, and a reader who left is never news."""
    first = min(group.exceptions, key=lambda each: isinstance(each, ReaderGone))
    return _first(cast("BaseExceptionGroup[BaseException]", first)) if isinstance(first, BaseExceptionGroup) else first


def _forget_stdout() -> None:
    """Let Python's own flush at exit, which would complain about the broken pipe, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


async def ended_by_signal(work: Callable[[], Awaitable[None]]) -> int:
    """Do `work` until it is done, or cancel it at Ctrl-C and its like. The exit status."""
    received: list[int] = []

    async def listen() -> None:
        async for number in signals:
            received.append(number)
            nursery.cancel_scope.cancel()

    # What our parent had ignored for us (nohup, a job in the background) stays ignored.
    wanted = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    with lone_exception(), trio.open_signal_receiver(*wanted) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await work()
            nursery.cancel_scope.cancel()
    return 128 + received[0] if received else 0
