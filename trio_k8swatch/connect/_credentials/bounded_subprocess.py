"""A program run to its end: output bounded, time limited, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Finished", "run"]

# A hundred times more than the longest ExecCredential seen.
MAX_OUTPUT_BYTES: Final = 1024 * 1024
# Enough for the last words of a program that fails.
_KEPT_ERROR_BYTES: Final = 4096
# For what is still in the pipes when the program has ended. Somebody whom it left behind may hold them open for ever.
_LAST_WORDS_SECONDS: Final = 1
# Between a polite request to end and the other kind.
_TERMINATION_GRACE_SECONDS: Final = 1


@dataclass(frozen=True, slots=True, repr=False)
class Finished:
    """How a program ended. `status` is None if it did not, within its time; `errors` is the end of its stderr."""

    status: int | None
    output: bytes
    errors: bytes


async def run(
    command: Sequence[str], *, environ: Mapping[str, str], limit_seconds: float, interactive: bool
) -> Finished:
    """Run `command` without a shell.

    `interactive` gives it our stdin and shows its stderr as it comes. Otherwise it has no stdin, and a process group of
    its own. When its time is over, it prints more than `MAX_OUTPUT_BYTES`, or we are cancelled, it is ended with its
    whole group before this returns. What a program leaves running that ends by itself is its own business. Raises
    OSError if it cannot be started.
    """
    process = await trio.lowlevel.open_process(
        command,
        env=environ,
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=None if interactive else 0,
    )
    output, errors = bytearray(), bytearray()
    try:
        with trio.move_on_after(limit_seconds):
            await _follow(process, output, errors, show_errors=interactive)
        status = process.returncode
    finally:
        await _end(process, own_group=not interactive)
    return Finished(status, bytes(output), bytes(errors))


async def _follow(process: trio.Process, output: bytearray, errors: bytearray, *, show_errors: bool) -> None:
    async def keep_output() -> None:
        async for chunk in _pipe(process.stdout):
            output.extend(chunk)
            if len(output) > MAX_OUTPUT_BYTES:
                nursery.cancel_scope.cancel()

    async def keep_errors() -> None:
        async for chunk in _pipe(process.stderr):
            errors.extend(chunk)
            del errors[:-_KEPT_ERROR_BYTES]
            if show_errors:
                sys.stderr.write(chunk.decode(errors="replace"))
                sys.stderr.flush()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_output)
        nursery.start_soon(keep_errors)
        await process.wait()
        nursery.cancel_scope.deadline = trio.current_time() + _LAST_WORDS_SECONDS


def _pipe(stream: trio.abc.ReceiveStream | None) -> trio.abc.ReceiveStream:
    """None only for a process that was opened without the pipe, and ours are not."""
    return cast("trio.abc.ReceiveStream", stream)


async def _end(process: trio.Process, *, own_group: bool) -> None:
    """End the process and its group, unless it has ended by itself."""
    with trio.CancelScope(shield=True):
        if process.returncode is None:
            _signal(process, signal.SIGTERM, own_group=own_group)
            with trio.move_on_after(_TERMINATION_GRACE_SECONDS):
                await process.wait()
            _signal(process, signal.SIGKILL, own_group=own_group)
            await process.wait()
        for stream in (process.stdout, process.stderr):
            await _pipe(stream).aclose()


def _signal(process: trio.Process, number: signal.Signals, *, own_group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if own_group:
            os.killpg(process.pid, number)
    # Even if it has left its group.
    if process.returncode is None:
        process.send_signal(number)
