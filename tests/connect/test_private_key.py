"""A private key on its way into OpenSSL, which takes it from a file and from nowhere else."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from connect.kubeconfigs import document, identity, machine, write
from cryptography.hazmat.primitives import serialization

from trio_k8swatch import connect
from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect import Connection
from trio_k8swatch.connect._tls.contexts import _private_file


def load(tmp_path: Path, user: dict[str, Any]) -> Connection:
    return connect.from_kubeconfig(write(tmp_path / "config", document(user=user)), surroundings=machine(tmp_path))


def encrypted_key(certificate: trustme.LeafCert) -> bytes:
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )


def test_an_encrypted_key(tmp_path: Path) -> None:
    """OpenSSL must not ask for its password on the terminal, and wait."""
    me = trustme.CA().issue_cert("me@example.com")
    user = identity(me) | {"client-key-data": base64.b64encode(encrypted_key(me)).decode()}
    with pytest.raises(ConfigError, match="the key is encrypted, and there is no way to give its password"):
        load(tmp_path, user)


def test_a_private_key_never_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenSSL reads is memory under another name, and gone afterwards."""
    opened: list[str] = []
    real = ssl.SSLContext.load_cert_chain

    def load_cert_chain(self: ssl.SSLContext, path: str, **options: Any) -> None:
        opened.append(str(Path(path).readlink()))
        real(self, path, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_cert_chain)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    load(tmp_path, identity(trustme.CA().issue_cert("me@example.com")))
    assert opened == ["/memfd:identity (deleted)"]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_private_file_where_there_is_no_such_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its owner can read it, and it is gone with the block."""
    monkeypatch.setattr("trio_k8swatch.connect._tls.contexts.sys.platform", "darwin")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with _private_file(b"secret") as path:
        assert Path(path).read_bytes() == b"secret"
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert Path(path).parent == tmp_path
    assert list(tmp_path.iterdir()) == []
