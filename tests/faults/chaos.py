"""A TCP proxy on loopback that does to a connection what networks do."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import trio

GONE = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class ChaosProxy:
    """Passes connections on to `target`, until told to do otherwise; all its settings may change at any time.

    `stalled`: bytes vanish in both directions, and nobody is told. `drip_bytes`: so many bytes at a time, with
    `drip_seconds` between. `cut_after`: reset each connection after so many bytes of the answer. `refusing`: reset
    new connections at once.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.stalled = False
        self.refusing = False
        self.drip_bytes = 65536
        self.drip_seconds = 0.0
        self.cut_after: int | None = None
        self.connections = 0
        self._open: set[trio.SocketStream] = set()

    async def handle(self, client: trio.SocketStream) -> None:
        """One connection."""
        self.connections += 1
        if self.refusing:
            reset(client)
            return
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self.target)
        except OSError:
            reset(client)
            return
        self._open.add(client)
        try:
            async with server, client, trio.open_nursery() as nursery:
                nursery.start_soon(self._pump, client, server, nursery.cancel_scope, False)
                nursery.start_soon(self._pump, server, client, nursery.cancel_scope, True)
        finally:
            self._open.discard(client)

    def reset_all(self) -> int:
        """RST on every open connection; how many there were."""
        streams = list(self._open)
        for stream in streams:
            reset(stream)
        return len(streams)

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope, is_answer: bool
    ) -> None:
        passed = 0
        with suppress(*GONE):
            while data := await source.receive_some(65536):
                for begin in range(0, len(data), self.drip_bytes):
                    if self.stalled:
                        await trio.sleep_forever()
                    part = data[begin : begin + self.drip_bytes]
                    if is_answer and self.cut_after is not None and passed + len(part) > self.cut_after:
                        await sink.send_all(part[: max(0, self.cut_after - passed)])
                        reset(sink)
                        break
                    await sink.send_all(part)
                    passed += len(part)
                    await trio.sleep(self.drip_seconds)
                else:
                    continue
                break
        scope.cancel()


def reset(stream: trio.SocketStream) -> None:
    """Close by RST: lingering for zero seconds makes close() send it."""
    with suppress(*GONE):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@asynccontextmanager
async def chaos(target_url: str, *, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[tuple[ChaosProxy, str]]:
    """A proxy in front of a URL, and its own URL."""
    proxy = ChaosProxy(int(target_url.rpartition(":")[2]))
    scheme = target_url.partition(":")[0]
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            lambda task_status: trio.serve_tcp(proxy.handle, port, host=host, task_status=task_status)
        )
        bound = listeners[0].socket.getsockname()[1]
        yield proxy, f"{scheme}://{host}:{bound}"
        nursery.cancel_scope.cancel()
