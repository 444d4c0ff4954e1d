"""Chunks, heads and connections, on real sockets: whatever way the bytes come, the body is the same."""

from __future__ import annotations

import errno
import gzip
import json
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_server import END, HEAD, Answer, chunk, chunked, raw_server, sends, with_length

from trio_k8swatch import ApiClient, DynamicObject, ListOptions, ProtocolError, Unavailable, open_client
from trio_k8swatch._http.chunked_encoding import Chunks
from trio_k8swatch._http.sockets.network import NetworkStream, _Security
from trio_k8swatch._http.sockets.tcp import TcpSocket
from trio_k8swatch._http.sockets.tls_stream import TlsStream


def pod(name: str, version: int, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "x", "uid": name, "resourceVersion": str(version)}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": meta, **more}


def event(type_: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": type_, "object": obj}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


EVENTS = event("ADDED", pod("é", 2)) + event("MODIFIED", pod("é", 3)) + event("DELETED", pod("é", 4))
LIST = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}).encode()


async def watched(answer: Answer) -> list[str]:
    """The versions of the events that a watch brings until its end."""
    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        async with client.resource("v1", "pods").watch() as events:
            return [e.object.metadata.resource_version async for e in events]


async def test_a_watch_may_be_cut_at_every_byte() -> None:
    """Inside lines, inside chunk sizes, inside characters, inside the head."""
    whole = HEAD + chunk(EVENTS) + END
    step = 7
    for offset in range(step):
        parts = [whole[max(at, 0) : at + step] for at in range(offset - step, len(whole), step)]
        assert await watched(sends(*parts)) == ["2", "3", "4"]


@given(st.integers(1, 400), st.lists(st.integers(0, 800), max_size=12), st.sampled_from([b"", b";a=b", b";x"]))
@settings(max_examples=300, deadline=None)
def test_a_chunked_body_is_the_same_however_it_is_cut(size: int, cuts: list[int], extension: bytes) -> None:
    """Chunks of any size, read in parts of any size, with extensions and trailers."""
    framed = b"".join(chunk(EVENTS[at : at + size], extension) for at in range(0, len(EVENTS), size))
    framed += b"0\r\nTrailer: x\r\n\r\n"
    ends = sorted(min(cut, len(framed)) for cut in cuts)
    parts = [framed[a:b] for a, b in zip([0, *ends], [*ends, len(framed)], strict=True)]
    chunks = Chunks(parts[0])
    body = chunks.take()
    for part in parts[1:]:
        chunks.feed(part)
        body += chunks.take()
    assert body == EVENTS
    assert chunks.is_complete


async def test_chunks_of_one_byte() -> None:
    """As a proxy may send them."""
    assert await watched(sends(HEAD + chunked(EVENTS, 1) + END)) == ["2", "3", "4"]


async def test_a_watch_has_its_events_as_soon_as_they_are_whole() -> None:
    """Not when a buffer is full."""
    more = trio.Event()

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        await stream.send_all(HEAD + chunk(event("ADDED", pod("a", 2))))
        await more.wait()
        await stream.send_all(chunk(event("ADDED", pod("b", 3))) + END)
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        async with client.resource("v1", "pods").watch() as events:
            assert (await anext(events)).object.metadata.name == "a"  # type: ignore[union-attr] - an object event
            more.set()
            assert (await anext(events)).object.metadata.name == "b"  # type: ignore[union-attr] - an object event
            with pytest.raises(StopAsyncIteration):
                await anext(events)


async def test_a_full_read_is_followed_by_another_and_others_have_their_turn_in_between() -> None:
    """What is left is read without waiting to be told of it; where nothing is left, a socket waits as ever."""
    near, far = socket.socketpair()
    near.setblocking(False)
    stream = TcpSocket(near)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            far.sendall(b"abcdef")
            await trio.lowlevel.checkpoint()
            before = turns
            assert [await stream.receive_some(2) for _ in range(3)] == [b"ab", b"cd", b"ef"]
            assert turns - before >= 2
            with trio.move_on_after(0.01) as scope:
                await stream.receive_some(2)
            assert scope.cancelled_caught
            far.sendall(b"g")
            assert await stream.receive_some(2) == b"g"
            far.close()
            assert await stream.receive_some(2) == b""
            nursery.cancel_scope.cancel()
    await stream.aclose()


