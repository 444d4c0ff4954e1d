"""TCP connections: how they are read, and how the kernel watches over them."""

from __future__ import annotations

import socket
from typing import Final

import trio

__all__ = ["READ_BYTES", "TcpSocket", "watch_over"]

READ_BYTES: Final = 512 * 1024
"""Of one read of a body. Smaller ones measured slower; a watch that waits holds no buffer, whatever its size."""

_KEEPALIVE: Final = {
    "SO_KEEPALIVE": 1,
    "TCP_KEEPIDLE": 15,
    "TCP_KEEPALIVE": 15,
    "TCP_KEEPINTVL": 5,
    "TCP_KEEPCNT": 3,
    # Of what was sent and never acknowledged, for which there are no probes; in milliseconds.
    "TCP_USER_TIMEOUT": 30_000,
}
"""Half a minute until the kernel gives up a peer that is gone, where it can be had: silence on a quiet watch takes longer
to be distinguished from a dead connection."""


class TcpSocket(trio.abc.Stream):
    """A TCP connection that waits before it reads, unless the last read left something behind.

    trio tries to read first, which on a quiet watch fails for every event.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._has_more = False
        self.trio_socket: trio.socket.SocketType = trio.socket.from_stdlib_socket(sock)
        self._stream = trio.SocketStream(self.trio_socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        size = max_bytes or READ_BYTES
        while True:
            if self._socket.fileno() < 0:
                raise trio.ClosedResourceError("this connection was closed")
            try:
                if self._has_more:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._socket)
                self._has_more = False
                data = self._socket.recv(size)
            except BlockingIOError:
                continue  # readiness is a hint
            except OSError as error:
                raise trio.BrokenResourceError from error
            self._has_more = len(data) == size
            return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


def watch_over(sock: socket.socket) -> None:
    """Have the kernel find out when the peer is gone. Raises OSError for an option that it refuses."""
    for option, value in _KEEPALIVE.items():
        if hasattr(socket, option):
            level = socket.SOL_SOCKET if option.startswith("SO_") else socket.IPPROTO_TCP
            sock.setsockopt(level, getattr(socket, option), value)
