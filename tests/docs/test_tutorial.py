"""The tutorial, walked as a reader walks it: an empty directory, the command line, and a fake cluster on a socket."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.pages import Block, blocks

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
BLOCKS = list(blocks(PAGE))
PODS = "/api/v1/namespaces/default/pods"


def saved(name: str) -> Block:
    """The block that the reader saves under a name."""
    found = re.search(rf"[Ss]ave (?:this|its three pods)\s+as\s+`{re.escape(name)}`", PAGE)
    assert found, name
    line = PAGE.count("\n", 0, found.start()) + 1
    code = (block for block in BLOCKS if block.language in {"python", "yaml"} and block.note != "setup")
    return next(block for block in code if block.line > line)


def printed_by(block: Block) -> str:
    """What the page says the block prints."""
    after = BLOCKS[BLOCKS.index(block) + 1 :]
    return next(one.text for one in after if one.note == "prints")


def command(start: str) -> str:
    """The one command of the page that begins like this."""
    lines = [line for block in BLOCKS if block.language == "console" for line in block.text.splitlines()]
    [found] = [line.removeprefix("$ ") for line in lines if line.startswith(f"$ {start}")]
    return found


class Reader:
    """Types what the page says, in an empty directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = ""
        scripts = str(Path(sys.executable).parent)
        self.environment = {"PATH": f"{scripts}:{os.environ['PATH']}", "HOME": str(directory)}

    def save(self, name: str, *, faster: tuple[str, str] = ("", "")) -> Block:
        block = saved(name)
        assert faster[0] in block.text
        (self.directory / name).write_text(block.text.replace(*faster) if faster[0] else block.text)
        return block

    def start(self, shell: str) -> subprocess.Popen[str]:
        """Ended after a minute, so that a test fails instead of waiting."""
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec timeout 60 {shell}"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def run(self, shell: str) -> str:
        process = self.start(shell)
        text, _ = process.communicate()
        assert process.returncode == 0, text
        return text

    def request(self, method: str, path: str, body: bytes | None = None) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        request = urllib.request.Request(f"{self.url}{path}", method=method, data=body, headers=headers)
        urllib.request.urlopen(request, timeout=10).close()

    @contextlib.contextmanager
    def cluster(self) -> Iterator[None]:
        """The fake cluster, on a free port instead of the page's."""
        shell = command("trio-k8swatch fake").replace("--port 8001", "--port 0")
        with self.start(shell) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = re.search(r"http://\S+", line)
                assert found, line
                self.url = found[0]
                self.environment["KUBECONFIG"] = str(self.directory / "fake.yaml")
                yield
            finally:
                process.terminate()


def read_until(process: subprocess.Popen[str], line: str) -> str:
    """What a program prints, up to and with a line."""
    assert process.stdout is not None
    seen = ""
    for one in process.stdout:
        seen += one
        if one.strip() == line:
            return seen
    raise AssertionError(seen)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    reader.save("web.yaml")
    with reader.cluster():
        reader.run("trio-k8swatch watch pods --field-selector status.phase=Running --max-events 3")
        yield reader


def test_the_tutorial_works_as_it_is_written(reader: Reader) -> None:
    """Every command and program of the page, in order, prints what the page says."""
    pods = reader.save("pods.py")
    assert reader.run("python pods.py") == printed_by(pods)

    reader.run(command("trio-k8swatch types"))
    [models] = [block for block in BLOCKS if block.note == "file: models.py"]
    assert (reader.directory / "models.py").read_text() == models.text

    index = reader.save("index.py")
    assert reader.run("python index.py") == printed_by(index)

    handler = reader.save("handler.py", faster=("sleep(30)", "sleep(2)"))
    with reader.start("python -u handler.py") as process:
        text = read_until(process, "the store has 3")
        reader.request("DELETE", f"{PODS}/web-1?gracePeriodSeconds=0")
        assert process.stdout is not None
        assert text + process.stdout.read() == printed_by(handler)

    reader.save("changes.py")
    with reader.start("python -u changes.py") as process:
        read_until(process, "ADDED web-2")
        reader.request("PATCH", f"{PODS}/web-2", b'{"metadata": {"labels": {"a": "b"}}}')
        read_until(process, "MODIFIED web-2")
        process.terminate()

    wait = reader.save("wait.py")
    with reader.start("python -u wait.py") as process:
        reader.request("PATCH", f"{PODS}/web-0/status", b'{"status": {"phase": "Succeeded"}}')
        assert process.stdout is not None
        assert process.stdout.read() == printed_by(wait)

    [settings] = [block for block in BLOCKS if block.language == "toml"]
    (reader.directory / "pyproject.toml").write_text(settings.text)
    reader.save("test_outage.py")
    assert "1 passed" in reader.run("python -m pytest -p no:cacheprovider")
