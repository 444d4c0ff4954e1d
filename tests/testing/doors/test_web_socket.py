"""WebSocket as far as a watch needs it, by RFC 6455 and as a Java client speaks it."""

from __future__ import annotations

import pytest
import trio

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing.builders import config_map
from trio_k8swatch.testing.doors._web_socket import CLOSE, PING, PONG, TEXT, ClientFrames, Lines, accepted, frame

MASK = b"\x01\x02\x03\x04"
HANDSHAKE = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}


def from_client(kind: int, payload: bytes = b"") -> bytes:
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((0x80 | kind, 0x80 | len(payload))) + MASK + masked


def test_the_handshake_is_that_of_the_rfc() -> None:
    """Its own example; one protocol is agreed to, of several none."""
    accept = accepted(Request("GET", "/", headers=HANDSHAKE))
    assert accept is not None
    assert dict(accept)["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    one = accepted(Request("GET", "/", headers={**HANDSHAKE, "sec-websocket-protocol": "base64.x"}))
    assert one is not None
    assert one[-1] == ("Sec-WebSocket-Protocol", "base64.x")
    assert accepted(Request("GET", "/", headers={**HANDSHAKE, "sec-websocket-protocol": "a, b"})) == accept


@pytest.mark.parametrize("headers", [{}, {**HANDSHAKE, "sec-websocket-version": "8"}])
def test_what_is_no_handshake_is_answered_as_any_request(headers: dict[str, str]) -> None:
    """No key, another version."""
    assert accepted(Request("GET", "/", headers=headers)) is None


@pytest.mark.parametrize(
    ("size", "header"),
    [(125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00")],
)
def test_lengths_are_written_in_their_three_forms(size: int, header: bytes) -> None:
    """As short as may be."""
    assert frame(TEXT, b"x" * size) == header + b"x" * size


def test_a_message_is_a_line_wherever_the_chunks_were_cut() -> None:
    """The rest waits for its end."""
    lines = Lines()
    assert lines.frames(b'{"a"') == b""
    assert lines.frames(b':1}\n{"b":2}\n{') == frame(TEXT, b'{"a":1}\n') + frame(TEXT, b'{"b":2}\n')


def test_pings_are_answered_and_goodbye_returned() -> None:
    """Data is nobody's; bytes may come one by one."""
    frames = ClientFrames()
    said = from_client(TEXT, b"hello") + from_client(PING, b"you?") + from_client(CLOSE, b"\x03\xe8bye")
    answers = [frames.answers(said[i : i + 1]) for i in range(len(said))]

    assert b"".join(answer for answer, _ in answers) == frame(PONG, b"you?") + frame(CLOSE, b"\x03\xe8")
    assert [end for _, end in answers] == [False] * (len(said) - 1) + [True]


@pytest.mark.parametrize("data", [b"\x81\xfe\x00\x00\x00\x00", b"\x89\x01x\x00\x00\x00"])
def test_what_breaks_the_protocol_ends_it(data: bytes) -> None:
    """A frame too long to be meant for a watch; one that is not masked."""
    assert ClientFrames().answers(data) == (frame(CLOSE, b"\x03\xea"), True)


async def test_a_watch_over_a_web_socket() -> None:
    """An event a message, a ping in between, and the server forgets it with the connection."""
    fake = FakeApiServer()
    fake.create(config_map("a"))
    with trio.fail_after(10):
        async with fake.serve() as url:
            host, port = url.removeprefix("http://").split(":")
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                lines = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
                path = "/api/v1/configmaps?watch=1&resourceVersion=0"
                head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{lines}\r\n"
                await stream.send_all(head.encode())
                seen = bytes(await stream.receive_some())
                while b'"name":"a"' not in seen:
                    seen += await stream.receive_some()
                assert seen.startswith(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
                fake.delete("configmaps", "a")
                while b'{"type":"DELETED"' not in seen:
                    seen += await stream.receive_some()
                await stream.send_all(from_client(PING, b"p") + from_client(CLOSE))
                async for data in stream:
                    seen += data
            while fake.open_calls:
                await trio.sleep(0.01)
    assert frame(PONG, b"p") in seen
    assert seen.endswith(frame(CLOSE, b""))


async def test_a_refused_watch_is_refused_in_plain_http() -> None:
    """There is no upgrade for a 404."""
    with trio.fail_after(10):
        async with FakeApiServer().serve() as url:
            host, port = url.removeprefix("http://").split(":")
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                lines = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
                head = "GET /apis/no/v1/x?watch=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\n"
                await stream.send_all(f"{head}Upgrade: websocket\r\n{lines}\r\n".encode())
                seen = bytes(await stream.receive_some())
    assert seen.startswith(b"HTTP/1.1 404 ")
