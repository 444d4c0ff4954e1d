"""What is shipped: the wheel, the source archive, and what they say of themselves."""

from __future__ import annotations

import email
import email.message
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling import build

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trio_k8swatch"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a source tree")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and a source archive of this tree."""
    directory = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return directory / build.build_wheel(str(directory)), directory / build.build_sdist(str(directory))


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(built[0])


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Each source file, the typing marker, a table, the template of a controller, and the metadata."""
    info = f"trio_k8swatch-{PROJECT['version']}.dist-info"
    source = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*.py")}
    source |= {"trio_k8swatch/py.typed", "trio_k8swatch/testing/_schema/table.json"}
    source |= {str(path.relative_to(ROOT)) for path in PACKAGE.glob("cli/_new_controller/template/*.txt")}

    assert set(wheel.namelist()) == source | {
        f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }


def test_the_source_archive_builds_tests_and_explains_itself(built: tuple[Path, Path]) -> None:
    """What somebody needs who has only it; no caches, no results, no configuration of our services."""
    with tarfile.open(built[1]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]

    assert {name.partition("/")[0] for name in names} == {
        *(
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "LICENSE",
            "PKG-INFO",
            "README.md",
            "SECURITY.md",
            "noxfile.py",
            "pyproject.toml",
        ),
        *(".gitignore", "benchmarks", "changes", "docs", "examples", "tests", "tools", "trio_k8swatch"),
    }
    assert not [name for name in names if re.search(r"__pycache__|\.pyc|_build|\.(so|egg-info|whl)\b", name)]


def test_the_readme_is_the_long_description(metadata: email.message.Message) -> None:
    """What people see first is what is in the tree."""
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()


def test_the_extras_are_those_that_are_documented(metadata: email.message.Message) -> None:
    """An extra is a promise, too."""
    assert metadata.get_all("Provides-Extra") == ["cli", "dev", "docs", "socks", "testing"]


def test_every_requirement_has_a_lower_bound_and_only_httpx_an_upper_one(metadata: email.message.Message) -> None:
    """`nox -s lower_bounds` tests the lower; an upper bound would be somebody's conflict. httpx 1.0 is another library."""
    requirements = metadata.get_all("Requires-Dist", [])

    assert "httpx<1,>=0.27.2" in requirements
    for requirement in requirements:
        if not requirement.startswith("trio-k8swatch[") and requirement != "httpx<1,>=0.27.2":
            assert re.match(r"[\w.-]+(\[\w+\])?>=[\d.]+( ?;|$)", requirement), requirement


def test_the_wheel_runs_by_itself(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Installed alone, without this tree, it runs the README's code. `nox -s package` does so in an empty environment."""
    site = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(built[0]),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    where = [sys.executable, "-c", "import trio_k8swatch; print(trio_k8swatch.__file__)"]
    environment = os.environ | {"PYTHONPATH": str(site)}

    found = subprocess.run(where, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(site))
    readme = [sys.executable, str(ROOT / "tests" / "docs" / "run_readme.py")]
    subprocess.run(readme, env=environment, cwd=tmp_path, check=True, timeout=240)