@asynccontextmanager
async def body_over_tls() -> AsyncGenerator[tuple[trio.SSLStream[trio.SocketStream], NetworkStream]]:
    """A server's end of a TLS connection, and ours, which has read a head and is about to read a body."""
    authority = trustme.CA()
    of_server, of_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("api.test").configure_cert(of_server)
    authority.configure_trust(of_client)
    near, far = socket.socketpair()
    near.setblocking(False)
    theirs = trio.SSLStream(trio.SocketStream(trio.socket.from_stdlib_socket(far)), of_server, server_side=True)
    secured = TlsStream(TcpSocket(near), of_client, server_hostname="api.test")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.do_handshake)
        await secured.do_handshake()
    stream = NetworkStream(secured, _Security(None, of_client, of_client))
    await stream.write(b"GET / HTTP/1.1\r\n\r\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, HEAD)
        assert await stream.read(65536) == HEAD
    assert stream.begin_body()
    try:
        yield theirs, stream
    finally:
        await trio.aclose_forcefully(theirs)
        await stream.aclose()


@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=12), st.integers(1, 70_000))
@settings(max_examples=40, deadline=None)
def test_all_that_came_over_tls_is_there_at_once(sizes: list[int], size: int) -> None:
    """In records of any size, chunks of any size, and with nothing behind them that would push them through."""

    async def main() -> None:
        sent = os.urandom(sum(sizes))
        framed = b"".join(chunk(sent[at : at + size]) for at in range(0, len(sent), size))
        with trio.fail_after(10):
            async with body_over_tls() as (theirs, stream), trio.open_nursery() as nursery:

                async def send() -> None:
                    begin = 0
                    for length in [*sizes, len(framed)]:
                        await theirs.send_all(framed[begin : begin + length])
                        begin += length

                nursery.start_soon(send)
                received = b""
                while len(received) < len(sent):
                    received += await stream.read_body() or b""
                assert received == sent

    trio.run(main)


async def test_records_that_came_together_are_read_together() -> None:
    """TLS hands out one at a time, and what comes after a read costs as much for one as for all."""
    with trio.fail_after(10):
        async with body_over_tls() as (theirs, stream), trio.open_nursery() as nursery:
            sent = os.urandom(200_000)
            nursery.start_soon(theirs.send_all, chunk(sent))
            await trio.testing.wait_all_tasks_blocked()
            parts: list[bytes] = []
            while sum(map(len, parts)) < len(sent):
                parts.append(await stream.read_body() or b"")
            assert b"".join(parts) == sent
            assert max(map(len, parts)) > 60_000


