"""The same cluster through kubectl and through us: the same text."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from cli.pods import pod
from cli.process import command, environment

from trio_k8swatch.testing import FakeApiServer

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "crontabs.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
                "additionalPrinterColumns": [
                    {"name": "Schedule", "type": "string", "jsonPath": ".spec.cronSpec"},
                    {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
                    {"name": "Secret Detail", "type": "string", "jsonPath": ".spec.secret", "priority": 1},
                ],
            }
        ],
    },
}


@asynccontextmanager
async def reading(arguments: Sequence[str], home: Path) -> AsyncIterator[trio.abc.ReceiveStream]:
    """What a program writes, while it runs."""
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process, arguments, stdout=subprocess.PIPE, check=False, env=environment(home), shell=False
        )
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        yield process.stdout
        process.terminate()


async def lines(stream: trio.abc.ReceiveStream, count: int) -> str:
    """The next lines, so many. Without their ages: both programs begin when they are ready."""
    text = b""
    while text.count(b"\n") < count:
        some = await stream.receive_some()
        assert some, f"it has ended after {text!r}"
        text += some
    return re.sub(r"\d+s$", "AGE", text.decode(), flags=re.MULTILINE)


@pytest.mark.parametrize("scope", [["-A"], ["-n", "default"]], ids=["all-namespaces", "one-namespace"])
async def test_pods_look_as_kubectl_shows_them(tmp_path: Path, scope: list[str]) -> None:
    """The list, then an object with a longer name, a change and a deletion."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    fake.create(pod("another-one"))
    async with fake.serve() as url:
        with trio.fail_after(30):
            await compare(fake, url, ["pods", *scope], tmp_path)


async def compare(fake: FakeApiServer, url: str, what: list[str], home: Path) -> None:
    assert KUBECTL is not None
    async with (
        reading([KUBECTL, "--server", url, "get", "--watch", *what], home) as theirs,
        reading(command("watch", "--server", url, *what), home) as ours,
    ):
        assert await lines(ours, 3) == await lines(theirs, 3)
        fake.create(pod("one-with-a-rather-long-name"))
        fake.patch("pods", "a", {"status": {"phase": "Running"}}, namespace="default")
        fake.delete("pods", "another-one", namespace="default")
        assert await lines(ours, 3) == await lines(theirs, 3)


async def test_custom_resources_have_their_printer_columns(tmp_path: Path) -> None:
    """Also where the list is empty, and the columns come with the first event."""
    assert KUBECTL is not None
    fake = FakeApiServer()
    fake.create(CRD)
    async with fake.serve() as url:
        with trio.fail_after(30):
            async with (
                reading([KUBECTL, "--server", url, "get", "--watch", "ct"], tmp_path) as theirs,
                reading(command("watch", "--server", url, "ct"), tmp_path) as ours,
            ):
                while len([call for call in fake.requests if "watch" in str(call)]) < 2:
                    await trio.sleep(0.05)
                fake.create(
                    {
                        "apiVersion": "stable.example.com/v1",
                        "kind": "CronTab",
                        "metadata": {"name": "nightly", "namespace": "default"},
                        "spec": {"cronSpec": "0 3 * * *", "replicas": 2, "secret": "x"},
                    }
                )
                written = await lines(ours, 2)
                assert written == await lines(theirs, 2)
    assert written.splitlines()[0].split() == ["NAME", "SCHEDULE", "REPLICAS"]
