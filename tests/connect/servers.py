"""A TLS server on loopback in front of a `FakeApiServer`, which looks at the certificates of its clients."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio
import trustme

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing.doors._socket import _exchanges, serve

REFUSAL = b'{"kind":"Status","apiVersion":"v1","message":"Unauthorized","reason":"Unauthorized","code":401}'


class SecureServer:
    """`names` are those in the server's certificate. Requests of clients whose name is in `refused` are answered 401.

    As a kube-apiserver does it: certificates are asked for, verified if they come, and judged at each request.
    """

    def __init__(self, *names: str, fake: FakeApiServer | None = None) -> None:
        self.fake = fake or FakeApiServer()
        self.authority = trustme.CA()
        self.client_authority = trustme.CA()
        self.refused: set[str | None] = set()
        self.clients: list[str | None] = []
        self.requests: list[Request] = []
        self.server_names: list[str] = []
        self.handshakes = 0
        self.require_certificate = False
        self.certificate: trustme.LeafCert = self.authority.issue_cert(*(names or ("127.0.0.1",)))

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate.configure_cert(context)
        self.client_authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED if self.require_certificate else ssl.CERT_OPTIONAL
        context.sni_callback = lambda _object, name, _context: self.server_names.append(name)
        return context

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        async with trio.open_nursery() as nursery:
            serve = partial(trio.serve_tcp, self._connection, 0, host="127.0.0.1")
            listeners = await nursery.start(serve)
            yield f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            nursery.cancel_scope.cancel()

    def serve_plainly(self) -> AbstractAsyncContextManager[str]:
        """The same without TLS."""
        return serve(partial(self._handle, None), _raise)

    async def _connection(self, stream: trio.SocketStream) -> None:
        secured: Any = trio.SSLStream(stream, self.context(), server_side=True, https_compatible=True)
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError:
            # trio keeps the alert to itself; real servers say why.
            with suppress(trio.BrokenResourceError):
                await stream.send_all(secured._outgoing.read())
                await stream.send_eof()
                await stream.receive_some()
            return
        self.handshakes += 1
        certificate = secured.getpeercert()
        async with secured:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await _exchanges(partial(self._handle, _name_in(certificate)), secured)

    async def _handle(self, client: str | None, request: Request) -> Response:
        self.clients.append(client)
        self.requests.append(request)
        if client in self.refused:
            return answer(401, "application/json", [REFUSAL])
        return await self.fake.handle(request)


def _raise(error: Exception, _: str) -> None:
    raise error


def _name_in(certificate: dict[str, Any] | None) -> str | None:
    if not certificate:
        return None
    return dict(certificate["subjectAltName"])["email"]
