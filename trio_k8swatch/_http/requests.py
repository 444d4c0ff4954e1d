"""One request to the API server: sent when the server is willing, its refusal an error, its body ready to be read."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import httpx
import trio

from trio_k8swatch._deadline_precision import deadline_step
from trio_k8swatch._errors import ApiError, ConfigError, ProtocolError, Unavailable
from trio_k8swatch._wire import error_from_response, parse_retry_after

from .gate import Gate
from .hedging import first_answer
from .reachability import Attempt
from .request_body import RequestBody
from .response_body import Body, body_of
from .warnings import log_warnings
from .writes.call import is_eviction

if TYPE_CHECKING:
    from trio_k8swatch.connect import Connection

__all__ = ["Requests", "located", "located_error", "read_all", "read_parts"]

_SUCCESS: Final = range(200, 300)
_BEFORE_SENDING: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""After these no byte of the request has left."""

_TOO_MANY_REQUESTS: Final = 429
_MAX_REDIRECTS: Final = 5
_MAX_ERROR_BODY_BYTES: Final = 64 * 1024

_LEAST_BYTES: Final = 512
"""That a body has to bring in each silence limit: no connection is so slow (R17)."""

_PART_BYTES: Final = 512 * 1024
"""What a transport hands over at once may be a whole list; no more than this is worked on between two checkpoints."""


class Requests:
    """Sends requests, and holds them back for all who use it while the server asks for it."""

    def __init__(self, connection: Connection, http: httpx.AsyncClient, gate: Gate) -> None:
        self._connection = connection
        self._http = http
        self._gate = gate

    async def prepare(self, *, doing: str) -> None:
        """Bring the credentials up to date, before `get`. That has a time limit of its own: someone may have to log in."""
        with located(doing, may_have_happened=False):
            await self._connection.prepare()

    @asynccontextmanager
    async def get(
        self,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        doing: str,
        silence_limit: float,
        is_watch: bool = False,
        method: str = "GET",
        content: bytes | None = None,
        verb: str = "",
    ) -> AsyncGenerator[Body]:
        """The body of the answer, to be read in the block; leaving it early closes the connection.

        `doing` says for people what this is for. With a `verb` (as in `error_from_status`), and for anything but GET, it is sent
        once; else perhaps again while there is no answer. Raises ApiError for a refusal, whose explanation may take
        `silence_limit` seconds to come, and Unavailable if there is no answer. How long
        to wait for the answer is the caller's business.
        """
        with located(doing):
            # httpx would parse the URL twice if it were to add the query itself.
            url = f"{self._connection.server}{path}?{urlencode(query)}" if query else self._connection.server + path

            async def send(attempt: Attempt) -> httpx.Response:
                request = self._http.build_request(method, url, headers=headers, content=content)
                request.stream = RequestBody(content or b"")
                return await self._send(request, attempt, is_watch=is_watch)

            if method == "GET" and not verb:
                response = await first_answer(self._gate, send, takes_turns=is_watch)
            else:
                async with self._gate.turn() as attempt:
                    response = await send(attempt)
            try:
                body = body_of(response)
            except ProtocolError:
                await response.aclose()
                raise
        try:
            if response.status_code not in _SUCCESS:
                raise await self._refusal(response, body, doing, silence_limit, verb)
            if verb:
                log_warnings(response.headers.get_list("warning"), doing)
            # What the block raises is its own, and leaves as it was raised: who reads the body says what that was for.
            with self._doubting(is_watch=is_watch):
                yield body
        finally:
            await body.aclose()

    async def _send(self, request: httpx.Request, attempt: Attempt, *, is_watch: bool) -> httpx.Response:
        limit = attempt.answer_seconds if is_watch else float("inf")
        request.extensions["timeout"] = {"connect": attempt.connect_seconds}
        with trio.CancelScope(deadline=trio.current_time() + limit):
            try:
                return await self._follow(request, attempt)
            except Unavailable as error:
                self._gate.failed(attempt, str(error))
                raise
        why = f"{self._connection.server} did not answer within {limit:g} s"
        self._gate.failed(attempt, why)
        raise Unavailable(why)

    async def _follow(self, request: httpx.Request, attempt: Attempt) -> httpx.Response:
        for _ in range(_MAX_REDIRECTS):
            with self._translated():
                response = await self._http.send(request, stream=True)
            # Before the next in line has its turn; what a Status says beyond the header, only this request waits for.
            self._note_willingness(response, attempt)
            if response.next_request is None:
                return response
            await response.aclose()
            if request.method != "GET":
                raise ProtocolError(
                    f"{self._connection.server} redirects: a write is not sent elsewhere, and was not done"
                )
            _require_same_origin(request.url, response.next_request.url)
            request = response.next_request
        raise ProtocolError(f"{self._connection.server} redirects more than {_MAX_REDIRECTS} times")

    @contextmanager
    def _doubting(self, *, is_watch: bool) -> Generator[None]:
        """What ends a watch may end them all, unless it is what the server said, or we who left."""
        try:
            yield
        except Unavailable:
            if is_watch:
                self._gate.doubt()
            raise
        if is_watch:
            self._gate.doubt()

    @contextmanager
    def _translated(self) -> Generator[None]:
        """What httpx and transports made for it raise, as our errors."""
        server = self._connection.server
        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ConfigError(f"{server} is not a URL that can be used: {error}") from error
        except httpx.TransportError as error:
            never_left = isinstance(error, _BEFORE_SENDING)
            why = f"{server} cannot be reached: {error or type(error).__name__}"
            raise Unavailable(why, may_have_happened=not never_left) from error

    async def _refusal(
        self, response: httpx.Response, body: Body, doing: str, silence_limit: float, verb: str
    ) -> ApiError:
        try:
            text = await read_all(body, silence_limit=silence_limit, at_most=_MAX_ERROR_BODY_BYTES)
        except Unavailable:
            # That the explanation is cut off does not change what the status says.
            text = b""
        return error_from_response(
            response.status_code, response.headers, text, doing=doing, now_epoch=time.time(), verb=verb
        )

    def _note_willingness(self, response: httpx.Response, attempt: Attempt) -> None:
        retry_after = parse_retry_after(response.headers.get("retry-after", ""), now_epoch=time.time())
        is_throttled = response.status_code == _TOO_MANY_REQUESTS and not is_eviction(response.request.url.path)
        if is_throttled and retry_after:
            self._gate.refused(attempt, retry_after)
        else:
            self._gate.accepted(attempt)


