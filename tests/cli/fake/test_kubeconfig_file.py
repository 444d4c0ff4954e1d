"""The kubeconfig that leads to the fake."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from trio_k8swatch import ConfigError
from trio_k8swatch.cli._fake.kubeconfig_file import kubeconfig, written
from trio_k8swatch.connect import from_kubeconfig

AUTHORITY = trustme.CA().cert_pem.bytes().decode()
TEXT = kubeconfig("https://127.0.0.1:1", authority=AUTHORITY, token="t")


def test_it_is_read_as_it_was_meant(tmp_path: Path) -> None:
    """Server, authority, token, namespace."""
    (tmp_path / "k").write_text(TEXT)

    connection = from_kubeconfig(tmp_path / "k")

    assert (connection.server, connection.namespace) == ("https://127.0.0.1:1", "default")
    assert "certificate-authority-data: LS0t" in TEXT
    assert "token: t" in TEXT


def test_a_server_without_tls_need_not_prove_who_it_is(tmp_path: Path) -> None:
    """The JavaScript client asks for that; others do not mind. A token is there for kubectl, which asks for a user else."""
    text = kubeconfig("http://127.0.0.1:1", authority=None, token=None)
    (tmp_path / "k").write_text(text)

    assert from_kubeconfig(tmp_path / "k").server == "http://127.0.0.1:1"
    assert "insecure-skip-tls-verify: true" in text
    assert "token: fake" in text


def test_the_file_is_there_for_the_length_of_the_block(tmp_path: Path) -> None:
    """Readable by its owner only, and nothing beside it; one that such a command left behind is written over."""
    path = tmp_path / "k"
    for _ in range(2):
        with written(path, TEXT):
            left_behind = path.read_text()
            assert left_behind.endswith(TEXT)
            assert path.stat().st_mode & 0o077 == 0
        assert list(tmp_path.iterdir()) == []
        path.write_text(left_behind)


def test_the_way_to_another_cluster_is_never_touched(tmp_path: Path) -> None:
    """Neither at the start nor, if it came meanwhile, at the end."""
    path = tmp_path / "config"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="a file that this command has not written"), written(path, TEXT):
        pass
    assert path.read_text() == "precious"
    path.unlink()

    with written(path, TEXT):
        path.write_text("precious")
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("name", "reason"), [("no/k", "No such file or directory"), ("", "Is a directory")])
def test_where_it_cannot_be_written_is_said(tmp_path: Path, name: str, reason: str) -> None:
    """One line."""
    with pytest.raises(ConfigError, match=reason), written(tmp_path / name, TEXT):
        pass
