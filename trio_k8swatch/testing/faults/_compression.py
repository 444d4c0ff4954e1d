"""Faults of compression: bodies in several parts, and bodies that grow."""

from __future__ import annotations

import gzip
import zlib
from typing import Final, Unpack

from trio_k8swatch.testing._http.messages import Response, answer
from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._http.response_steps import Send, Step

from ._base import FaultBase
from ._fault import Effect, Fault, Strike, WhenOptions
from ._filters import EachChunk
from ._responses import Instead

_MEBIBYTE: Final = 1024 * 1024


class FaultsOfCompression(FaultBase):
    """What may happen when somebody compresses what the server sends."""

    def gzip_members(self, **when: Unpack[WhenOptions]) -> Fault:
        """A proxy compresses watches, each write by itself: a body of many gzip members. Until removed."""
        return self._lasting("gzip_members", _GzipMembers(), "watch", when)

    def gzip_bomb(self, mebibytes: int = 400, *, code: int = 503, **when: Unpack[WhenOptions]) -> Fault:
        """A refusal whose compressed body, a thousandth of that, grows to so many MiB. Once."""
        body = _zeros(mebibytes)

        def bomb(_: object) -> Response:
            return answer(code, "application/json", [body], (("Content-Encoding", "gzip"),))

        return self._once("gzip_bomb", Instead(bomb), "any", when)


class _GzipMembers(Effect):
    def after(self, response: Response, strike: Strike) -> Response:
        return response.with_headers(("Content-Encoding", "gzip"))

    def filter(self, strike: Strike) -> Filter:
        return EachChunk(_member, strike)


def _member(data: bytes) -> list[Step]:
    return [Send(gzip.compress(data, mtime=0))]


def _zeros(mebibytes: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    parts = [compressor.compress(bytes(_MEBIBYTE)) for _ in range(mebibytes)]
    return b"".join((*parts, compressor.flush()))
