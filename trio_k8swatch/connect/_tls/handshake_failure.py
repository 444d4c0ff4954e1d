"""What to tell somebody whose TLS handshake failed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Subject", "explain"]

# OpenSSL's x509_vfy.h.
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_SELF_SIGNED: Final = (18, 19)
_NO_ISSUER: Final = (2, 20, 21, 27)
_WRONG_NAME: Final = (62, 64)

# Alerts by which a server says that it does not like our client certificate.
_REFUSALS: Final = {
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our client certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "our client certificate has been revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not accept our client certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server does not accept our client certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the server does not accept this kind of client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know the authority that signed our client certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "the server does not accept our client certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server asks for a client certificate",
}


class Subject(msgspec.Struct, frozen=True):
    """Where in the configuration each part of TLS is decided, as file and field."""

    ca: str
    identity: str
    server_name: str


def explain(error: BaseException, *, host: str, subject: Subject) -> str | None:
    """One line for the first TLS error in the chain of causes; None if there is none."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {_unverified(cause, host, subject)}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {_refused(cause, host, subject)}"
    return None


def _unverified(error: ssl.SSLCertVerificationError, host: str, subject: Subject) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return f"the certificate of {host} has expired (or this machine's clock is wrong)"
    if code == _NOT_YET_VALID:
        return f"the certificate of {host} is not valid yet (or this machine's clock is wrong)"
    if code in _WRONG_NAME:
        return f"the certificate of {host} is made out to another name; if that is right, set {subject.server_name}"
    if code in _SELF_SIGNED or code in _NO_ISSUER:
        return f"the certificate of {host} is not signed by an authority in {subject.ca}"
    return f"the certificate of {host} is not accepted: {error.verify_message}"


def _refused(error: ssl.SSLError, host: str, subject: Subject) -> str:
    reason = error.reason or ""
    if reason in _REFUSALS:
        return f"{host}: {_REFUSALS[reason]} ({subject.identity})"
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return f"{host} does not speak TLS on this port; is its URL http:// instead of https://?"
    if reason == "UNEXPECTED_EOF_WHILE_READING":
        return f"{host} cut the connection off; does it speak TLS on this port?"
    return f"{host}: {reason.lower().replace('_', ' ') or 'the handshake failed'}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
