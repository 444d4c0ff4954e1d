"""The door for httpx, in memory: no socket, so virtual time works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TypeAlias

import httpx
import trio

from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing._http.response_player import Body
from trio_k8swatch.testing._http.response_steps import Dropped, Ending

Handle: TypeAlias = Callable[[Request], Awaitable[Response]]


class FakeStream(httpx.AsyncByteStream):
    """The body as httpx wants it. Reading is a checkpoint; closing it is clean at any time."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._body.__anext__()
        except Dropped as dropped:
            raise broken(dropped.how) from None

    async def aclose(self) -> None:
        self._body.close()


class FakeTransport(httpx.AsyncBaseTransport):
    """Every request goes to the fake server, whatever its host. `on_close` may raise what went wrong meanwhile."""

    def __init__(self, handle: Handle, on_close: Callable[[], None]) -> None:
        self._handle = handle
        self._on_close = on_close

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        # An exception on its way out says more than what it would be replaced by.
        if exc_type is None:
            await self.aclose()

    async def aclose(self) -> None:
        """Raise what the server could not do."""
        self._on_close()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the server; where the connection breaks, raise what httpx raises."""
        return await exchange(self._handle, request)


async def exchange(handle: Handle, request: httpx.Request, prefix: str = "") -> httpx.Response:
    """One request by httpx, answered. `prefix` is the path under which the server is mounted."""
    await trio.lowlevel.checkpoint()
    body = await request.aread()
    url = request.url
    path = url.path.removeprefix(prefix)
    query = url.query.decode("ascii")
    try:
        response = await handle(Request.make(request.method, path, query, dict(request.headers), body))
    except Dropped as dropped:
        raise broken(dropped.how, request) from None
    return httpx.Response(response.status, headers=list(response.headers), stream=FakeStream(response.body))


def broken(how: Ending, request: httpx.Request | None = None) -> httpx.TransportError:
    """The exception that httpx has for a connection that ends so."""
    match how:
        case "refused":
            return httpx.ConnectError("[Errno 111] Connection refused", request=request)
        case "tls":
            message = (
                "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
            )
            return httpx.ConnectError(message, request=request)
        case "reset":
            return httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
        case "eof":
            message = "peer closed connection without sending complete message body (incomplete chunked read)"
            return httpx.RemoteProtocolError(message, request=request)
