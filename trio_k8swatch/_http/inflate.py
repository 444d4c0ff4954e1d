"""A compressed body, inflated as it comes, a bounded piece at a time."""

from __future__ import annotations

import zlib
from typing import Final

from trio_k8swatch._errors import Unavailable

__all__ = ["PIECE_BYTES", "Inflater"]

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS

PIECE_BYTES: Final = 512 * 1024
"""At most so much comes out at once: a kilobyte may stand for a megabyte."""


class Inflater:
    """Give it what comes by `feed`, and take out of it by `take` until that is empty.

    A body may consist of several gzip members (RFC 1952, 2.2): each flush of a recompressing proxy, and of kube-apiserver's
    streaming lists, may end one and begin the next.
    """

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._waiting = b""
        self._may_have_more = False
        self._members = 0

    def feed(self, data: bytes) -> None:
        """The body goes on with `data`."""
        self._waiting += data

    def take(self) -> bytes:
        """The next piece, at most `PIECE_BYTES`; empty when more has to be fed. Raises Unavailable for a damaged body."""
        while self._waiting or self._may_have_more:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
                self._members += 1
            try:
                piece = self._inflate.decompress(self._waiting, PIECE_BYTES)
            except zlib.error as error:
                raise Unavailable(f"the compressed body is damaged: {error}") from error
            # At the end of a member what follows is the next; in the middle it is what was too much for one piece.
            self._waiting = self._inflate.unused_data or self._inflate.unconsumed_tail
            self._may_have_more = len(piece) == PIECE_BYTES and not self._inflate.eof
            if piece:
                return piece
            if not self._waiting:
                break
        return b""

    def finish(self) -> None:
        """The body is over. Raises Unavailable if it ends in the middle."""
        if not self._inflate.eof:
            raise Unavailable("the compressed body ends in the middle")
