"""What is told to type to install an extra works today."""

from __future__ import annotations

import importlib.metadata
import shlex
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from trio_k8swatch._extras import install_command

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", ["cli", "testing", "socks"])
def test_the_packages_of_an_extra_are_named(extra: str) -> None:
    """All of them and no others, so that pip finds each on any index."""
    pip, install, *packages = shlex.split(install_command(extra))

    assert (pip, install) == ("pip", "install")
    assert sorted(packages) == sorted(EXTRAS[extra])


def test_a_package_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source tree on the path has no metadata."""

    def missing(_name: str) -> list[str]:
        raise PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "requires", missing)

    assert install_command("cli") == "pip install 'trio-k8swatch[cli]'"
