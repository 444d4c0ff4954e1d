"""TLS whose certificates may change while the program runs."""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import trio

from trio_k8swatch._errors import ConfigError

from .certificate import not_after
from .handshake_failure import Subject, explain

if TYPE_CHECKING:
    from collections.abc import Generator

    from trio_k8swatch.connect._credentials.credential import Credential
    from trio_k8swatch.connect._data_or_file import Material

__all__ = ["IdentitySource", "RotatingTLS"]

_log: Final = logging.getLogger("trio_k8swatch")


class IdentitySource(Protocol):
    """A plugin that may give a client certificate."""

    @property
    def identity(self) -> bytes | None: ...

    async def current(self) -> Credential: ...


@dataclass(frozen=True, slots=True, repr=False)
class _Materials:
    ca: bytes | None
    identity: bytes | None


class RotatingTLS:
    """The `TLS` of a `Connection`: what it is made of is read again for each new connection.

    `ca` is whom to trust, None for the system's authorities. `certificate` and `key` are ours; or else `plugin`
    may have them. Material that cannot be used leaves the last good one in place: files are often replaced one
    after the other.
    """

    def __init__(
        self,
        *,
        subject: Subject,
        server_name: str | None = None,
        verify: bool = True,
        ca: Material | None = None,
        certificate: Material | None = None,
        key: Material | None = None,
        plugin: IdentitySource | None = None,
    ) -> None:
        self._subject = subject
        self._server_name = server_name
        self._verify = verify
        self._ca = ca
        self._certificate = certificate
        self._key = key
        self._plugin = plugin
        self._context: ssl.SSLContext | None = None
        self._materials: _Materials | None = None
        self._lock = trio.Lock()

    @property
    def server_name(self) -> str | None:
        return self._server_name

    async def context(self) -> ssl.SSLContext:
        identity = (await self._plugin.current()).identity if self._plugin is not None else None
        async with self._lock:
            try:
                self._materials, context = await trio.to_thread.run_sync(
                    self._renewed, identity, abandon_on_cancel=True
                )
            except ConfigError as error:
                if self._context is None:
                    raise
                _log.warning("%s; the last good certificates stay in use", error)
                return self._context
            self._context = context
            return context

    def check(self) -> None:
        """Read and try what was configured, now; `ConfigError` names what is wrong. Blocks for a few milliseconds."""
        if self._ca is not None or self._certificate is not None:
            self._materials, self._context = self._renewed(None)

    def is_current(self, context: ssl.SSLContext) -> bool:
        if context is not self._context or self._materials is None:
            return False
        return self._plugin is None or self._plugin.identity == self._materials.identity

    def expired(self, now: float) -> str | None:
        """One line if our client certificate is too old at `now` (seconds since the epoch) for anybody to accept it."""
        identity = self._materials.identity if self._materials is not None else None
        end = not_after(identity) if identity is not None else None
        if end is None or end.timestamp() > now:
            return None
        return f"{self._subject.identity}: the client certificate expired at {end:%Y-%m-%d %H:%M} UTC; renew it"

    def explain(self, error: BaseException, *, host: str) -> str | None:
        return explain(error, host=host, subject=self._subject)

    def _renewed(self, identity: bytes | None) -> tuple[_Materials, ssl.SSLContext]:
        """Runs in a thread: changes nothing here."""
        if self._certificate is not None and self._key is not None:
            identity = self._certificate.read() + b"\n" + self._key.read()
        materials = _Materials(self._ca.read() if self._ca is not None else None, identity)
        if self._context is not None and materials == self._materials:
            return materials, self._context
        return materials, _build(materials, verify=self._verify, subject=self._subject)


def _build(materials: _Materials, *, verify: bool, subject: Subject) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As Go judges: names only from subjectAltName, and any certificate in the CA file is trusted, root or not.
    context.hostname_checks_common_name = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif materials.ca is None:
        context.load_default_certs()
    else:
        _trust(context, materials.ca, subject)
    if materials.identity is not None:
        _identify(context, materials.identity, subject)
    return context


def _trust(context: ssl.SSLContext, ca: bytes, subject: Subject) -> None:
    try:
        # Whatever else is in the file, between the certificates, is comment.
        context.load_verify_locations(cadata=ca.decode("ascii", errors="replace").replace("\ufffd", "?"))
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"{subject.ca} holds no PEM certificate") from None


def _identify(context: ssl.SSLContext, identity: bytes, subject: Subject) -> None:
    def refuse() -> str:
        # Without this, OpenSSL would ask on the terminal, and wait.
        raise ConfigError(f"{subject.identity}: the key is encrypted, and there is no way to give its password")

    try:
        with _private_file(identity) as path:
            context.load_cert_chain(path, password=refuse)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = "the certificate and the key do not belong together"
        elif b"-----BEGIN CERTIFICATE" not in identity:
            problem = "no PEM certificate"
        elif b"PRIVATE KEY-----" not in identity:
            problem = "no PEM private key"
        else:
            problem = f"OpenSSL cannot use the certificate or its key ({error.reason or 'unreadable'})"
        raise ConfigError(f"{subject.identity}: {problem}") from None


@contextlib.contextmanager
def _private_file(data: bytes) -> Generator[str]:
    """A path to `data` for the length of the block: never on disk on Linux, elsewhere a file only we can read.

    The ssl module takes a client certificate from a file and from nowhere else.
    """
    if sys.platform == "linux" and os.access("/proc/self/fd", os.X_OK):
        with os.fdopen(os.memfd_create("identity"), "wb") as memory:
            memory.write(data)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name
