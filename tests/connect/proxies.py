"""Real forward proxies on loopback: HTTP (CONNECT, and whole URLs) and SOCKS5, with or without a password."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from ipaddress import ip_address

import h11
import trio

USER, PASSWORD = "me", "canary-proxy"
# RFC 1928 and 1929.
SOCKS, PASSWORD_METHOD, NO_METHOD, NO_AUTHENTICATION = 5, 2, 0xFF, 0
IPV4, NAME, IPV6 = 1, 3, 4


class Proxy:
    """Forwards whatever it is asked to, and writes it down. It alone knows the addresses of `names`."""

    def __init__(self, *, password: bool = False, names: dict[str, str] | None = None) -> None:
        self.password = password
        self.names = names or {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []

    @asynccontextmanager
    async def http(self, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        async with self._serve(self._http, context) as port:
            yield f"{'http' if context is None else 'https'}://127.0.0.1:{port}"

    @asynccontextmanager
    async def socks5(self) -> AsyncIterator[str]:
        async with self._serve(self._socks5, None) as port:
            yield f"socks5://127.0.0.1:{port}"

    @asynccontextmanager
    async def _serve(
        self, answer: Callable[[trio.abc.Stream], Awaitable[None]], context: ssl.SSLContext | None
    ) -> AsyncIterator[int]:
        async def connection(stream: trio.abc.Stream) -> None:
            if context is not None:
                stream = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError, OSError):
                async with stream:
                    await answer(stream)

        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, connection, 0, host="127.0.0.1"))
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()

    async def _connect(self, host: str, port: int) -> trio.SocketStream:
        self.asked.append(f"{host}:{port}")
        return await trio.open_tcp_stream(self.names.get(host, host), port)

    async def _http(self, client: trio.abc.Stream) -> None:
        protocol = h11.Connection(h11.SERVER)
        request = protocol.next_event()
        while request is h11.NEED_DATA:
            protocol.receive_data(await client.receive_some())
            request = protocol.next_event()
        assert isinstance(request, h11.Request)
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self.headers.append(headers)
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.password and headers.get("proxy-authorization") != expected:
            await client.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        target = request.target.decode()
        if request.method == b"CONNECT":
            host, _, port = target.rpartition(":")
            server = await self._connect(host.strip("[]"), int(port))
            await client.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            authority, _, path = target.removeprefix("http://").partition("/")
            host, _, port = authority.rpartition(":")
            server = await self._connect(host, int(port))
            lines = [f"{request.method.decode()} /{path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
            await server.send_all("\r\n".join(lines).encode())
        await _join(client, server)

    async def _socks5(self, client: trio.abc.Stream) -> None:
        version, count = await _exactly(client, 2)
        assert version == SOCKS
        wanted = PASSWORD_METHOD if self.password else NO_AUTHENTICATION
        if wanted not in await _exactly(client, count):
            await client.send_all(bytes([SOCKS, NO_METHOD]))
            return
        await client.send_all(bytes([SOCKS, wanted]))
        if self.password:
            _, length = await _exactly(client, 2)
            user = await _exactly(client, length)
            (length,) = await _exactly(client, 1)
            right = (user.decode(), (await _exactly(client, length)).decode()) == (USER, PASSWORD)
            await client.send_all(bytes([1, 0 if right else 1]))
            if not right:
                return
        _, _, _, kind = await _exactly(client, 4)
        if kind == NAME:
            (length,) = await _exactly(client, 1)
            host = (await _exactly(client, length)).decode()
        else:
            host = str(ip_address(await _exactly(client, {IPV4: 4, IPV6: 16}[kind])))
        server = await self._connect(host, int.from_bytes(await _exactly(client, 2)))
        await client.send_all(bytes([SOCKS, 0, 0, IPV4, 0, 0, 0, 0, 0, 0]))
        await _join(client, server)


async def _exactly(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await stream.receive_some(count - len(data))
        if not part:
            raise trio.BrokenResourceError("the client went away")
        data += part
    return data


async def _join(left: trio.abc.Stream, right: trio.SocketStream) -> None:
    async def copy(source: trio.abc.Stream, target: trio.abc.Stream, scope: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await target.send_all(data)
        scope.cancel()

    async with right, trio.open_nursery() as nursery:
        nursery.start_soon(copy, left, right, nursery.cancel_scope)
        nursery.start_soon(copy, right, left, nursery.cancel_scope)
