"""Which of the bytes of an HTTP/1.1 connection are the head of a response, and which its body.

Rule 1: bytes in, bytes out; no socket, no clock.
Rule 2: a response ends where its head says. What comes behind it, before another request was sent, is nobody's: it would be
taken for the response to the next request, so the connection cannot be used any more.
"""

from __future__ import annotations

import re
from typing import Final

from .chunked_encoding import Chunks

__all__ = ["ResponseFraming", "SurplusError"]

MAX_HEAD_BYTES: Final = 64 * 1024
"""h11 refuses larger heads; it gets to see them and says so itself."""

MAX_INTERIM_RESPONSES: Final = 16
"""From there on h11 sees the end of the connection instead: a server may not announce an answer for ever (R14)."""

# As h11, which also takes heads whose lines end without a carriage return.
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_CONTENT_LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*(\d{1,19})[ \t]*\r?\n", re.IGNORECASE)
_NO_BODY: Final = (b"204", b"304")


class SurplusError(Exception):
    """Bytes came behind the end of a response."""


class ResponseFraming:
    """What h11 gets to see: the head of each response by itself, then no more of a body than its length."""

    def __init__(self) -> None:
        self._unread = b""
        self._is_over = False
        self._awaits_head = False
        # Of a body with a length, what is still to come; None for bodies that end in another way.
        self._left: int | None = None
        # Follows a body in chunks up to its end, unless somebody else reads it.
        self._chunks: Chunks | None = None
        self._interim_responses = 0

    @property
    def awaits_head(self) -> bool:
        """Whether the head of a response has still to come."""
        return self._awaits_head

    def sent(self) -> None:
        """A request, or a part of one, was sent. Raises SurplusError if something came before it."""
        if self._unread:
            raise SurplusError
        if not self._awaits_head:
            self._awaits_head, self._left, self._chunks, self._interim_responses = True, None, None, 0

    def received(self, data: bytes) -> None:
        """Something came; nothing, if the other side has closed."""
        self._unread += data
        self._is_over = not data

    def take(self) -> bytes | None:
        """The next bytes for h11; None if more has to be received first. Raises SurplusError."""
        if self._awaits_head:
            return self._head()
        if not self._unread:
            return b"" if self._is_over else None
        data, self._unread = self._unread, b""
        if self._chunks is not None:
            self._chunks.feed(data)
            self._chunks.take()
            if self._chunks.has_surplus:
                raise SurplusError
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise SurplusError
        return data

    def rest(self) -> bytes:
        """What came of a body in chunks together with its head: whoever takes it reads the body from here on."""
        data, self._unread = self._unread, b""
        self._chunks = None
        return data

    def _head(self) -> bytes | None:
        data = self._unread
        found = _HEAD_END.search(data)
        if found is None:
            if len(data) < MAX_HEAD_BYTES and not self._is_over:
                return None
            self._unread = b""
            return data
        head, self._unread = data[: found.end()], data[found.end() :]
        status = head[9:12]
        # After an interim response (HTTP/1.1 1xx) comes another head.
        self._awaits_head = status[:1] == b"1" and status != b"101"
        if self._awaits_head:
            self._interim_responses += 1
            return head if self._interim_responses <= MAX_INTERIM_RESPONSES else b""
        self._left = _length(head, status)
        if self._left is None and _is_chunked(head):
            self._chunks = Chunks(b"")
        if self._left is not None and len(self._unread) > self._left:
            raise SurplusError
        return head


def _is_chunked(head: bytes) -> bool:
    return b"\ntransfer-encoding:" in head.lower()


def _length(head: bytes, status: bytes) -> int | None:
    if status in _NO_BODY:
        return 0
    if _is_chunked(head):
        return None
    lengths = {int(length) for length in _CONTENT_LENGTH.findall(head)}
    # Two that differ are for h11 to refuse.
    return lengths.pop() if len(lengths) == 1 else None
