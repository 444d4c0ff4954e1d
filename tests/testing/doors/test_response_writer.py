"""HTTP/1.1 as the server writes it."""

from __future__ import annotations

import pytest

from trio_k8swatch.testing.doors._response_writer import framed, framing, head, not_http


def test_the_head_keeps_headers_as_they_are() -> None:
    """Case and order are the real server's."""
    headers = (("Audit-Id", "x"), ("Content-Length", "0"))

    assert head(404, headers, close=False) == b"HTTP/1.1 404 Not Found\r\nAudit-Id: x\r\nContent-Length: 0\r\n\r\n"
    assert head(299, (), close=True) == b"HTTP/1.1 299 status code 299\r\nConnection: close\r\n\r\n"


def test_each_piece_is_a_chunk_of_its_own() -> None:
    """An empty one would end the body."""
    assert framed([b"abc", b"", b"x" * 17], chunked=True) == b"3\r\nabc\r\n11\r\n" + b"x" * 17 + b"\r\n"
    assert framed([b"abc", b"d"], chunked=False) == b"abcd"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("Transfer-Encoding", "chunked"),), (True, None)),
        ((("Content-Length", "7"),), (False, 7)),
        ((), (False, None)),
    ],
)
def test_the_framing_is_what_the_headers_say(
    headers: tuple[tuple[str, str], ...], expected: tuple[bool, int | None]
) -> None:
    """Without either, the end of the connection is the end of the body."""
    assert framing(headers) == expected


def test_who_does_not_speak_http_is_told_so() -> None:
    """In plain text, and the connection closes."""
    assert not_http("400 Bad Request").endswith(b"Connection: close\r\n\r\n400 Bad Request")
