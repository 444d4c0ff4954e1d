"""Sockets: TCP and TLS for httpcore, and a short way past h11 for long bodies.

httpcore and h11 cost more for each chunk of a body than all the rest of this library does for an event in it. So a
stream hands h11 the head of a response and no more, and whoever reads the body takes it straight from here, as large as
the socket gives it. Both sides are public: httpcore's network backend, and `network_stream` among the extensions of a
response.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import httpcore
import msgspec
import trio

from trio_k8swatch._errors import Unavailable
from trio_k8swatch._http.chunked_encoding import Chunks
from trio_k8swatch._http.response_framing import ResponseFraming, SurplusError

from .tcp import READ_BYTES, TcpSocket, watch_over
from .tls_stream import TlsStream

if TYPE_CHECKING:
    from trio_k8swatch.connect import TLS

__all__ = ["Backend", "NetworkStream"]

_LARGEST_BLOCK_BYTES: Final = 4 * READ_BYTES
"""As much as comes and goes with one read."""

_CLOSE_SECONDS: Final = 2.0
"""For saying goodbye in TLS: a peer that is gone must not hold us up."""

_REQUESTS: Final = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ")
"""What the head of a request begins with. What proxies are asked in other protocols has no HTTP behind it."""

_SURPLUS: Final = "the server sent bytes behind the end of its response"

_LAST_CHUNK: Final = b"0\r\n\r\n"


class _Security(msgspec.Struct, frozen=True):
    """How connections are encrypted, to the API server and to a proxy on the way."""

    tls: TLS | None
    # httpcore takes these for the contexts of the API server and of a proxy. They stand for whatever `tls` gives when the
    # time has come; as with kubectl, a proxy is trusted as the server is, under its own name.
    for_server: ssl.SSLContext
    for_proxy: ssl.SSLContext


class NetworkStream(httpcore.AsyncNetworkStream):
    """One connection, read by one task at a time.

    Of the `timeout`s of httpcore's interface only those for connecting count: all other limits are cancel scopes of whoever
    waits.
    """

    def __init__(self, stream: trio.abc.Stream, security: _Security) -> None:
        self._stream = stream
        self._security = security
        self._framing = ResponseFraming()
        self._chunks: Chunks | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What h11 gets to see: of a response to GET the head, then what `read_body` leaves of it."""
        with _translated(httpcore.ReadError):
            return await self._for_h11(max_bytes)

    async def _for_h11(self, max_bytes: int) -> bytes:
        if self._chunks is not None:
            return await self._drained()
        framing = self._framing
        try:
            while (data := framing.take()) is None:
                size = READ_BYTES if framing.awaits_head else max_bytes
                framing.received(bytes(await self._stream.receive_some(size)))
        except SurplusError:
            raise httpcore.RemoteProtocolError(_SURPLUS) from None
        return data

    async def _drained(self) -> bytes:
        """The end of a body that was read past h11: with this h11 is done, and the connection can be used again."""
        while await self.read_body() is not None:
            pass
        self._chunks = None
        return _LAST_CHUNK

    def begin_body(self) -> bool:
        """Read the chunked body, whose head h11 has just seen, by `read_body` from now on. False if that cannot be."""
        if self._framing.awaits_head:
            return False
        self._chunks = Chunks(self._framing.rest())
        return True

    async def read_body(self) -> bytes | None:
        """The next part of the body, as much as is there; None at its end. Raises Unavailable where it is cut off."""
        chunks = self._chunks
        assert chunks is not None
        if not chunks.is_empty or not chunks.goes_on:
            await trio.lowlevel.checkpoint_if_cancelled()
        while chunks.goes_on and chunks.is_empty:
            try:
                received = bytes(await self._stream.receive_some(READ_BYTES))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise Unavailable(f"the connection broke in the middle of the response: {_reason(error)}") from error
            if not received:
                raise Unavailable("the connection was closed in the middle of the response")
            chunks.feed(received)
        if not chunks.is_empty:
            return chunks.take()
        if chunks.error is not None:
            raise Unavailable(f"the body of the response is not chunked as HTTP has it: {chunks.error}")
        if chunks.has_surplus:
            raise Unavailable(_SURPLUS)
        return None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        if buffer:
            if buffer.startswith(_REQUESTS):
                try:
                    self._framing.sent()
                except SurplusError:
                    # Not a WriteError, after which httpcore reads the answer all the same.
                    raise httpcore.RemoteProtocolError(_SURPLUS) from None
            with _translated(httpcore.WriteError):
                await self._stream.send_all(buffer)

    async def aclose(self) -> None:
        """Close: politely for a moment, then in any case. Cancellation does not hold it up."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSE_SECONDS):
            await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        """The same connection, encrypted: to the API server as its connection says, to a proxy as httpcore says."""
        try:
            ssl_context, server_hostname = await self._security_for(ssl_context, server_hostname)
            stream = TlsStream(self._stream, ssl_context, server_hostname=server_hostname)
            with _translated(httpcore.ConnectError), _limited(timeout, "TLS"):
                await stream.do_handshake()
            # Or httpcore keeps a connection for ever whose request was cancelled when it was just there.
            await trio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            await self.aclose()
            raise
        return NetworkStream(stream, self._security)

    async def _security_for(self, context: ssl.SSLContext, name: str | None) -> tuple[ssl.SSLContext, str | None]:
        """What httpcore's `context` stands for by now, and the name that the certificate has to have."""
        security = self._security
        if security.tls is None or context not in {security.for_server, security.for_proxy}:
            return context, name
        if context is security.for_server:
            name = security.tls.server_name or name
        current = await security.tls.context()
        current.set_alpn_protocols(["http/1.1"])
        return current, name

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for: `ssl_object` for ALPN, `is_readable` for whether an idle connection can still be used."""
        if info == "ssl_object":
            return self._stream.ssl_object if isinstance(self._stream, TlsStream) else None
        if info == "is_readable":
            return self._is_outdated() or self._socket().is_readable()
        return self._socket() if info == "socket" else None

    def _is_outdated(self) -> bool:
        tls, stream = self._security.tls, self._stream
        return tls is not None and isinstance(stream, TlsStream) and not tls.is_current(stream.ssl_object.context)

    def _socket(self) -> trio.socket.SocketType:
        stream: trio.abc.Stream = self._stream
        while isinstance(stream, TlsStream):
            stream = stream.transport_stream
        assert isinstance(stream, TcpSocket)
        return stream.trio_socket


class Backend(httpcore.AsyncNetworkBackend):
    """Opens connections, each to whatever addresses the host name has by then."""

    def __init__(self, tls: TLS | None, *, for_server: ssl.SSLContext, for_proxy: ssl.SSLContext) -> None:
        self._security = _Security(tls, for_server, for_proxy)
        # The C library gives memory back to the system at once until it has seen that large blocks come and go. Otherwise it
        # might do so after every read, which costs more than the events in it.
        bytes(_LARGEST_BLOCK_BYTES)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """A TCP connection that the kernel watches over as well."""
        del socket_options
        with _translated(httpcore.ConnectError), _limited(timeout, "TCP"):
            opened = await trio.open_tcp_stream(host, port, local_address=local_address)
            sock = socket.socket(fileno=opened.socket.detach())
            try:
                watch_over(sock)
                # As in `start_tls`.
                await trio.lowlevel.checkpoint_if_cancelled()
            except BaseException:
                sock.close()
                raise
        return NetworkStream(TcpSocket(sock), self._security)

    async def sleep(self, seconds: float) -> None:
        """For retries of httpcore's, which we do not use."""
        await trio.sleep(seconds)


@contextmanager
def _translated(broken: type[Exception]) -> Generator[None]:
    """Errors of trio as those of httpcore, with the reason in words."""
    try:
        yield
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError, UnicodeError) as error:
        raise broken(_reason(error)) from error


@contextmanager
def _limited(seconds: float | None, what: str) -> Generator[None]:
    """Give up after so many seconds, if there is a limit."""
    limit = float("inf") if seconds is None else seconds
    with trio.CancelScope(deadline=trio.current_time() + limit) as scope:
        yield
    if scope.cancelled_caught:
        raise httpcore.ConnectTimeout(f"no {what} connection within {limit:g} s")


def _reason(error: BaseException) -> str:
    """The innermost reason that the operating system or TLS gave, for example `Connection refused`."""
    said = str(error)
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            # trio puts the address in front of it; where to is said elsewhere. Name resolution has its own numbers.
            said = os.strerror(inner.errno) if inner.errno and inner.errno > 0 else inner.strerror
        several = cast("tuple[BaseException, ...]", getattr(inner, "exceptions", ()))
        inner = several[0] if several else inner.__cause__ or inner.__context__
    return said or type(error).__name__
