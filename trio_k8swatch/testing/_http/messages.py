"""A request and its answer, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from .response_player import Body, whole
from .response_steps import CHUNK_BYTES, chunks

# The API server reads no more than that of a request's body: what is larger is refused with 413.
MAX_BODY_BYTES: Final = 3 * 1024 * 1024

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. Header names are in lower case, the path is decoded, the query is in the order sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @classmethod
    def make(cls, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
        """From the parts of a request line, `query` still encoded and `headers` in any case."""
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        return cls(method.upper(), path, pairs, {name.lower(): value for name, value in headers.items()}, body)

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, or the empty string: the API does not tell absent from empty."""
        return next((value for key, value in self.query if key == name), "")

    def with_parameter(self, name: str, value: str) -> Request:
        """The same request with another value for a query parameter."""
        return replace(self, query=(*self.without_parameters(name).query, (name, value)))

    def without_parameters(self, *names: str) -> Request:
        """The same request without some query parameters; itself if it has none of them."""
        query = tuple(pair for pair in self.query if pair[0] not in names)
        return self if query == self.query else replace(self, query=query)

    def flag(self, name: str) -> bool:
        """A query parameter as Go's `strconv.ParseBool` reads it; anything else counts as set."""
        value = next((value for key, value in self.query if key == name), None)
        return value is not None and value.lower() not in {"0", "f", "false"}


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answers. The body is read once; whoever takes the response must close the body."""

    status: int
    headers: Headers
    body: Body

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def is_watch(self) -> bool:
        """Whether it is a stream of events, which may take for ever."""
        return self.status == 200 and not self.body.is_whole

    def with_content(self, content: bytes) -> Response:
        """The same answer with another body, framed to fit."""
        self.body.close()
        pieces = chunks([content])
        kept = tuple(pair for pair in self.headers if pair[0] not in {"Content-Length", "Transfer-Encoding"})
        return Response(self.status, (*kept, _framing(pieces)), whole(pieces))

    def without_body(self) -> Response:
        """The same head, as HEAD is answered."""
        self.body.close()
        return replace(self, body=whole([]))

    def streamed(self) -> Response:
        """The same answer without a length, as a stream is sent."""
        kept = tuple(pair for pair in self.headers if pair[0] != "Content-Length")
        return replace(self, headers=(*kept, ("Transfer-Encoding", "chunked")))

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """The same answer with these headers instead of any of the same name."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=kept + headers)

    def with_warnings(self, *warnings: str) -> Response:
        """The same answer with a Warning header for each, behind those that it has."""
        texts = (warning.replace("\\", "\\\\").replace('"', '\\"') for warning in dict.fromkeys(warnings))
        made = tuple(("Warning", f'299 - "{text}"') for text in texts)
        return replace(self, headers=self.headers + made)


def answer(status: int, content_type: str, writes: list[bytes], headers: Headers = ()) -> Response:
    """A complete answer. `writes` are the pieces the server writes: they decide the chunks, as net/http does it."""
    pieces = chunks(writes)
    head = (("Cache-Control", "no-cache, private"), ("Content-Type", content_type), *headers, _framing(pieces))
    return Response(status, head, whole(pieces))


def _framing(pieces: list[bytes]) -> tuple[str, str]:
    """What fits into the first chunk is sent with its length instead."""
    length = sum(map(len, pieces))
    if len(pieces) > 1 or length > CHUNK_BYTES:
        return "Transfer-Encoding", "chunked"
    return "Content-Length", str(length)
