"""HTTP/1.1 as the server reads it: bytes in, requests out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import httptools

from trio_k8swatch.testing._http.messages import MAX_BODY_BYTES, Request

# Go's server reads so much of a request's head (1 MiB and some slack).
MAX_HEAD_BYTES: Final = (1 << 20) + 4096
# The head of a body that is too large is kept: that is enough to know that it is.
KEPT_BODY_BYTES: Final = MAX_BODY_BYTES + 1
MAX_REQUESTS_AHEAD: Final = 100


class NotHttp(Exception):
    """What was received is no request, or too much of one; `status` is the line that says so to the client."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status: str = status


@dataclass(frozen=True, slots=True)
class Received:
    """A request, and what its client expects of the connection: to be kept, to be framed as by HTTP/1.1, an upgrade."""

    request: Request
    keep_alive: bool
    chunked: bool
    upgrade: str


class RequestReader:
    """Feed it what arrives, and take the requests that are complete."""

    def __init__(self) -> None:
        self._complete: deque[Received] = deque()
        self._problem: NotHttp | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._waits: bool = False
        self._head_is_complete = False
        self._head_bytes = 0

    def feed(self, data: bytes) -> None:
        """More bytes. What is wrong with them is raised by `next`, after the requests before it."""
        if self._problem is not None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Whoever wants to speak something else is answered as if it did not, unless a door knows how.
            self._parser = httptools.HttpRequestParser(self)
            self._begin()
            rest: int = upgrade.args[0]
            if data[rest:]:
                self.feed(data[rest:])
            return
        except httptools.HttpParserError:
            self._problem = NotHttp("400 Bad Request")
            return
        if not self._head_is_complete:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._problem = NotHttp("431 Request Header Fields Too Large")

    def next(self) -> Received | None:
        """The next request; None if more has to be received first. Raises `NotHttp`."""
        if self._complete:
            return self._complete.popleft()
        if self._problem is not None:
            raise self._problem
        return None

    def expects_continue(self) -> bool:
        """Whether the client waits for permission to send the body; true once for a request."""
        waits = self._waits and not self._body
        self._waits = False
        return waits

    @property
    def is_full(self) -> bool:
        """Whether more requests wait than any client has reason to send ahead."""
        return len(self._complete) > MAX_REQUESTS_AHEAD

    # What the parser calls

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("ascii", "replace").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_is_complete = True
        self._waits = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        self._body += body[: KEPT_BODY_BYTES - len(self._body)]

    def on_message_complete(self) -> None:
        version = self._parser.get_http_version()
        if not self._url.isascii() or (version == "1.1" and "host" not in self._headers):
            self._problem = self._problem or NotHttp("400 Bad Request")
            return
        path, _, query = self._url.decode("ascii").partition("?")
        method = self._parser.get_method().decode("ascii")
        request = Request.make(method, unquote(path), query, self._headers, bytes(self._body))
        upgrade = self._headers.get("upgrade", "").lower() if self._parser.should_upgrade() else ""
        self._waits = False
        self._complete.append(Received(request, self._parser.should_keep_alive(), version == "1.1", upgrade))
