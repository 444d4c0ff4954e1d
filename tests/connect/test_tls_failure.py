"""What TLS errors say; the errors themselves are made by real handshakes in `test_tls`."""

from __future__ import annotations

import ssl

import pytest

from trio_k8swatch.connect._tls.handshake_failure import Subject, explain

SUBJECT = Subject(ca="F: ca", identity="F: client-certificate", server_name="F: tls-server-name")


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] text")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "our client certificate has expired"),
        ("TLSV1_ALERT_UNKNOWN_CA", "the server does not know the authority that signed our client certificate"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "the server asks for a client certificate"),
    ],
)
def test_refusals_of_our_certificate(reason: str, expected: str) -> None:
    """Each names the field in which the certificate is, or would be."""
    assert explain(alert(reason), host="h", subject=SUBJECT) == f"TLS: h: {expected} (F: client-certificate)"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (9, "is not valid yet (or this machine's clock is wrong)"),
        (10, "has expired (or this machine's clock is wrong)"),
        (19, "is not signed by an authority in F: ca"),
        (62, "is made out to another name; if that is right, set F: tls-server-name"),
        (23, "is not accepted: certificate revoked"),
    ],
)
def test_what_we_do_not_accept(code: int, expected: str) -> None:
    """The usual reasons in our words, the others in OpenSSL's."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "certificate revoked"
    assert explain(error, host="h", subject=SUBJECT) == f"TLS: the certificate of h {expected}"


def test_the_cause_may_lie_deep() -> None:
    """httpx, httpcore and trio each wrap what they get."""
    outer = RuntimeError("outer")
    outer.__cause__ = OSError("middle")
    outer.__cause__.__context__ = alert("WRONG_VERSION_NUMBER")
    expected = "TLS: h does not speak TLS on this port; is its URL http:// instead of https://?"
    assert explain(outer, host="h", subject=SUBJECT) == expected


def test_not_to_blame() -> None:
    """Also in a chain that bites its own tail."""
    error = OSError("refused")
    other = OSError("again")
    error.__context__, other.__context__ = other, error
    assert explain(error, host="h", subject=SUBJECT) is None


def test_something_new() -> None:
    """OpenSSL's own word for it, in plain letters."""
    assert explain(alert("NO_CIPHERS_AVAILABLE"), host="h", subject=SUBJECT) == "TLS: h: no ciphers available"
