"""A chunked body, put together as it comes."""

from __future__ import annotations

from typing import Final

import httptools

__all__ = ["Chunks"]

_FRAMING_BYTES: Final = 16
"""Of one chunk, without extensions."""

_MAX_EXCESS_BYTES: Final = 64 * 1024
"""Of framing beyond that, in extensions and trailers, while the body does not get on (R14)."""


class Chunks:
    """A chunked body, put together as it comes. httptools reads the framing, with its extensions and trailers."""

    def __init__(self, begun: bytes) -> None:
        self.is_complete = False
        self.has_surplus = False
        """Whether bytes came behind the body: they do not belong to it, and the connection cannot be used any more."""
        self.error: httptools.HttpParserError | str | None = None
        self._excess = 0
        # Since progress was last looked at: what came, and what of the body was in it that has been taken.
        self._received = self._taken_bytes = self._taken_parts = 0
        self._parts: list[bytes] = []
        self._end = 0
        # httptools calls this for each chunk, or for as much of one as there is.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)
        # The parser has to know that chunks follow, and nothing else of the head that h11 has read.
        self._parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        if begun:
            self.feed(begun)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to `take`."""
        return not self._parts

    @property
    def goes_on(self) -> bool:
        """Whether there is more of the body to come."""
        return not self.is_complete and self.error is None

    def feed(self, data: bytes) -> None:
        """What came from the socket. From where it is not HTTP any more there is an `error`, behind what was good."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self.is_complete:
                self.has_surplus = True
            else:
                self.error = error
        if self.has_surplus:
            del self._parts[self._end :]
        # Adding up all parts of every read would cost as much as reading them.
        self._received += len(data)
        if self._received > _MAX_EXCESS_BYTES:
            self._require_progress()

    def _require_progress(self) -> None:
        size = self._taken_bytes + sum(map(len, self._parts))
        count = self._taken_parts + len(self._parts)
        self._excess = max(0, self._excess + self._received - 2 * size - _FRAMING_BYTES * (count + 1))
        # What is still here is counted when it is taken; it must not count twice.
        self._received = 0
        self._taken_bytes, self._taken_parts = self._taken_bytes - size, self._taken_parts - count
        if self._excess > _MAX_EXCESS_BYTES and self.goes_on:
            self.error = f"more than {_MAX_EXCESS_BYTES} bytes of it are no data"

    def take(self) -> bytes:
        """The body as far as it came since the last call."""
        parts = self._parts
        self._taken_parts += len(parts)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._taken_bytes += len(data)
        parts.clear()
        return data

    def on_message_complete(self) -> None:
        """Httptools calls this after the last chunk and its trailers."""
        if not self.is_complete:
            self._end = len(self._parts)
        self.is_complete = True

    def on_message_begin(self) -> None:
        """Httptools calls this where it sees a response begin: a second one was not asked for."""
        self.has_surplus = self.is_complete
