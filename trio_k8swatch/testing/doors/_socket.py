"""The door for everybody: HTTP/1.1 on a loopback socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import unquote

import h11
import trio

from trio_k8swatch.testing._http import Request, Response
from trio_k8swatch.testing._steps import Dropped
from ._transport import Handle


@asynccontextmanager
async def serve(handle: Handle, *, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block is left; then all connections are closed."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, partial(_connection, handle), port, host="127.0.0.1"))
        bound: int = listeners[0].socket.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{bound}"
        finally:
            nursery.cancel_scope.cancel()


async def _connection(handle: Handle, stream: trio.SocketStream) -> None:
    connection = h11.Connection(h11.SERVER)
    try:
        async with stream:
            while await _exchange(handle, stream, connection):
                connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        return


async def _exchange(handle: Handle, stream: trio.SocketStream, connection: h11.Connection) -> bool:
    """One request and its answer; False if the connection is done."""
    request = await _receive(stream, connection)
    if request is None:
        return False
    try:
        response = await handle(request)
        await _send(stream, connection, response)
    except Dropped as dropped:
        if dropped.how != "eof":
            _reset_on_close(stream)
        return False
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _receive(stream: trio.SocketStream, connection: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Request):
            head = event
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(connection.send(go_on) or b"")
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            path, _, query = head.target.decode("ascii").partition("?")
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            return Request.make(head.method.decode("ascii"), unquote(path), query, headers, body)
        else:
            return None


async def _send(stream: trio.SocketStream, connection: h11.Connection, response: Response) -> None:
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
    finally:
        response.body.close()
    if dropped is not None:
        raise dropped
    if not finished:
        raise trio.ClosedResourceError("the client hung up")


async def _send_parts(stream: trio.SocketStream, connection: h11.Connection, response: Response) -> None:
    head = h11.Response(status_code=response.status, headers=list(response.headers))
    await stream.send_all(connection.send(head) or b"")
    async for chunk in response.body:
        await stream.send_all(connection.send(h11.Data(data=chunk)) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")


async def _hear(stream: trio.SocketStream, connection: h11.Connection, answering: trio.CancelScope) -> None:
    """Listen while the answer is sent: the next request is kept for later, the end of the stream ends the answer."""
    while data := await stream.receive_some():
        connection.receive_data(data)
    answering.cancel()


def _reset_on_close(stream: trio.SocketStream) -> None:
    # Lingering for zero seconds makes close() send RST instead of FIN.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
