"""Standard output, which may be a terminal, a file, or a pipe whose reader is slow or gone."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Final

import trio

from trio_k8swatch._errors import ConfigError

__all__ = ["ReaderGone", "Stdout"]

_PIECE_BYTES: Final = 4096
"""A pipe that is ready takes so much without blocking (PIPE_BUF on Linux)."""


class ReaderGone(Exception):
    """Nobody reads any more what we write: `head` has seen enough, or the terminal was closed."""


class Stdout:
    """Writes bytes to standard output; while the other end is full only this task waits, not the loop.

    The descriptor stays in blocking mode: it is shared with the shell and everyone in the pipeline.
    """

    def __init__(self) -> None:
        # With stdout closed (`>&-`) its number is given to the next socket that is opened.
        if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - Python sets it to None then
            raise ConfigError("standard output is closed: there is nowhere to write to")
        self._fd = sys.stdout.fileno()
        mode = os.fstat(self._fd).st_mode
        self._is_pipe = stat.S_ISFIFO(mode)
        self._is_terminal = os.isatty(self._fd)
        self._may_block = self._is_pipe or stat.S_ISSOCK(mode) or self._is_terminal

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises ReaderGone; a disk that is full is an OSError."""
        rest = memoryview(data)
        while rest:
            if self._may_block:
                await trio.lowlevel.wait_writable(self._fd)
            else:
                await trio.lowlevel.checkpoint()
            try:
                rest = rest[os.write(self._fd, rest[:_PIECE_BYTES] if self._may_block else rest) :]
            except BrokenPipeError:
                raise ReaderGone from None
            except OSError as error:
                if self._is_terminal or error.errno == errno.ECONNRESET:
                    raise ReaderGone from None
                raise

    async def wait_closed(self) -> None:
        """Wait, perhaps for ever, until nobody reads a pipe any more."""
        # Elsewhere it is not said what reading from this end means, and the next write tells as well.
        if not (self._is_pipe and sys.platform == "linux"):
            await trio.sleep_forever()
        await trio.lowlevel.wait_readable(self._fd)
