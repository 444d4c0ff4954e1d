"""The door for everybody: HTTP/1.1 on a loopback socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Self, TypeAlias
from urllib.parse import unquote

import h11
import trio

from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing._http.response_steps import Dropped

from ._transport import Handle

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"


class Url(str):
    """A base URL; `ca` is the certificate of the authority that signed the server's, as PEM, if there is TLS."""

    __slots__ = ("ca",)
    ca: str | None

    def __new__(cls, url: str, ca: str | None) -> Self:
        self = super().__new__(cls, url)
        self.ca = ca
        return self


@asynccontextmanager
async def serve(handle: Handle, *, port: int = 0, tls: bool = False) -> AsyncGenerator[Url]:
    """Serve until the block is left; then all connections are closed."""
    context, ca = _certificates() if tls else (None, None)
    connection = partial(_secured, handle, context) if context is not None else partial(_connection, handle)
    async with _alone(), trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, connection, port, host="127.0.0.1")
        )
        bound: int = listeners[0].socket.getsockname()[1]
        try:
            yield Url(f"{'https' if tls else 'http'}://127.0.0.1:{bound}", ca)
        finally:
            nursery.cancel_scope.cancel()


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


def _certificates() -> tuple[ssl.SSLContext, str]:
    # Only who wants TLS needs the package.
    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme's annotation names a package that need not be installed.
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context, authority.cert_pem.bytes().decode()


async def _secured(handle: Handle, context: ssl.SSLContext, stream: trio.SocketStream) -> None:
    await _connection(handle, trio.SSLStream(stream, context, server_side=True, https_compatible=True))


async def _connection(handle: Handle, stream: Stream) -> None:
    connection = h11.Connection(h11.SERVER)
    try:
        async with stream:
            while await _exchange(handle, stream, connection):
                connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        # The client has gone, or never spoke HTTP: either way there is nobody to tell.
        return


async def _exchange(handle: Handle, stream: Stream, connection: h11.Connection) -> bool:
    """One request and its answer; False if the connection is done."""
    request = await _receive(stream, connection)
    if request is None:
        return False
    try:
        await _send(stream, connection, await handle(request))
    except Dropped as dropped:
        await _break(stream, reset=dropped.how in {"refused", "reset"})
        return False
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _receive(stream: Stream, connection: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = b""
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
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            path, _, query = head.target.decode("ascii").partition("?")
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return Request.make(head.method.decode("ascii"), unquote(path), query, headers, body)
        else:
            return None


async def _send(stream: Stream, connection: h11.Connection, response: Response) -> None:
    """Send the answer, unless the client hangs up meanwhile: then the body is closed at once."""
    dropped: Dropped | None = None
    finished = False
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear, stream, connection, nursery.cancel_scope)
            try:
                await _send_parts(stream, connection, response)
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


async def _send_parts(stream: Stream, connection: h11.Connection, response: Response) -> None:
    head = h11.Response(status_code=response.status, headers=list(response.headers))
    await stream.send_all(connection.send(head) or b"")
    async for chunk in response.body:
        await stream.send_all(connection.send(h11.Data(data=chunk)) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")


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
