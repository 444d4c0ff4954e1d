"""Where a response ends, byte by byte, without a socket (R9)."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from raw_server import END, chunk, raw_server, with_length
from raw_server import HEAD as HEAD_OF_CHUNKS

from trio_k8swatch import ApiError, Unavailable, open_client
from trio_k8swatch._http.chunked_encoding import Chunks
from trio_k8swatch._http.response_framing import ResponseFraming, SurplusError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"


def given_to_h11(*reads: bytes) -> list[bytes]:
    """What comes out of a framing that waits for one response, when `reads` arrive."""
    framing = ResponseFraming()
    framing.sent()
    out = []
    for read in reads:
        framing.received(read)
        while data := framing.take():
            out.append(data)
    return out


@given(st.binary(max_size=50), st.lists(st.integers(0, 200), max_size=6))
def test_the_head_comes_by_itself_and_the_body_whole(body: bytes, cuts: list[int]) -> None:
    """However the bytes are cut: first the head, then the body, and nothing is added or lost."""
    response = HEAD % len(body) + body
    ends = sorted({0, *(min(cut, len(response)) for cut in cuts), len(response)})
    reads = [response[begin:end] for begin, end in pairwise(ends)]
    head, *others = given_to_h11(*reads)

    assert head == HEAD % len(body)
    assert b"".join(others) == body


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=20), st.integers(0, 200))
def test_R9_bytes_behind_a_body_are_an_error(surplus: bytes, body: bytes, cut: int) -> None:
    """In the same read or a later one, before or behind the cut: they never become the next answer."""
    response = HEAD % len(body) + body + surplus
    framing = ResponseFraming()
    framing.sent()
    with pytest.raises(SurplusError):
        for part in (response[:cut], response[cut:]):
            if part:
                framing.received(part)
                while framing.take():
                    pass
        framing.sent()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_R9_responses_without_a_body_end_with_their_head(status: bytes) -> None:
    """Whatever length they claim."""
    framing = ResponseFraming()
    framing.sent()
    framing.received(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nhello")
    with pytest.raises(SurplusError):
        framing.take()


def test_interim_responses_are_heads_of_their_own() -> None:
    """100 Continue, then the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert given_to_h11(interim + HEAD % 2 + b"ab") == [interim, HEAD % 2, b"ab"]


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    st.sampled_from([b"", EVIL, b"garbage", b"\x00"]),
    st.data(),
)
def test_R9_bytes_behind_the_last_chunk_are_no_body(chunks: list[bytes], surplus: bytes, data: st.DataObject) -> None:
    """A second response behind the first is seen as such, and its body is thrown away."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n" + surplus
    cut = data.draw(st.integers(0, len(body)))
    reader = Chunks(body[:cut])
    if not reader.is_complete or reader.has_surplus:
        reader.feed(body[cut:])
        assert reader.has_surplus is bool(surplus and (cut < len(body) or reader.has_surplus))

    assert reader.is_complete
    assert reader.take() == b"".join(chunks)


@pytest.mark.parametrize("first", [with_length(b'"a"'), HEAD_OF_CHUNKS + chunk(b'"a"') + END])
async def test_R9_a_second_response_answers_nothing(first: bytes) -> None:
    """Over a socket: the request that it came with fails, and the next one is answered by the server, not by it."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        await stream.send_all(first + EVIL if target == "/a" else with_length(b'"honest"'))
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        with pytest.raises(Unavailable, match="behind the end of its response"):
            await client.get("/a")
        assert await client.get("/b") == b'"honest"'
        assert server.targets == ["/a", "/b"]
        assert server.connections == 2


@pytest.mark.parametrize("code", [204, 304])
async def test_an_answer_that_has_no_body_ends_with_its_head(code: int) -> None:
    """Even if that announces one in chunks; the connection serves the next request."""

    async def answer(stream: trio.SocketStream, target: str) -> bool:
        head = b"HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n" % code
        await stream.send_all(head if target == "/a" else with_length(b'"b"'))
        return True

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        with trio.fail_after(5):
            with pytest.raises(ApiError) if code == 304 else nullcontext():
                assert await client.get("/a") == b""
            assert await client.get("/b") == b'"b"'
        assert server.connections == 1
