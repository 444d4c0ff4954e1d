"""Faults of whole answers: refusals, and how long they take."""

from __future__ import annotations

from collections.abc import Callable

import trio

from trio_k8swatch.testing._http.answers import refusal, text_answer
from trio_k8swatch.testing._http.messages import Headers, Request, Response, answer
from trio_k8swatch.testing._http.response_steps import Dropped, Ending
from trio_k8swatch.testing._http.statuses import Refused

from ._fault import Effect, Strike


class Instead(Effect):
    """Answer this instead of what was asked for; None leaves it to the server."""

    def __init__(self, make: Callable[[Request], Response | None]) -> None:
        self._make = make

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        response = self._make(request)
        return response if response is not None and strike() else request


class Late(Effect):
    """Nothing comes back for so many seconds, headers included; then all goes on as if nothing had been."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        if strike():
            await trio.sleep(self._seconds)
        return request


class NoAnswer(Effect):
    """The connection ends before any answer."""

    def __init__(self, how: Ending) -> None:
        self._how: Ending = how

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        if strike():
            raise Dropped(self._how)
        return request


class Rewritten(Effect):
    """The server sees another request than the client sent."""

    def __init__(self, change: Callable[[Request], Request]) -> None:
        self._change = change

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        changed = self._change(request)
        return changed if changed is not request and strike() else request


class AlteredBody(Effect):
    """The client sees another body than the server wrote; None leaves it. Streams are not touched."""

    def __init__(self, change: Callable[[Response, bytes], bytes | None]) -> None:
        self._change = change

    def after(self, response: Response, strike: Strike) -> Response:
        content = response.body.content()
        if content is None or response.status != 200:
            return response
        changed = self._change(response, content)
        return response.with_content(changed) if changed is not None and strike() else response


def status(refused: Refused, headers: Headers = ()) -> Effect:
    """Refuse with a `Status` body."""
    return Instead(lambda _: refusal(refused).with_headers(*headers))


def text(code: int, content: str, content_type: str = "text/plain; charset=utf-8", headers: Headers = ()) -> Effect:
    """Refuse in words that are no `Status`."""
    if content_type.startswith("text/plain"):
        return Instead(lambda _: text_answer(code, content, headers))
    return Instead(lambda _: answer(code, content_type, [content.encode()], headers))