async def test_interim_responses_are_passed_over() -> None:
    """In one piece with the head, and byte for byte."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert await watched(sends(interim + interim + HEAD + chunk(EVENTS) + END)) == ["2", "3", "4"]
    parts = [bytes([byte]) for byte in interim + HEAD]
    assert await watched(sends(*parts, chunk(EVENTS) + END)) == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (b"", "closed in the middle"),
        (b"5\r\nab", "closed in the middle"),
        (b"5", "closed in the middle"),
        (b"xyz\r\n", "not chunked as HTTP has it"),
        (b"-1\r\n", "not chunked as HTTP has it"),
        (b"3\r\nabcdef\r\n", "not chunked as HTTP has it"),
        (b"fffffffffffffffffff\r\n", "not chunked as HTTP has it"),
    ],
)
async def test_a_stream_that_breaks_is_unavailable(ending: bytes, message: str) -> None:
    """After the events that were whole; and the error says what was going on."""
    got: list[str] = []
    async with raw_server(sends(HEAD + chunk(EVENTS) + ending, then_close=True)) as server:
        async with open_client(base_url=server.url) as client, client.resource("v1", "pods").watch() as events:
            with pytest.raises(Unavailable, match=message):
                async for e in events:
                    got.append(e.type)
        assert got == ["ADDED", "MODIFIED", "DELETED"]


async def test_a_list_that_breaks_is_no_list() -> None:
    """Chunked, or shorter than its length."""
    for broken in (HEAD + chunk(LIST), with_length(LIST)[:-5]):
        async with raw_server(sends(broken, then_close=True)) as server, open_client(base_url=server.url) as client:
            with pytest.raises(Unavailable, match="cannot list pods"):
                await client.resource("v1", "pods").list()


async def test_a_connection_is_used_again_after_a_list() -> None:
    """Chunked or with a length, read past h11 or not."""
    for body in (HEAD + chunked(LIST, 30) + END, HEAD + chunked(LIST, 30) + b"0\r\nT: x\r\n\r\n", with_length(LIST)):
        async with raw_server(sends(body)) as server, open_client(base_url=server.url) as client:
            for _ in range(5):
                assert (await client.resource("v1", "pods").list()).resource_version == "1"
            assert server.connections == 1


async def test_a_watch_that_ends_gives_its_connection_back() -> None:
    """The next watch needs no new one."""
    async with raw_server(sends(HEAD, chunk(EVENTS), END)) as server, open_client(base_url=server.url) as client:
        for _ in range(5):
            async with client.resource("v1", "pods").watch() as events:
                assert len([e async for e in events]) == 3
        assert server.connections == 1


@pytest.mark.parametrize("how", ["break", "raise", "cancel"])
async def test_a_watch_that_is_left_closes_its_connection(how: str) -> None:
    """Whatever way it is left, at whatever point."""
    async with raw_server(sends(HEAD, chunk(EVENTS))) as server, open_client(base_url=server.url) as client:
        with trio.move_on_after(0.05 if how == "cancel" else 9):
            try:
                async with client.resource("v1", "pods").watch() as events:
                    async for _ in events:
                        if how == "break":
                            break
                        if how == "raise":
                            raise ZeroDivisionError
            except ZeroDivisionError:
                pass
        while server.open_connections:
            await trio.sleep(0.001)


async def test_a_large_object_arrives() -> None:
    """30 MiB in one line, in chunks of 2,048 bytes at its beginning and one large one after it."""
    text = "x" * (30 * 1024 * 1024)
    data = event("ADDED", pod("a", 2, data=text))
    async with raw_server(sends(HEAD, chunked(data[:200_000], 2048), chunk(data[200_000:]), END)) as server:
        async with open_client(base_url=server.url) as client, client.resource("v1", "pods").watch() as events:
            (got,) = [e async for e in events]
    assert isinstance(got.object, DynamicObject)
    assert got.object["data"] == text


async def test_a_compressed_list_is_read() -> None:
    """And one that is not what it says is an error."""
    packed = gzip.compress(LIST)
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    async with (
        raw_server(sends(head + chunked(packed, 11) + END)) as server,
        open_client(base_url=server.url) as client,
    ):
        assert (await client.resource("v1", "pods").list()).resource_version == "1"
    for bad, message in ((packed[:-9], "ends in the middle"), (LIST, "damaged")):
        async with raw_server(sends(head + chunk(bad) + END)) as server, open_client(base_url=server.url) as client:
            with pytest.raises(Unavailable, match=message):
                await client.resource("v1", "pods").list()


async def test_an_encoding_that_was_not_asked_for_is_refused_and_leaves_nothing_open() -> None:
    """Not even the connection."""
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: br\r\n\r\n")
    async with raw_server(sends(head)) as server, open_client(base_url=server.url) as client:
        with pytest.raises(ProtocolError, match="'br', which was not asked for"):
            await client.resource("v1", "pods").list()
        while server.open_connections:
            await trio.sleep(0.001)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000])
async def test_what_is_no_response_is_no_answer(answer: bytes) -> None:
    """A closed connection, half a head, another protocol, a head without end."""
    async with raw_server(sends(answer, then_close=True)) as server, open_client(base_url=server.url) as client:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await client.resource("v1", "pods").list()


async def test_nobody_there_is_no_answer() -> None:
    """In the words of the operating system."""
    async with raw_server(sends()) as server:
        url = server.url
    async with open_client(base_url=url) as client:
        with pytest.raises(Unavailable, match="Connection refused"):
            await client.resource("v1", "pods").list()


async def test_a_redirect_is_followed_only_to_the_same_server() -> None:
    """Credentials go nowhere else."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        where = {"/api/v1/pods": "/moved", "/api/v1/nodes": "http://localhost:1/x", "/api/v1/secrets": target}
        location = next((to for path, to in where.items() if target.startswith(path)), None)
        if location is None:
            await stream.send_all(with_length(LIST))
        else:
            await stream.send_all(
                b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % location.encode()
            )
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url, token="secret") as client:
        assert (await client.resource("v1", "pods").list()).items == []
        with pytest.raises(ProtocolError, match="redirects to another origin"):
            await client.resource("v1", "nodes").list()
        with pytest.raises(ProtocolError, match="redirects more than"):
            await client.resource("v1", "secrets").list()


