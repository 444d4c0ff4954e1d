"""The door for everybody: HTTP/1.1 on a loopback socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Final, Self, TypeAlias
from urllib.parse import unquote

import h11
import trio

from trio_k8swatch.testing._http.messages import MAX_BODY_BYTES, Request, Response
from trio_k8swatch.testing._http.response_steps import Dropped

from ._transport import Handle

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"
Failed: TypeAlias = Callable[[Exception, str], None]
# Go's server reads so much of a request's head (1 MiB and some slack).
MAX_HEAD_BYTES: Final = (1 << 20) + 4096
# The head of a body that is too large is kept: that is enough to know that it is.
KEPT_BODY_BYTES: Final = MAX_BODY_BYTES + 1
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - these are looked up, not bound


class Url(str):
    """A base URL; `ca` is the certificate of the authority that signed the server's, as PEM, if there is TLS."""

    __slots__ = ("ca",)
    ca: str | None

    def __new__(cls, url: str, ca: str | None) -> Self:
        self = super().__new__(cls, url)
        self.ca = ca
        return self


@asynccontextmanager
async def serve(
    handle: Handle, failed: Failed, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False
) -> AsyncGenerator[Url]:
    """Serve until the block is left; then all connections are closed.

    What goes wrong on a connection closes it, and `failed` is told: the others go on.
    """
    context, ca = _certificates(host) if tls else (None, None)
    connection = partial(_connection, handle, failed, context)
    async with _alone(), trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(partial(trio.serve_tcp, connection, port, host=host))
        address, bound = listeners[0].socket.getsockname()[:2]
        try:
            yield Url(f"{'https' if tls else 'http'}://{_reachable(address)}:{bound}", ca)
        finally:
            nursery.cancel_scope.cancel()


def _reachable(address: str) -> str:
    """How a URL names the address; one that stands for all of the machine's is asked through the loopback."""
    named = _EVERYWHERE.get(address, address)
    return f"[{named}]" if ":" in named else named


@asynccontextmanager
async def _alone() -> AsyncGenerator[None]:
    """Let an exception of the body leave the nursery as itself: nothing else can go wrong in there."""
    lone: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        first, *others = group.exceptions
        if others:
            raise
        lone = first
    if lone is not None:
        raise lone


def _certificates(host: str) -> tuple[ssl.SSLContext, str]:
    # Only who wants TLS needs the package.
    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme's annotation names a package that need not be installed.
    names = dict.fromkeys(("127.0.0.1", "localhost", "::1", host))
    authority.issue_cert(*names).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context, authority.cert_pem.bytes().decode()


async def _connection(
    handle: Handle, failed: Failed, context: ssl.SSLContext | None, transport: trio.SocketStream
) -> None:
    stream: Stream = transport
    if context is not None:
        stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
    try:
        async with stream:
            await _exchanges(handle, stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        # The client has gone: there is nobody to tell.
        return
    except Exception as error:  # noqa: BLE001 - one connection must not end the others
        failed(error, "a connection")


async def _exchanges(handle: Handle, stream: Stream) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        while await _exchange(handle, stream, connection):
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await stream.send_all(_not_http(error))


def _not_http(error: h11.RemoteProtocolError) -> bytes:
    """What Go's server says to who does not speak HTTP, or says too much in its headers."""
    status = "431 Request Header Fields Too Large" if error.error_status_hint == 431 else "400 Bad Request"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    return f"{head}{status}".encode()


async def _exchange(handle: Handle, stream: Stream, connection: h11.Connection) -> bool:
    """One request and its answer; False if the connection is done."""
    request = await _receive(stream, connection)
    if request is None:
        return False
    try:
        await _send(stream, connection, await handle(request), head_only=request.method == "HEAD")
    except Dropped as dropped:
        await _break(stream, reset=dropped.how in {"refused", "reset"})
        return False
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _receive(stream: Stream, connection: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(connection.send(go_on) or b"")
            connection.receive_data(bytes(await stream.receive_some()))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data[: KEPT_BODY_BYTES - len(body)]
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            path, _, query = head.target.decode("ascii").partition("?")
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return Request.make(head.method.decode("ascii"), unquote(path), query, headers, bytes(body))
        else:
            return None


async def _send(stream: Stream, connection: h11.Connection, response: Response, *, head_only: bool) -> None:
    """Send the answer, unless the client hangs up meanwhile: then the body is closed at once."""
    dropped: Dropped | None = None
    finished = False
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear, stream, connection, nursery.cancel_scope)
            try:
                await _send_parts(stream, connection, response, head_only=head_only)
                finished = True
            except Dropped as error:
                dropped = error
            nursery.cancel_scope.cancel()
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    finally:
        response.body.close()
    if dropped is not None:
        raise dropped
    if not finished:
        raise trio.ClosedResourceError("the client hung up")


async def _send_parts(stream: Stream, connection: h11.Connection, response: Response, *, head_only: bool) -> None:
    head = h11.Response(status_code=response.status, headers=list(response.headers), reason=_reason(response.status))
    await stream.send_all(connection.send(head) or b"")
    if not head_only:
        async for chunk in response.body:
            await stream.send_all(connection.send(h11.Data(data=chunk)) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        # As Go's net/http names those that it does not know.
        return f"status code {status}"


async def _hear(stream: Stream, connection: h11.Connection, answering: trio.CancelScope) -> None:
    """Listen while the answer is sent: the next request is kept for later, the end of the stream ends the answer."""
    while data := await stream.receive_some():
        connection.receive_data(bytes(data))
    answering.cancel()


async def _break(stream: Stream, *, reset: bool) -> None:
    """Close without the end of the message and, under TLS, without its goodbye; `reset`: by RST instead of FIN."""
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if reset:
        # Lingering for zero seconds makes close() send RST.
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await transport.aclose()
