"""httpx on our own sockets: one pool of connections, its errors in our words."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import httpcore
import httpx

from trio_k8swatch._errors import ConfigError, Unavailable
from trio_k8swatch.connect._proxy import split_proxy

from .sockets import Backend

if TYPE_CHECKING:
    from trio_k8swatch.connect import Connection

__all__ = ["ConnectionPool"]

_BEFORE_SENDING: Final = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError)
"""After these no byte of the request has left."""

_IDLE_SECONDS: Final = 60.0
"""For how long an unused connection is kept. Load balancers drop idle ones after a minute or more, often silently."""


class ConnectionPool(httpx.AsyncBaseTransport):
    """A pool of connections to one API server. Without a limit: how many there are is the business of the watches."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Never used for a handshake: our backend asks the connection for the right one, at the right moment.
        for_server, for_proxy = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls = connection.tls
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=for_server,
            proxy=_proxy(connection.proxy, for_proxy if tls is not None else None),
            max_connections=None,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=Backend(tls, for_server=for_server, for_proxy=for_proxy),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request; the response has its head, and its body still to be read."""
        url = request.url
        with _translated(self._connection):
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, self._connection),
            extensions=cast("dict[str, Any]", response.extensions),  # pyright: ignore[reportUnknownMemberType] - untyped
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response, connection: Connection) -> None:
        self._response = response
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated(self._connection):
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _translated(connection: Connection) -> Generator[None]:
    """What httpcore raises, as our errors."""
    try:
        yield
    except httpcore.UnsupportedProtocol as error:
        raise ConfigError(f"{connection.server} is not a URL that can be used: {error}") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.ProxyError) as error:
        never_left = isinstance(error, _BEFORE_SENDING)
        raise Unavailable(_explained(connection, error), may_have_happened=not never_left) from error


def _explained(connection: Connection, error: Exception) -> str:
    host = httpx.URL(connection.server).host
    about_tls = connection.tls.explain(error, host=host) if connection.tls is not None else None
    return about_tls or f"{connection.server} cannot be reached: {error or type(error).__name__}"


def _proxy(url: str | None, context: ssl.SSLContext | None) -> httpcore.Proxy | None:
    if url is None:
        return None
    # httpcore logs what it is given, but not what hides itself.
    address, user = split_proxy(url)
    return httpcore.Proxy(address, auth=user, ssl_context=context if address.startswith("https:") else None)
