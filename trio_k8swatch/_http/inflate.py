"""A compressed body, inflated as it comes, a bounded piece at a time."""

from __future__ import annotations

import zlib
from typing import Final

from trio_k8swatch._errors import Unavailable

__all__ = ["PIECE_BYTES", "Inflater"]

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS

PIECE_BYTES: Final = 512 * 1024
"""At most so much comes out at once: a kilobyte may stand for a megabyte."""

_STEP_BYTES: Final = 16 * 1024


class Inflater:
    """Give it what comes by `feed`, and take out of it by `take` until that is empty.

    A body may consist of several gzip members (RFC 1952, 2.2): each flush of a recompressing proxy, and of kube-apiserver's
    streaming lists, may end one and begin the next.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._waiting = b""
        self._begin = 0
        """Of what waits, up to where it is inflated."""
        self._may_have_more = False
        self._damage: zlib.error | None = None

    def feed(self, data: bytes) -> None:
        """The body goes on with `data`."""
        self._waiting, self._begin = self._waiting[self._begin :] + data, 0

    def take(self) -> bytes:
        """The next piece, of as many members as there are, at most `PIECE_BYTES`; empty when more has to be fed.

        Raises Unavailable for a damaged body, once all that is good of it was taken.
        """
        parts: list[bytes] = []
        room = PIECE_BYTES
        while room and self._damage is None and (self._begin < len(self._waiting) or self._may_have_more):
            try:
                part = self._step(room)
            except zlib.error as error:
                self._damage = error
                break
            parts.append(part)
            room -= len(part)
        piece = b"".join(parts)
        if self._damage is not None and not piece:
            raise Unavailable(f"the compressed body is damaged: {self._damage}") from self._damage
        return piece

    def _step(self, room: int) -> bytes:
        """Inflate a little of what waits: what is behind the end of a member is copied, so that must not be all of it."""
        if self._inflate.eof:
            self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        data = self._waiting[self._begin : self._begin + _STEP_BYTES]
        part = self._inflate.decompress(data, room)
        # At the end of a member what is left over is the next; in the middle it is what was too much for the room.
        left_over = self._inflate.unused_data or self._inflate.unconsumed_tail
        self._begin += len(data) - len(left_over)
        self._may_have_more = len(part) == room and not self._inflate.eof
        return part

    def finish(self) -> None:
        """The body is over. Raises Unavailable if it ends in the middle."""
        if not self._inflate.eof:
            raise Unavailable("the compressed body ends in the middle")