async def test_reading_on_after_the_client_was_closed_is_unavailable() -> None:
    """Whoever comes back to a watch then is told so, and so is the next."""
    closed = trio.Event()

    async def read(client: ApiClient, *, task_status: trio.TaskStatus[None]) -> None:
        async with client.resource("v1", "pods").watch() as events:
            await anext(events)
            task_status.started()
            await closed.wait()
            with pytest.raises(Unavailable):
                await anext(events)

    with trio.fail_after(10):
        async with (
            raw_server(sends(HEAD + chunk(EVENTS[: EVENTS.index(b"\n") + 1]))) as server,
            trio.open_nursery() as nursery,
        ):
            async with open_client(base_url=server.url) as client:
                await nursery.start(read, client)
                await nursery.start(read, client)
            closed.set()


async def test_an_option_that_a_socket_refuses_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems refuse them once the other side is gone."""

    def refuse(sock: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("trio_k8swatch._http.sockets.network.watch_over", refuse)
    async with raw_server(sends(HEAD)) as server, open_client(base_url=server.url) as client:
        with pytest.raises(Unavailable, match="Invalid argument"):
            await client.resource("v1", "pods").list()


async def test_a_server_that_says_nothing_is_given_up() -> None:
    """Before its head, and in the middle of its body."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        if "nodes" in target:
            await stream.send_all(HEAD + chunk(b'{"kind"'))
        await trio.sleep_forever()
        return False

    async with raw_server(answer) as server, open_client(base_url=server.url, silence_limit=0.1) as client:
        with pytest.raises(Unavailable, match=r"did not answer within 0\.1 s"):
            await client.resource("v1", "pods").list()
        with pytest.raises(Unavailable, match=r"too little came for 0\.1 s, 7 bytes into the answer"):
            await client.resource("v1", "nodes").list()


async def test_pages_are_put_together() -> None:
    """Over one connection."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        first = "continue" not in target
        meta = {"resourceVersion": "7", **({"continue": "t"} if first else {})}
        page = {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": [pod("a" if first else "b", 1)]}
        await stream.send_all(HEAD + chunked(json.dumps(page).encode(), 50) + END)
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        listing = await client.resource("v1", "pods", namespace="x").list(ListOptions(page_size=1))
        assert [obj.metadata.name for obj in listing.items] == ["a", "b"]
        assert server.targets == [
            "/api/v1/namespaces/x/pods?limit=1",
            "/api/v1/namespaces/x/pods?limit=1&continue=t",
        ]
        assert server.connections == 1


@given(st.lists(st.integers(0, 120), max_size=6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_h11_sees_the_head_and_no_more(cuts: list[int], with_interim: bool) -> None:
    """However the bytes come: after the head, the body is read past it, to its last byte."""
    whole = (b"HTTP/1.1 100 Continue\r\n\r\n" if with_interim else b"") + HEAD + chunk(EVENTS) + END + b"HTTP/1.1 2"

    async def main() -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        stream = NetworkStream(ours, _Security(None, context, context))
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        ends = sorted(min(cut, len(whole)) for cut in cuts)
        received = b""

        async def serve() -> None:
            for a, b in zip([0, *ends], [*ends, len(whole) - 10], strict=True):
                if a < b:
                    await theirs.send_all(whole[a:b])
                    await trio.testing.wait_all_tasks_blocked()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            while not received.endswith(b"chunked\r\n\r\n"):
                received += await stream.read(65536)
            assert stream.begin_body()
            body = b""
            while (part := await stream.read_body()) is not None:
                body += part
        assert body == EVENTS
        assert await stream.read(10) == END

    trio.run(main)
