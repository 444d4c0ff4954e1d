"""How a credential is put into requests, refreshed on a 401."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final, cast

import httpx

from trio_k8swatch._errors import Status, Unauthorized

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from trio_k8swatch.connect._tls.contexts import RotatingTLS

    from .credential import Credential, CredentialSource

__all__ = ["CredentialAuth"]

_UNAUTHORIZED: Final = 401


class CredentialAuth(httpx.Auth):
    """Authorise each request from one source; after a 401, ask it for better credentials and repeat the request.

    The request is repeated once, and only if there is something new to show: another Authorization header, or another
    client certificate than the connection was made with. If an expired certificate is all there is, that is said.
    """

    def __init__(self, source: CredentialSource, tls: RotatingTLS | None, *, now: Callable[[], float]) -> None:
        self._source = source
        self._tls = tls
        self._now = now
        self._refused: Credential | None = None

    async def has_new(self) -> bool:
        """Whether there are other credentials than those that were last refused."""
        return self._refused is not None and await self._source.seen(self._refused) != self._refused

    async def prepare(self) -> None:
        await self._source.current()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        shown = await self._source.current()
        _authorize(request, shown)
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            return
        better = await self._source.renewed(shown)
        if better != shown or await self._certificate_changed(response):
            _authorize(request, better)
            await _leave_unread(response)
            response = yield request
        if response.status_code == _UNAUTHORIZED:
            self._refused = better
            if better.authorization is None:
                self._blame_certificate()

    def _blame_certificate(self) -> None:
        problem = self._tls.expired(self._now()) if self._tls is not None else None
        if problem is not None:
            status = Status(code=_UNAUTHORIZED, reason="Unauthorized", message="Unauthorized")
            raise Unauthorized(problem, status=status)

    async def _certificate_changed(self, response: httpx.Response) -> bool:
        used = _context_of(response)
        if self._tls is None or used is None:
            return False
        await self._tls.context()
        return not self._tls.is_current(used)


async def _leave_unread(response: httpx.Response) -> None:
    """Else httpx reads the whole body before it repeats a request, however long that is (R14)."""
    await cast("httpx.AsyncByteStream", response.stream).aclose()
    response.stream = httpx.ByteStream(b"")


def _authorize(request: httpx.Request, credential: Credential) -> None:
    if credential.authorization is not None:
        request.headers["Authorization"] = credential.authorization


def _context_of(response: httpx.Response) -> ssl.SSLContext | None:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    context = getattr(secured, "context", None)
    return context if isinstance(context, ssl.SSLContext) else None
