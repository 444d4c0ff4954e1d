"""Until when a certificate is valid, which ssl does not report for our own."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Final

__all__ = ["not_after"]

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# DER tags.
_UTC_TIME: Final = 0x17
_VERSION: Final = 0xA0


def not_after(pem: bytes) -> datetime | None:
    """The end of the first certificate in `pem`; None if there is none that can be read."""
    match = _CERTIFICATE.search(pem.decode("ascii", errors="replace"))
    if match is None:
        return None
    try:
        _, certificate = next(_elements(ssl.PEM_cert_to_DER_cert(match[0])))
        _, signed = next(_elements(certificate))
        # RFC 5280: version (may be absent), serial number, algorithm, issuer, validity.
        fields = [content for tag, content in _elements(signed) if tag != _VERSION]
        _, (tag, end) = _elements(fields[3])
        return datetime.strptime(end.decode(), "%y%m%d%H%M%S%z" if tag == _UTC_TIME else "%Y%m%d%H%M%S%z")
    except (ValueError, IndexError, StopIteration):
        return None


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of the elements in `der`, one after the other."""
    position = 0
    while position < len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size])
            position += size
        yield tag, der[position : position + length]
        position += length
