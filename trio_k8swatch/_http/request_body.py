"""The body of a request, as httpx sends it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

__all__ = ["RequestBody"]


class RequestBody(httpx.AsyncByteStream):
    """Bytes that are sent in one piece, and again if need be.

    httpx's own stream of bytes is an async generator: when sending is cancelled, it is left to the garbage collector.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces([self._content] if self._content else [])


class _Pieces(AsyncIterator[bytes]):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()
