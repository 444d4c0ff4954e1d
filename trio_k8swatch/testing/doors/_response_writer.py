"""HTTP/1.1 as the server writes it: answers in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from trio_k8swatch.testing._http.messages import Headers

LAST_CHUNK: Final = b"0\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def head(status: int, headers: Headers, *, close: bool) -> bytes:
    """The head of an answer, its headers as they are and in their order."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    end = "Connection: close\r\n\r\n" if close else "\r\n"
    return f"{_status_line(status)}{lines}{end}".encode("latin-1")


def framing(headers: Headers) -> tuple[bool, int | None]:
    """Whether the body is sent in chunks; its length, where the headers say one."""
    for name, value in headers:
        if name == "Transfer-Encoding":
            return True, None
        if name == "Content-Length":
            return False, int(value)
    return False, None


def framed(pieces: Iterable[bytes], *, chunked: bool) -> bytes:
    """Pieces of a body as they go to the wire: each a chunk of its own, or all as they are."""
    if not chunked:
        return b"".join(pieces)
    return b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece])


def not_http(status: str) -> bytes:
    """What Go's server says to who does not speak HTTP, or says too much in its headers."""
    lines = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    return f"{lines}{status}".encode()


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        # As Go's net/http names those that it does not know.
        phrase = f"status code {status}"
    return f"HTTP/1.1 {status} {phrase}\r\n"
