"""HTTP/1.1 as the server reads it, byte by byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.testing.doors._request_reader import MAX_HEAD_BYTES, MAX_REQUESTS_AHEAD, NotHttp, RequestReader

GET = b"GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n"
POST = b"POST /api%20x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
UPGRADE = b"GET /h HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
LAST = b"GET /last HTTP/1.0\r\n\r\n"
EVERYTHING = GET + POST + CHUNKED + UPGRADE + LAST


def read(reader: RequestReader) -> list[tuple[str, str, bytes, bool, bool, str]]:
    found = []
    while (one := reader.next()) is not None:
        request = one.request
        found.append((request.method, request.path, request.body, one.keep_alive, one.chunked, one.upgrade))
    return found


@given(st.lists(st.integers(0, len(EVERYTHING)), max_size=20))
def test_requests_are_the_same_wherever_the_bytes_were_cut(cuts: list[int]) -> None:
    """Also several in one read; who wants to upgrade, and is not, goes on."""
    reader = RequestReader()
    edges = [0, *sorted(cuts), len(EVERYTHING)]
    for start, end in pairwise(edges):
        if EVERYTHING[start:end]:
            reader.feed(EVERYTHING[start:end])

    assert read(reader) == [
        ("GET", "/api/v1/pods", b"", True, True, ""),
        ("POST", "/api x", b"hello", True, True, ""),
        ("PUT", "/x", b"abcde", True, True, ""),
        ("GET", "/h", b"", True, True, "h2c"),
        ("GET", "/last", b"", False, False, ""),
    ]


def test_a_client_that_waits_to_be_told_is_told_once() -> None:
    """`Expect: 100-continue`, until the body begins."""
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")

    assert [reader.expects_continue(), reader.expects_continue()] == [True, False]
    assert reader.next() is None
    reader.feed(b"x")
    assert [one[2] for one in read(reader)] == [b"x"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_is_no_request_is_said_after_those_before_it(data: bytes) -> None:
    """TLS, no host, no ASCII, two lengths; and nothing is read after it."""
    reader = RequestReader()
    reader.feed(GET)
    reader.feed(data)
    reader.feed(GET)

    assert reader.next() is not None
    with pytest.raises(NotHttp, match="400 Bad Request"):
        reader.next()


def test_a_head_without_end_is_too_large() -> None:
    """Bounded as in Go's server."""
    reader = RequestReader()
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n")
    for _ in range(MAX_HEAD_BYTES // 60_000 + 1):
        reader.feed(b"X: " + b"x" * 60_000 + b"\r\n")

    with pytest.raises(NotHttp, match="431"):
        reader.next()


def test_who_sends_ahead_without_end_is_noticed() -> None:
    """More than any client has reason to."""
    reader = RequestReader()
    reader.feed(GET * MAX_REQUESTS_AHEAD)
    assert not reader.is_full
    reader.feed(GET)
    assert reader.is_full
