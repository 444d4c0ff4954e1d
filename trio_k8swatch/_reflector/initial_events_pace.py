"""When it pays to let a streaming list gather for a moment before the next read."""

from __future__ import annotations

from typing import Final

__all__ = ["PAUSE_SECONDS", "InitialEventsPace"]

PAUSE_SECONDS: Final = 0.004
"""A list of 20,000 objects takes a second: some hundred reads instead of many thousand, and no later for it. In the meantime
some hundred KiB gather in the kernel, as much as is read at once."""

_QUICK_SECONDS: Final = 0.002
"""Batches that follow each other faster than this: the server has more, and we only wake too early for it."""

_LEAST_BYTES: Final = 512
"""Of a batch that counts. Less than an object says nothing of a server that has more to say."""

_LARGE_BYTES: Final = 128 * 1024
"""Of a batch that is worth waking for."""

_IN_A_ROW: Final = 8
"""So many quick, small batches show a server that writes as it encodes: kube-apiserver flushes each object."""


class InitialEventsPace:
    """Told of each batch, says how long to pause before the next is read. Only for the objects that a list begins with.

    kube-apiserver sends a streaming list in pieces of 4 KiB over TLS, as fast as it encodes, which is slower than we decode:
    without a pause there is a wake-up for each of them, which costs more than what is in it.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._in_a_row = 0

    def after(self, size: int, now: float) -> float:
        """A batch of `size` bytes came, and has been dealt with at `now`. Seconds to pause, mostly 0."""
        is_quick, self._last = now - self._last <= _QUICK_SECONDS, now
        if not (is_quick and _LEAST_BYTES <= size < _LARGE_BYTES):
            self._in_a_row = 0
            return 0.0
        self._in_a_row += 1
        if self._in_a_row < _IN_A_ROW:
            return 0.0
        self._last += PAUSE_SECONDS
        return PAUSE_SECONDS
