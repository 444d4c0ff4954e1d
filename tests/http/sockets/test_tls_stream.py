"""TLS: however the records come, and wherever a task is cancelled, what was sent is what is received."""

from __future__ import annotations

import fcntl
import os
import shutil
import ssl
import subprocess
import termios
import time
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trio_k8swatch._http.sockets.tls_stream import TlsStream

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("api.test")


def contexts(newest: ssl.TLSVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The client's, the server's."""
    of_server, of_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    CERTIFICATE.configure_cert(of_server)
    AUTHORITY.configure_trust(of_client)
    of_client.maximum_version = newest
    return of_client, of_server


class Server(trio.abc.Stream):
    """A TLS server without a socket: what it has to say is received in parts as large as a test wants them."""

    def __init__(self, context: ssl.SSLContext, part_bytes: int) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.part_bytes = part_bytes
        self.is_greeted = self.has_hung_up = False
        self.checkpoints = 0
        self.cancel_at: int | None = None
        self.scope: trio.CancelScope | None = None

    async def turn(self) -> None:
        """A checkpoint, at which a test may have us cancelled."""
        self.checkpoints += 1
        if self.checkpoints == self.cancel_at and self.scope is not None:
            self.scope.cancel()
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await self.turn()
        if not self.is_greeted:
            self.greet()
        if not self.outgoing.pending:
            assert self.has_hung_up, "the client waits for more than there is"
        return self.outgoing.read(min(self.part_bytes, max_bytes or self.part_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.turn()
        self.incoming.write(data)

    def greet(self) -> None:
        try:
            self.tls.do_handshake()
            self.is_greeted = True
        except ssl.SSLWantReadError:
            pass

    def write(self, data: bytes, record_bytes: int) -> None:
        for begin in range(0, len(data), record_bytes):
            self.tls.write(data[begin : begin + record_bytes])

    async def wait_send_all_might_not_block(self) -> None: ...
    async def aclose(self) -> None: ...


async def greeted(part_bytes: int, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[TlsStream, Server]:
    of_client, of_server = contexts(newest)
    server = Server(of_server, part_bytes)
    stream = TlsStream(server, of_client, server_hostname="api.test")
    await stream.do_handshake()
    if not server.is_greeted:
        server.greet()
    return stream, server


async def all_of(stream: TlsStream, limit: int | None = None) -> bytes:
    whole = b""
    while part := await stream.receive_some(limit):
        whole += part
    return whole


VERSIONS = st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@given(
    st.integers(0, 9000),
    st.integers(1, 20_000),
    st.integers(1, 5000),
    st.none() | st.integers(1, 9000),
    VERSIONS,
    st.booleans(),
)
@example(2000, 1, 1, None, ssl.TLSVersion.TLSv1_3, True)
@example(2000, 1, 9000, 1, ssl.TLSVersion.TLSv1_2, False)
@settings(max_examples=60, deadline=None)
def test_records_may_be_split_and_joined_anywhere(
    size: int, record_bytes: int, part_bytes: int, limit: int | None, version: ssl.TLSVersion, with_goodbye: bool
) -> None:
    """In reads and in records of one byte, with any limit, and with or without a goodbye at the end."""

    async def main() -> None:
        stream, server = await greeted(part_bytes, version)
        sent = os.urandom(size)
        server.write(sent, record_bytes)
        if with_goodbye:
            with pytest.raises(ssl.SSLWantReadError):
                server.tls.unwrap()
        server.has_hung_up = True
        assert await all_of(stream, limit) == sent
        assert await stream.receive_some() == b""

    trio.run(main)


async def test_a_body_may_be_cut_at_every_byte() -> None:
    """Inside the head of a record, its text and its seal."""
    for part_bytes in range(1, 80):
        stream, server = await greeted(part_bytes)
        server.write(bytes(range(100)), 30)
        server.has_hung_up = True
        assert await all_of(stream) == bytes(range(100))


async def test_all_that_has_come_is_received_at_once() -> None:
    """In records of 4 KiB, as Go writes them."""
    stream, server = await greeted(1 << 20)
    server.write(bytes(300_000), 4096)
    assert len(await stream.receive_some()) == 300_000
    server.write(bytes(300_000), 4096)
    assert [len(await stream.receive_some(100_000)) for _ in range(3)] == [100_000] * 3


@pytest.mark.parametrize("part_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_goodbye_in_the_middle_is_the_end(part_bytes: int, version: ssl.TLSVersion) -> None:
    """All that came before it is received, and nothing that follows it, which nobody vouches for."""
    stream, server = await greeted(part_bytes, version)
    server.write(b"before", 2)
    with pytest.raises(ssl.SSLWantReadError):
        server.tls.unwrap()
    server.outgoing.write(b"\x17\x03\x03\x00\x20" + bytes(32) + b"HTTP/1.1 200 OK")
    assert await all_of(stream) == b"before"
    assert await stream.receive_some() == b""


@pytest.mark.parametrize("cancel_at", range(1, 12))
async def test_a_handshake_may_be_cancelled_anywhere(cancel_at: int) -> None:
    """It is cancelled, whatever it waits for, or done."""
    of_client, of_server = contexts(ssl.TLSVersion.TLSv1_3)
    server = Server(of_server, 1000)
    server.cancel_at = cancel_at
    stream = TlsStream(server, of_client, server_hostname="api.test")
    with trio.CancelScope() as server.scope:
        await stream.do_handshake()
    assert server.scope.cancelled_caught is (server.checkpoints >= cancel_at)


async def test_what_is_sent_byte_by_byte_arrives() -> None:
    """Each in a record of its own."""
    stream, server = await greeted(1 << 20)
    for byte in b"GET / HTTP/1.1\r\n":
        await stream.send_all(bytes([byte]))
    assert server.tls.read(100) == b"G"
    assert b"".join(server.tls.read(100) for _ in range(15)) == b"ET / HTTP/1.1\r\n"


@given(st.integers(1, 40), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_receiving_may_be_cancelled_anywhere(cancel_at: int, part_bytes: int) -> None:
    """What came before is there afterwards."""

    async def main() -> None:
        stream, server = await greeted(part_bytes)
        sent = os.urandom(2000)
        server.write(sent, 300)
        server.has_hung_up = True
        received = b""
        server.cancel_at = server.checkpoints + cancel_at
        with trio.CancelScope() as server.scope:
            while part := await stream.receive_some(170):
                received += part
        server.scope = None
        assert received + await all_of(stream) == sent

    trio.run(main)


async def test_what_was_good_comes_before_what_is_broken() -> None:
    """A record that was tampered with ends the connection, and not the events before it."""
    stream, server = await greeted(1 << 20)
    server.write(b"good", 4)
    whole = bytearray(server.outgoing.read())
    server.write(b"bad", 3)
    spoilt = bytearray(server.outgoing.read())
    spoilt[-1] ^= 1
    server.outgoing.write(bytes(whole + spoilt))
    assert await stream.receive_some() == b"good"
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.receive_some()
        assert isinstance(caught.value.__cause__, ssl.SSLError)


async def test_after_sending_was_cancelled_nothing_is_sent_or_received() -> None:
    """Half a record may be on its way."""
    stream, server = await greeted(1 << 20)
    server.cancel_at = server.checkpoints + 1
    with trio.CancelScope() as server.scope:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
    assert server.scope.cancelled_caught
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")


async def test_an_untrusted_server_is_refused() -> None:
    """With OpenSSL's reason as the cause."""
    _, of_server = contexts(ssl.TLSVersion.TLSv1_3)
    server = Server(of_server, 1000)
    stream = TlsStream(server, ssl.create_default_context(), server_hostname="api.test")
    with pytest.raises(trio.BrokenResourceError) as caught:
        await stream.do_handshake()
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


@contextmanager
def openssl_server(folder: Path, *options: str) -> Iterator[tuple[int, Callable[[bytes], None]]]:
    """`openssl s_server`: its port, and what to type into it."""
    CERTIFICATE.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(folder / "server.pem"), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin = process.stdin
        while not (line := process.stdout.readline()).startswith(b"ACCEPT"):
            assert line, "openssl s_server ended"

        def write(text: bytes) -> None:
            # It takes all that it reads at once for one command, or for text.
            unread = array("i", [1])
            while unread[0]:
                time.sleep(0.001)
                fcntl.ioctl(stdin, termios.FIONREAD, unread)
            stdin.write(text)
            stdin.flush()

        try:
            yield int(line.rsplit(b":", 1)[1]), write
        finally:
            process.kill()


@asynccontextmanager
async def connected(port: int, newest: ssl.TLSVersion) -> AsyncGenerator[TlsStream]:
    stream = TlsStream(await trio.open_tcp_stream("127.0.0.1", port), contexts(newest)[0], server_hostname="api.test")
    await stream.do_handshake()
    try:
        yield stream
    finally:
        await stream.aclose()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to be the server")
@pytest.mark.parametrize(
    ("newest", "key"),
    [(ssl.TLSVersion.TLSv1_3, b"K\n"), (ssl.TLSVersion.TLSv1_3, b"k\n"), (ssl.TLSVersion.TLSv1_2, b"r\n")],
)
async def test_keys_may_be_renewed_in_the_middle(tmp_path: Path, newest: ssl.TLSVersion, key: bytes) -> None:
    """TLS has something to say of its own between the records, and may want an answer."""
    with openssl_server(tmp_path) as (port, write), trio.fail_after(20):
        async with connected(port, newest) as stream:
            received = b""
            for text in (b"before\n", b"after\n"):
                write(text)
                while not received.endswith(text):
                    received += await stream.receive_some()
                write(key)
            await stream.send_all(b"still here\n")
            assert received == b"before\nafter\n"
