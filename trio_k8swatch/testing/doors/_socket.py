"""The door for everybody: HTTP/1.1 on a loopback socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Self, TypeAlias

import trio

from trio_k8swatch.testing._http.messages import Headers, Response
from trio_k8swatch.testing._http.response_steps import Dropped

from ._request_reader import NotHttp, Received, RequestReader
from ._response_writer import CONTINUE, LAST_CHUNK, framed, framing, head, not_http
from ._transport import Handle
from ._web_socket import CLOSE, NORMAL, ClientFrames, Lines, accepted, frame

Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"
Failed: TypeAlias = Callable[[Exception, str], None]
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

    What goes wrong on a connection closes it, and `failed` is called: the others continue.
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
    reader = RequestReader()
    try:
        while (received := await _receive(stream, reader)) is not None:
            if not await _exchange(handle, stream, reader, received):
                return
    except NotHttp as error:
        await stream.send_all(not_http(error.status))


async def _receive(stream: Stream, reader: RequestReader) -> Received | None:
    while (received := reader.next()) is None:
        if reader.expects_continue():
            await stream.send_all(CONTINUE)
        data = await stream.receive_some()
        if not data:
            return None
        reader.feed(bytes(data))
    return received


async def _exchange(handle: Handle, stream: Stream, reader: RequestReader, received: Received) -> bool:
    """Answer a request; whether another may follow on the connection."""
    request = received.request
    try:
        response = await handle(request)
        upgrade = accepted(request) if received.upgrade == "websocket" and response.is_watch else None
        if upgrade is not None:
            await _send_messages(stream, response, upgrade)
            return False
        await _send(stream, reader, response, received, head_only=request.method == "HEAD")
    except Dropped as dropped:
        await _break(stream, reset=dropped.how in {"refused", "reset"})
        return False
    return received.keep_alive


async def _send(
    stream: Stream, reader: RequestReader, response: Response, received: Received, *, head_only: bool
) -> None:
    chunked, length = framing(response.headers)
    first = head(response.status, _headers(response, received), close=not received.keep_alive)
    chunked = chunked and received.chunked
    pieces = [] if head_only else response.body.take_whole()
    if pieces is None:

        async def later(data: bytes) -> bool:
            """The next request is kept for when this is done; nobody asks for so much meanwhile."""
            reader.feed(data)
            return reader.is_full

        parts = partial(_send_parts, stream, response, first, chunked=chunked)
        await _send_while_heard(stream, later, response, parts)
        return
    response.body.close()
    if not head_only and length not in {None, sum(map(len, pieces))}:
        raise RuntimeError(f"an answer of {sum(map(len, pieces))} bytes is announced with {length}")
    await stream.send_all(first + framed(pieces, chunked=chunked) + (LAST_CHUNK if chunked and not head_only else b""))


def _headers(response: Response, received: Received) -> Headers:
    """HTTP/1.0 knows no chunks: there the end of the connection is the end of the body."""
    if received.chunked:
        return response.headers
    return tuple(pair for pair in response.headers if pair[0] != "Transfer-Encoding")


async def _send_parts(stream: Stream, response: Response, first: bytes, *, chunked: bool) -> None:
    await stream.send_all(first)
    async for chunk in response.body:
        # What is due together is sent together, each chunk framed by itself.
        await stream.send_all(framed([chunk, *response.body.take_due()], chunked=chunked))
    if chunked:
        await stream.send_all(LAST_CHUNK)


async def _send_while_heard(
    stream: Stream, hear: Callable[[bytes], Awaitable[bool]], response: Response, send: Callable[[], Awaitable[None]]
) -> None:
    """Send a body that takes its time, unless the client hangs up meanwhile: then the body is closed at once.

    `hear` is given what the client says meanwhile; when it returns True, that is the end too.
    """
    dropped: Dropped | None = None
    finished = False
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_hear, stream, hear, nursery.cancel_scope)
            try:
                await send()
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


async def _hear(stream: Stream, hear: Callable[[bytes], Awaitable[bool]], answering: trio.CancelScope) -> None:
    while data := await stream.receive_some():
        if await hear(bytes(data)):
            break
    answering.cancel()


async def _send_messages(stream: Stream, response: Response, headers: Headers) -> None:
    """A watch over a WebSocket: each event is a message."""
    frames = ClientFrames()
    # Two tasks send: the events, and the answers to what the client says.
    sending = trio.Lock()

    async def send(data: bytes) -> None:
        async with sending:
            await stream.send_all(data)

    async def hear(data: bytes) -> bool:
        answer, end = frames.answers(data)
        await send(answer)
        return end

    async def events() -> None:
        await send(head(101, headers, close=False))
        lines = Lines()
        async for chunk in response.body:
            await send(lines.frames(b"".join([chunk, *response.body.take_due()])))
        await send(frame(CLOSE, NORMAL))

    await _send_while_heard(stream, hear, response, events)


async def _break(stream: Stream, *, reset: bool) -> None:
    """Close without the end of the message and, under TLS, without its goodbye; `reset`: by RST instead of FIN."""
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if reset:
        # Lingering for zero seconds makes close() send RST.
        transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await transport.aclose()
