"""An HTTP server that sends exactly the bytes that a test has written down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

Answer = Callable[[trio.SocketStream, str], Awaitable[bool]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def chunked(data: bytes, size: int) -> bytes:
    """`data` in chunks of `size`."""
    return b"".join(chunk(data[at : at + size]) for at in range(0, len(data), size))


def with_length(data: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(data) + data


@dataclass
class RawServer:
    """What a server has seen."""

    url: str = ""
    connections: int = 0
    open_connections: int = 0
    targets: list[str] = field(default_factory=list)


@asynccontextmanager
async def raw_server(answer: Answer) -> AsyncGenerator[RawServer]:
    """Serve on a loopback port. `answer(stream, target)` sends what it likes, and says whether the connection goes on."""
    seen = RawServer()

    async def connection(stream: trio.SocketStream) -> None:
        seen.connections += 1
        seen.open_connections += 1
        try:
            while (head := await _request_head(stream)) is not None:
                target = head.split(b" ")[1].decode()
                seen.targets.append(target)
                if not await answer(stream, target):
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            seen.open_connections -= 1

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, connection, listeners)
            seen.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            try:
                yield seen
            finally:
                nursery.cancel_scope.cancel()


async def _request_head(stream: trio.SocketStream) -> bytes | None:
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.receive_some()
        if not data:
            return None
        head += bytes(data)
    return head


def sends(*parts: bytes, then_close: bool = False, pause: float = 0) -> Answer:
    """Send the same parts to everyone, each of them by itself."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        for part in parts:
            await stream.send_all(part)
            await trio.sleep(pause)
        return not then_close

    return answer
