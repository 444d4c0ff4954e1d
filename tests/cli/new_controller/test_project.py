"""A new controller is a project of fewer than 150 lines that passes its own test."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from trio_k8swatch.cli._commands import run
from trio_k8swatch.cli._new_controller import NotWritten, write_project

FILES = ["Dockerfile", "controller.py", "main.py", "manifest.yaml", "pyproject.toml", "test_controller.py"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "controller", "shop-controller"]) == 0
    assert capsys.readouterr().out.split() == [f"shop-controller/{name}" for name in FILES]
    return tmp_path / "shop-controller"


def test_it_passes_its_own_test(project: Path) -> None:
    """In an interpreter of its own, with nothing of ours on the way to it but what is installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_its_parts_fit_together(project: Path) -> None:
    """What is read can be read, and names what is there; nothing of the template is left."""
    described = tomllib.loads((project / "pyproject.toml").read_text())
    assert described["project"]["name"] == "shop-controller"
    assert {f"{name}.py" for name in described["tool"]["setuptools"]["py-modules"]} < {*FILES}
    manifest = (project / "manifest.yaml").read_text()
    assert not manifest.startswith("{"), "kubectl would take it for JSON"
    objects = list(yaml.safe_load_all(manifest))
    assert {obj["metadata"].get("namespace", "shop-controller") for obj in objects} == {"shop-controller"}
    [account] = [obj["metadata"]["name"] for obj in objects if obj["kind"] == "ServiceAccount"]
    assert objects[-1]["spec"]["template"]["spec"]["serviceAccountName"] == account
    text = "".join(path.read_text() for path in project.iterdir())
    assert "{{" not in text.replace("}}", "")
    assert len(text.splitlines()) < 150
    compile((project / "main.py").read_text(), "main.py", "exec")


def test_what_is_there_is_never_touched(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even an empty directory, or a link that leads nowhere."""
    (project / "controller.py").write_text("mine")
    assert run(["new", "controller", "shop-controller"]) == 1
    assert "shop-controller is there already" in capsys.readouterr().err
    assert (project / "controller.py").read_text() == "mine"
    (project.parent / "link").symlink_to(project.parent / "nowhere")
    with pytest.raises(NotWritten, match="already"):
        write_project("link", project.parent / "link")


@pytest.mark.parametrize("name", ["", "../up", "/tmp/x", "Shop", "shop_x", "1shop", "shop-", "a--b", "null", "a" * 51])
def test_a_name_that_is_none_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It becomes the name of a namespace, of an image and of a package; and it is no way out of the directory."""
    monkeypatch.chdir(tmp_path)
    assert run(["new", "controller", "--", name]) == 1
    assert "cannot be the name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