async def read_all(body: Body, *, silence_limit: float, at_most: int | None = None) -> bytes:
    """A whole body, or its first bytes up to about `at_most`. Unavailable if nothing comes for `silence_limit` seconds."""
    parts: list[bytes] = []
    await read_parts(body, parts.append, silence_limit=silence_limit, at_most=at_most)
    return b"".join(parts)


async def read_parts(
    body: Body, take: Callable[[bytes], object], *, silence_limit: float, at_most: int | None = None
) -> None:
    """As `read_all`, but each part is handed to `take` as it comes, with a checkpoint in between.

    Bytes that drip are silence, too: within `silence_limit` the body has to end, or to get on by some hundred bytes.
    """
    size = enough = 0
    with trio.CancelScope() as scope:
        while at_most is None or size < at_most:
            deadline = trio.current_time() + silence_limit
            if size >= enough and abs(scope.deadline - deadline) > deadline_step(silence_limit):
                scope.deadline = deadline
                enough = size + _LEAST_BYTES
            part = await body.read()
            if part is None:
                break
            size += len(part)
            if len(part) > _PART_BYTES:
                # While it is us who are busy, nobody is silent.
                scope.deadline = float("inf")
            take(part[:_PART_BYTES])
            for begin in range(_PART_BYTES, len(part), _PART_BYTES):
                await trio.lowlevel.checkpoint()
                take(part[begin : begin + _PART_BYTES])
    if scope.cancelled_caught:
        raise Unavailable(f"too little came for {silence_limit:g} s, {size} bytes into the answer")


@contextmanager
def located(doing: str, *, may_have_happened: bool = True) -> Generator[None]:
    """Say of an error that has no place yet what it prevented; of what is done before a request, that it never left."""
    try:
        yield
    except (Unavailable, ProtocolError) as error:
        raise located_error(error, doing, may_have_happened=may_have_happened) from error


def located_error(
    error: Unavailable | ProtocolError, doing: str, *, may_have_happened: bool = True
) -> Unavailable | ProtocolError:
    """The error that says what `error` prevented. As `located`, where a context manager for each read would cost too much."""
    message = f"cannot {doing}: {error}"
    if isinstance(error, Unavailable):
        return Unavailable(message, may_have_happened=may_have_happened and error.may_have_happened)
    return ProtocolError(message)


def _require_same_origin(origin: httpx.URL, target: httpx.URL) -> None:
    """Credentials go to the server they are for, and nowhere else (F34)."""
    if (origin.scheme, origin.host, origin.port) != (target.scheme, target.host, target.port):
        raise ProtocolError(
            f"{origin.scheme}://{origin.host} redirects to another origin, {target.scheme}://{target.host}: not followed, because"
            " the credentials would go there; use that server if it is the right one"
        )
