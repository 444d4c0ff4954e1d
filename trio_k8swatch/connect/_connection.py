"""All that is needed to reach one API server as somebody it trusts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trio_k8swatch._errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import httpx

__all__ = ["TLS", "Connection", "Prepares"]


class TLS(Protocol):
    """How a connection is encrypted, and which certificates both ends show.

    Made for a network backend: ask `context()` before every new connection, wrap the socket with it and with
    `server_name` (or else the host), and let `get_extra_info("is_readable")` be true once `is_current` is
    false, so that the pool drops idle connections which carry an old client certificate.
    """

    @property
    def server_name(self) -> str | None:
        """The name in the server's certificate, if that is not the host of the URL; also sent as SNI."""
        ...

    async def context(self) -> ssl.SSLContext:
        """What a connection opened now must use.

        The same object for as long as nothing changed: a rotated CA, a renewed client certificate (a file, or
        from a plugin) give a new one. Set ALPN on it just before the handshake. Files are read in a thread, a
        plugin runs as a process: the loop is never blocked, and cancelling is safe. Raises `ConfigError` if a
        file or certificate is unusable and there is no earlier good one, `Unavailable` if a plugin failed.
        """
        ...

    def is_current(self, context: ssl.SSLContext) -> bool:
        """Whether a connection made with `context` may be used again."""
        ...

    def explain(self, error: BaseException, *, host: str) -> str | None:
        """One line on why TLS with `host` failed, naming file and field; None if TLS was not to blame."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """Credentials that may take a while to come, such as a plugin's."""

    async def prepare(self) -> None: ...


@runtime_checkable
class Renews(Protocol):
    """Credentials of which it can be seen that there are new ones."""

    async def has_new(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Connection:
    """One API server, and the credentials for it.

    Nothing is opened by making one. It is a description: any number of clients may share it, in any thread and any run of
    trio, because each has credentials and TLS of its own (`for_client`).

    `auth` adds the Authorization header; on a 401 it refreshes once, for all requests that wait, and repeats
    the request if that brought other credentials. `tls` is None for http. `proxy` is an http, https or socks5
    URL, chosen as kubectl chooses it. `headers` go with every request (impersonation). `compress` is false
    where answers must not be gzipped. `source` says in words where all this was found, for error messages.
    """

    server: str
    namespace: str = "default"
    auth: httpx.Auth | None = None
    tls: TLS | None = None
    proxy: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    compress: bool = True
    source: str = "arguments"
    living: Callable[[], tuple[httpx.Auth | None, TLS | None]] | None = field(default=None, compare=False)
    """Makes `auth` and `tls` anew. Without it, clients share those that there are."""

    def __post_init__(self) -> None:
        """Raises `ConfigError` for what could not work, or would do so in the clear."""
        if self.server.startswith("https:") and self.tls is None:
            raise ConfigError("a Connection to an https server needs tls; connect.to(...) makes one")

    def for_client(self) -> Connection:
        """The same connection with `auth` and `tls` of its own: their locks, clocks and caches belong to one run of trio.

        Raises ConfigError, as when the connection was made, for files that cannot be used any more.
        """
        if self.living is None:
            return self
        auth, tls = self.living()
        return replace(self, auth=auth, tls=tls)

    async def prepare(self) -> None:
        """Bring the credentials up to date, so that the next request will not have to wait for a plugin.

        Call it outside of a request's own time limit; a plugin has its own. Does nothing if nothing is due.
        """
        if isinstance(self.auth, Prepares):
            await self.auth.prepare()

    async def has_new_credentials(self) -> bool:
        """Whether there are others than the server has last refused, as far as that can be seen: in a file, not in a plugin."""
        return isinstance(self.auth, Renews) and await self.auth.has_new()

    def __repr__(self) -> str:
        return f"Connection(server={self.server!r}, namespace={self.namespace!r}, source={self.source!r})"
