"""The body of a response, as it comes, from whatever transport brought it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol, cast, runtime_checkable

import httpx
import trio

from trio_k8swatch._errors import K8sWatchError, ProtocolError, Unavailable

from .inflate import Inflater

__all__ = ["Body", "body_of"]

_NO_BODY: Final = (204, 304)

_CLOSE_SECONDS: Final = 2.0
"""A transport that does not come to an end must not hold us up."""


class Body(Protocol):
    """Reads one body, and leaves nothing behind wherever it is left."""

    async def read(self) -> bytes | None:
        """The next bytes, as many as are there; None at the end. Always a checkpoint. Raises Unavailable if it is cut."""
        ...

    async def aclose(self) -> None:
        """Be done with it, read to the end or not. Not held up by cancellation."""
        ...


@runtime_checkable
class _PastH11(Protocol):
    """What our own connections can do besides (`sockets.NetworkStream`)."""

    def begin_body(self) -> bool: ...
    async def read_body(self) -> bytes | None: ...


def body_of(response: httpx.Response) -> Body:
    """How to read the body of `response`: straight from our socket where that is possible, else through httpx."""
    stream = response.extensions.get("network_stream")
    # Some answers have no body, whatever their head says of one.
    has_body = response.status_code not in _NO_BODY
    is_chunked = has_body and "chunked" in response.headers.get("transfer-encoding", "").lower()
    encoding = response.headers.get("content-encoding", "identity").lower()
    body: Body
    if is_chunked and isinstance(stream, _PastH11) and stream.begin_body():
        body = _SocketBody(response, stream)
    else:
        body = _HttpxBody(response)
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Inflated(body)
    if encoding not in {"identity", ""}:
        raise ProtocolError(f"the server answered in content-encoding {encoding!r}, which was not asked for")
    return body


class _SocketBody:
    """Reads past h11."""

    def __init__(self, response: httpx.Response, stream: _PastH11) -> None:
        self._response = response
        self._stream = stream
        self._is_complete = False

    async def read(self) -> bytes | None:
        data = await self._stream.read_body()
        if data is None:
            self._is_complete = True
        return data

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSE_SECONDS):
            try:
                if self._is_complete:
                    # h11 gets to see the end of the body, so that the connection goes back to the pool.
                    async for _ in self._response.aiter_raw():
                        pass
            finally:
                await self._response.aclose()


async def _again(response: httpx.Response) -> AsyncIterator[bytes]:
    async for part in cast("httpx.AsyncByteStream", response.stream):
        yield part


class _HttpxBody:
    """Reads what httpx has: other transports, HTTP/2, bodies with a length."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        # Transports made for tests may give responses that were read as they were made: `httpx.Response(200, json=...)`.
        self._parts = _again(response) if response.is_stream_consumed else response.aiter_raw()
        self._is_reading = False

    async def read(self) -> bytes | None:
        await trio.lowlevel.checkpoint()
        self._is_reading = True
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            return None
        except httpx.TransportError as error:
            raise Unavailable(f"the connection broke in the middle of the response: {error}") from error

    async def aclose(self) -> None:
        # Generators within generators: closing the outer one would leave the others to the garbage collector. All of
        # them end in order when the innermost read is cancelled.
        with trio.CancelScope(shield=True) as scope:
            scope.cancel()
            while self._is_reading:
                try:
                    await anext(self._parts)
                except (StopAsyncIteration, K8sWatchError, httpx.HTTPError):
                    break
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSE_SECONDS):
            await self._response.aclose()


class _Inflated:
    """Decompresses as the bytes come."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._inflater = Inflater()

    async def read(self) -> bytes | None:
        piece = self._inflater.take()
        if piece:
            await trio.lowlevel.checkpoint()
            return piece
        data = await self._body.read()
        if data is None:
            self._inflater.finish()
            return None
        self._inflater.feed(data)
        return self._inflater.take()

    async def aclose(self) -> None:
        await self._body.aclose()
