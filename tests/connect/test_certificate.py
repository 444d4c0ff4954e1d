"""Until when certificates are valid."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.connect._tls.certificate import not_after


@pytest.mark.parametrize("end", [datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2051, 12, 31, tzinfo=UTC)])
def test_the_end(end: datetime) -> None:
    """Written in one of two ways, by whether it is before 2050."""
    leaf = trustme.CA().issue_cert("me@example.com", not_after=end)
    pem = b"# comment \xe9\n" + leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes() + b"more"
    assert not_after(pem) == end


@given(st.binary())
def test_what_is_no_certificate(junk: bytes) -> None:
    """Has no end, and does no harm."""
    assert not_after(junk) is None
    assert not_after(b"-----BEGIN CERTIFICATE-----\n" + junk + b"\n-----END CERTIFICATE-----") is None


certificate = ssl.PEM_cert_to_DER_cert(trustme.CA().issue_cert("me@example.com").cert_chain_pems[0].bytes().decode())


@given(st.data())
def test_a_damaged_certificate(data: st.DataObject) -> None:
    """Neither."""
    der = bytearray(certificate)
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    not_after(ssl.DER_cert_to_PEM_cert(bytes(der)).encode())
