"""What is read of a file that somebody named."""

from __future__ import annotations

from pathlib import Path

import pytest
from connect.kubeconfigs import document, machine, write

from trio_k8swatch import ConfigError, connect
from trio_k8swatch.connect._data_or_file import MAX_FILE_BYTES, read_file

ENDLESS = Path("/dev/zero")
pytestmark = pytest.mark.skipif(not ENDLESS.exists(), reason="no file on this system is endless")
TOO_LARGE = "/dev/zero is larger than 8388608 bytes"


def test_R14_a_kubeconfig_without_end(tmp_path: Path) -> None:
    """Is refused in one line."""
    with pytest.raises(ConfigError, match=f"^kubeconfig: {TOO_LARGE}"):
        connect.from_kubeconfig(ENDLESS, surroundings=machine(tmp_path))


async def test_R14_a_token_without_end(tmp_path: Path) -> None:
    """Is refused when it is first needed, and names its field."""
    path = write(tmp_path / "config", document(user={"tokenFile": str(ENDLESS)}))
    with pytest.raises(ConfigError, match=TOO_LARGE):
        await connect.from_kubeconfig(path, surroundings=machine(tmp_path)).prepare()


def test_R14_an_authority_without_end(tmp_path: Path) -> None:
    """Is refused when the kubeconfig is read."""
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": str(ENDLESS)}
    path = write(tmp_path / "config", document(cluster))
    with pytest.raises(ConfigError, match=TOO_LARGE):
        connect.from_kubeconfig(path, surroundings=machine(tmp_path))


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(read_file(path, "file")) == MAX_FILE_BYTES
