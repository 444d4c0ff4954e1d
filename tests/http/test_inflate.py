"""Compressed bodies are inflated whole, in bounded pieces, whatever they are made of (R4, R14)."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from itertools import pairwise

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import ApiError, ListOptions, Unavailable, open_client
from trio_k8swatch._http.inflate import PIECE_BYTES, Inflater


def inflated(*parts: bytes) -> bytes:
    inflater = Inflater()
    out = b""
    for part in parts:
        inflater.feed(part)
        while piece := inflater.take():
            assert len(piece) <= PIECE_BYTES
            out += piece
    inflater.finish()
    return out


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=5), st.lists(st.integers(0, 10_000), max_size=8))
def test_R4_all_members_of_a_body_are_read(members: list[bytes], cuts: list[int]) -> None:
    """However many gzip members it has, and wherever reads cut it."""
    body = b"".join(gzip.compress(member) for member in members)
    ends = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    parts = [body[begin:end] for begin, end in pairwise(ends)]

    assert inflated(*parts) == b"".join(members)


def test_deflate_is_read_too() -> None:
    """Some proxies recompress so."""
    assert inflated(zlib.compress(b"hello")) == b"hello"


@pytest.mark.parametrize("body", [gzip.compress(b"hello")[:-1], gzip.compress(b"a") + gzip.compress(b"b")[:5], b""])
def test_R4_a_body_that_ends_in_the_middle_is_not_whole(body: bytes) -> None:
    """In the middle of a later member, too."""
    with pytest.raises(Unavailable, match="ends in the middle"):
        inflated(body)


def test_R4_what_follows_a_member_and_is_none_is_damage() -> None:
    """Nothing is left out silently."""
    with pytest.raises(Unavailable, match="damaged"):
        inflated(gzip.compress(b"hello") + b"garbage")


class Answer(httpx.AsyncBaseTransport):
    """One answer to everything, part by part."""

    def __init__(self, status: int, *parts: bytes) -> None:
        self.status, self.parts, self.read = status, parts, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = self

        class Stream(httpx.AsyncByteStream):
            async def __aiter__(self):
                for part in answer.parts:
                    answer.read += 1
                    yield part
                    await trio.lowlevel.checkpoint()

        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        return httpx.Response(self.status, headers=headers, stream=Stream())


async def test_R4_a_watch_in_gzip_members_loses_nothing(autojump_clock: object) -> None:
    """As a recompressing proxy sends it: one member for each flush."""
    line = b'{"type":"%s","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","uid":"1","resourceVersion":"%d"}}}\n'
    parts = [gzip.compress(line % (type_, 5 + n)) for n, type_ in enumerate((b"ADDED", b"MODIFIED", b"DELETED"))]
    async with open_client(transport=Answer(200, *parts)) as client:
        async with client.resource("v1", "pods").watch(ListOptions(resource_version="4")) as events:
            assert [event.type async for event in events] == ["ADDED", "MODIFIED", "DELETED"]


async def test_R14_an_error_that_inflates_without_end_is_cut_off(autojump_clock: object) -> None:
    """A gigabyte in a megabyte: no more is inflated than an error message may have."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(b"x" * (1 << 20)) for _ in range(200)) + compressor.flush()
    tracemalloc.start()
    try:
        async with open_client(transport=Answer(503, bomb)) as client:
            with pytest.raises(ApiError):
                await client.get("/version")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_all_members_that_have_come_are_one_piece() -> None:
    """A streaming list of Kubernetes 1.37 has a member for each object: they are taken as they came, not one by one."""
    inflater = Inflater()
    inflater.feed(b"".join(gzip.compress(b"%d," % number) for number in range(500)))
    assert inflater.take() == b"".join(b"%d," % number for number in range(500))
    assert inflater.take() == b""
    inflater.finish()


def test_what_was_good_comes_before_the_damage() -> None:
    inflater = Inflater()
    inflater.feed(gzip.compress(b"good") + b"damaged")
    assert inflater.take() == b"good"
    for _ in range(2):
        with pytest.raises(Unavailable, match="damaged"):
            inflater.take()
