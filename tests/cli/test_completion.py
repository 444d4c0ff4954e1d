"""Completion in a shell: resources, names, namespaces and contexts, as the server and the kubeconfig have them."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from cli.pods import pod
from cli.process import command, environment

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import deployment, service

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: staging, context: {cluster: c}}, {name: production, context: {cluster: c}}]
"""


async def completed(home: Path, *words: str) -> list[str]:
    """What bash is offered in place of the last word."""
    done = await trio.run_process(
        command(),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env=environment(
            home,
            _TRIO_K8SWATCH_COMPLETE="bash_complete",
            COMP_WORDS=" ".join(["trio-k8swatch", *words]),
            COMP_CWORD=str(len(words)),
        ),
    )
    assert done.stderr == b""
    return sorted(line.partition(",")[2] for line in done.stdout.decode().splitlines() if line)


async def test_the_server_is_asked(tmp_path: Path) -> None:
    """For resources, alone and in a list; for names, behind a type and after a slash; for namespaces."""
    fake = FakeApiServer()
    fake.create(pod("web-0"))
    fake.create(pod("web-1"))
    fake.create(pod("job", namespace="shop"))
    fake.create(deployment("web"))
    fake.create(service("web"))
    with trio.fail_after(60):
        async with fake.serve() as url:
            server = ["watch", "--server", str(url)]
            assert "pods" in await completed(tmp_path, *server, "po")
            assert await completed(tmp_path, *server, "deployments.") == ["deployments.apps"]
            assert await completed(tmp_path, *server, "pods,servi") == ["pods,serviceaccounts", "pods,services"]
            assert await completed(tmp_path, *server, "pods", "we") == ["web-0", "web-1"]
            assert await completed(tmp_path, *server, "-n", "shop", "po", "") == ["job"]
            assert await completed(tmp_path, *server, "deploy/") == ["deploy/web"]
            assert await completed(tmp_path, *server, "pods", "-n", "s") == ["shop"]


async def test_where_nobody_answers_nothing_is_offered(tmp_path: Path) -> None:
    """And nothing is said in the middle of somebody's prompt."""
    assert await completed(tmp_path, "watch", "--server", "http://127.0.0.1:1", "po") == []
    assert await completed(tmp_path, "watch", "po") == []


async def test_contexts_come_from_the_kubeconfig(tmp_path: Path) -> None:
    """That of --kubeconfig, without a server being asked."""
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    assert await completed(tmp_path, "watch", "--kubeconfig", str(path), "--context", "st") == ["staging"]


@pytest.mark.parametrize(("typed", "offered"), [("j", ["json", "jsonpath="]), ("", 6), ("x", [])])
async def test_formats(tmp_path: Path, typed: str, offered: list[str] | int) -> None:
    """Of -o; a template is the reader's own."""
    found = await completed(tmp_path, "watch", "pods", "-o", typed)
    assert (len(found) if isinstance(offered, int) else found) == offered
