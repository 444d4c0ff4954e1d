"""A credential that is kept fresh."""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

import trio

from trio_k8swatch._errors import ConfigError, K8sWatchError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Credential", "CredentialSource", "SingleFlight", "StaticCredential", "basic", "bearer"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """An Authorization header, a client certificate with its key (both PEM, in one piece), either or both.

    Compared by value: equal credentials will be judged equally by the server.
    """

    authorization: str | None = None
    identity: bytes | None = None


def bearer(token: str, *, label: str) -> str:
    """The header for `token`, which may have white space around it; `ConfigError` if it could not be in a header."""
    token = token.strip()
    if not token:
        raise ConfigError(f"{label} is empty")
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"{label} is not a token: it has characters that no token has")
    return f"Bearer {token}"


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


class CredentialSource(Protocol):
    """Who we are, kept up to date. Shared by everything that speaks to one server."""

    async def current(self) -> Credential:
        """The credentials to use now, renewed first if they are due."""
        ...

    async def renewed(self, rejected: Credential) -> Credential:
        """What to try after the server rejected `rejected`: the same again if there is nothing better.

        However many ask at once, one renewal is made.
        """
        ...

    async def seen(self, rejected: Credential) -> Credential:
        """As `renewed`, as far as that costs nothing: a file is read, and no program is run."""
        ...


@dataclass(frozen=True, slots=True)
class StaticCredential:
    """Credentials that cannot be renewed."""

    credential: Credential

    async def current(self) -> Credential:
        return self.credential

    async def renewed(self, rejected: Credential) -> Credential:
        return self.credential

    async def seen(self, rejected: Credential) -> Credential:
        return self.credential


class SingleFlight(Generic[T]):
    """Do `work` once for all who want it at the same time, and give each the result, or the error.

    Whoever comes first does it in its own task; should it be cancelled, the next in the line starts afresh. Nothing
    runs in the background.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._lock = trio.Lock()
        self._landed = 0
        self._result: T | K8sWatchError | None = None

    async def __call__(self) -> T:
        landed_before = self._landed
        async with self._lock:
            if self._landed == landed_before:
                self._result = await self._fly()
                self._landed += 1
            result = self._result
        if isinstance(result, K8sWatchError):
            # A copy, because several tasks that raise one exception would write into one traceback.
            raise copy.copy(result) from result.__cause__
        return cast("T", result)

    async def _fly(self) -> T | K8sWatchError:
        try:
            return await self._work()
        except K8sWatchError as error:
            return error
