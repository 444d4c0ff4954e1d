"""What goes wrong: one line (what, where, the way out), an exit status, no traceback."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from cli.pods import pod
from cli.process import command, environment

from trio_k8swatch.cli._commands import run
from trio_k8swatch.testing import FakeApiServer

NOT_JSON = b"<html><h1>Welcome to nginx!</h1></html>"


@pytest.fixture(autouse=True)
def no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ("watch", 2, "Missing argument 'RESOURCE...' (see trio-k8swatch watch --help)"),
        ("watch pods --frob", 2, "--frob"),
        ("wach pods", 2, "No such command 'wach'"),
        ("watch pods -o yml", 2, "'yml' is no output format: use table, wide, name, json, yaml or jsonpath=TEMPLATE"),
        ("watch pods -o jsonpath={.a", 2, "'{.a' is no JSONPath template: the brace at character 1 is not closed"),
        ("watch pods -o jsonpath", 2, "'jsonpath' is no output format"),
        ("watch pods --request-timeout soon", 2, "'soon' is no time: use 30, 30s, 5m or 1h"),
        ("watch pods --as-group a", 2, "--as-group needs --as"),
        ("watch pods --demo -l a=b web-0", 1, "objects are named: leave out --selector and --field-selector"),
        (
            "watch pods --demo -A web-0",
            1,
            "an object cannot be found by its name in all namespaces: use -n instead of -A",
        ),
        (
            "watch pods --demo -n shop nobody",
            1,
            "pods 'nobody' not found in namespace shop; to wait for it, use --field-selector",
        ),
        ("watch pods/a b --demo", 1, "pods/a b: write TYPE NAME…, or TYPE/NAME each time, as kubectl has it"),
        ("watch pods --max-events 0", 2, "0 is not in the range x>=1"),
        ("watch pods -n a -A", 2, "-n and -A exclude each other"),
        ("watch pods --demo --server http://a", 2, "--demo brings its own server"),
        ("watch pods --server http://a --context b", 2, "leave out --kubeconfig and --context"),
        ("watch pods --token-file a", 2, "are for --server; a kubeconfig has its own"),
        ("watch pods --server localhost:8001", 1, "--server has no scheme: write https://localhost:8001, or http://"),
        ("watch pods --server http://a --token-file /nowhere", 1, "--token-file: there is no file /nowhere"),
        ("watch pods --server https://a --certificate-authority /nowhere", 1, "/nowhere"),
        ("watch pods --kubeconfig /nowhere", 1, "kubeconfig: there is no file /nowhere"),
        ("watch pods", 1, "no cluster to connect to"),
        (
            "watch pods --server http://127.0.0.1:1",
            1,
            "Connection refused (does it run, and is its address right in --server?",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    capfd: pytest.CaptureFixture[str], arguments: str, status: int, line: str
) -> None:
    """On stderr, beginning with our name."""
    assert run(arguments.split()) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("trio-k8swatch: ")
    assert err.count("\n") == 1
    assert line in err


def test_without_arguments_there_is_help(capfd: pytest.CaptureFixture[str]) -> None:
    """On stderr, for nothing was done."""
    assert run([]) == 2
    assert "Show existing objects, then every change." in capfd.readouterr().err


def test_a_message_cannot_command_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever was typed, or a server sent."""
    assert run(["watch", "pods", "--server", "\x1b[31mred"]) == 1
    assert "\x1b" not in capfd.readouterr().err


async def watch(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """Run it while the loop goes on serving."""
    with trio.fail_after(30):
        done = await trio.run_process(
            command("watch", *arguments, "-o", "name", "--max-events", "1"),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=environment(tmp_path),
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """A web server that has this for everybody."""

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            head = (
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                % len(body)
            )
            await stream.send_all(head + body)

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def test_a_web_server_is_no_api_server(tmp_path: Path) -> None:
    """It is asked whether the URL is right."""
    async with answering(NOT_JSON) as url:
        status, out, err = await watch(tmp_path, "pods", "--server", url)
    assert (status, out) == (1, "")
    assert err == (
        f"trio-k8swatch: GET /api: the answer is not a discovery document:"
        f" is {url} the URL of a Kubernetes API server?\n"
    )


async def test_an_unknown_resource_is_said_with_what_might_be_meant(tmp_path: Path) -> None:
    """As the server names it."""
    async with FakeApiServer().serve() as url:
        status, out, err = await watch(tmp_path, "pode", "--server", url)
    assert (status, out) == (1, "")
    assert err.startswith("trio-k8swatch: the server has no resource 'pode'; did you mean pods")


async def test_a_bad_selector_is_said_by_the_server(tmp_path: Path) -> None:
    """And not tried again."""
    async with FakeApiServer().serve() as url:
        status, _, err = await watch(tmp_path, "pods", "--server", url, "-l", "a=b=c")
    assert status == 1
    assert "cannot list pods (v1) in namespace default: the server answered 400 BadRequest" in err
    assert err.count("\n") == 1


async def test_credentials_come_from_a_file(tmp_path: Path) -> None:
    """The right token is let in, a wrong one is not, and is not shown."""
    fake = FakeApiServer(token="right-token")
    fake.create(pod("a"))
    (tmp_path / "right").write_text("right-token\n")
    (tmp_path / "wrong").write_text("wrong-token\n")
    async with fake.serve() as url:
        let_in = await watch(tmp_path, "pods", "--server", url, "--token-file", str(tmp_path / "right"))
        status, _, err = await watch(tmp_path, "pods", "--server", url, "--token-file", str(tmp_path / "wrong"))
    assert let_in == (0, "pod/a\n", "")
    assert status == 1
    assert "the server answered 401 Unauthorized" in err
    assert "wrong-token" not in err
    assert err.count("\n") == 1


async def test_a_refusal_names_user_and_resource(tmp_path: Path) -> None:
    """As the server says it, with the way out."""
    fake = FakeApiServer()
    fake.faults.forbidden(on="list")
    async with fake.serve() as url:
        status, _, err = await watch(tmp_path, "pods", "--server", url)
    assert status == 1
    assert 'User "limited" cannot list resource "pods"' in err
    assert "kubectl auth can-i list" in err
    assert err.count("\n") == 1


async def test_an_outage_is_said_and_survived(tmp_path: Path) -> None:
    """On stderr; on stdout there are only events."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    async with fake.serve() as url, trio.open_nursery() as nursery:
        with trio.fail_after(30):
            process: trio.Process = await nursery.start(
                partial(
                    trio.run_process,
                    command("watch", "pods", "--server", url, "-o", "name", "--max-events", "2"),
                    capture_stdout=False,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    check=False,
                    env=environment(tmp_path),
                )
            )
            assert process.stdout is not None
            assert process.stderr is not None
            assert await process.stdout.receive_some() == b"pod/a\n"
            fake.faults.cut_watch()
            fake.create(pod("b"))
            assert await process.stdout.receive_some() == b"pod/b\n"
            said = (await process.stderr.receive_some()).decode()
            assert await process.wait() == 0
    assert "cannot watch pods (v1) in namespace default" in said
    assert all(line.startswith("trio-k8swatch: ") for line in said.splitlines())


def test_versions_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Of what a bug report needs."""
    assert run(["version"]) == 0
    assert re.fullmatch(r"trio-k8swatch \S+ \(Python \S+, trio \S+, httpx \S+, msgspec \S+\)\n", capfd.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_be_taught_to_complete(capfd: pytest.CaptureFixture[str], shell: str) -> None:
    """By click's own scripts, under our name."""
    assert run(["completion", shell]) == 0
    assert f"_TRIO_K8SWATCH_COMPLETE={shell}_complete" in capfd.readouterr().out


def test_help_teaches_by_example(capfd: pytest.CaptureFixture[str]) -> None:
    """On stdout, for it was asked for."""
    assert run(["watch", "--help"]) == 0
    out = capfd.readouterr().out
    assert "trio-k8swatch watch deploy -n shop -l app=web" in out
    assert '{"type": "ADDED" | "MODIFIED" | "DELETED", "object": {...}}' in " ".join(out.split())


def test_the_version_is_an_option_too(capfd: pytest.CaptureFixture[str]) -> None:
    """As with most programs."""
    assert run(["--version"]) == 0
    assert capfd.readouterr().out.startswith("trio-k8swatch ")


async def test_somebody_else_is_impersonated(tmp_path: Path) -> None:
    """User and groups go with every request."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    async with fake.serve() as url:
        status, out, _ = await watch(
            tmp_path, "pods", "--server", url, "--as", "jane", "--as-group", "dev", "--as-group", "ops"
        )
    assert (status, out) == (0, "pod/a\n")
    for call in fake.requests:
        assert call.headers.get("impersonate-user") == "jane"


async def test_a_time_limit_is_an_error_only_before_the_first_answer(tmp_path: Path) -> None:
    """After it, the watch simply ends, as kubectl's does."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    limited = ["--request-timeout", "2s", "--watch-only"]
    async with fake.serve() as url:
        assert await watch(tmp_path, "pods", "--server", url, *limited) == (0, "", "")
        fake.faults.hang(60, on="list")
        status, _, err = await watch(tmp_path, "pods", "--server", url, *limited)
    assert status == 1
    assert err == "trio-k8swatch: no answer within 2 s (--request-timeout)\n"


async def test_an_unknown_authority_names_the_option(tmp_path: Path) -> None:
    """The way out on the command line, and not that of a program."""
    async with FakeApiServer().serve(tls=True) as url:
        status, _, err = await watch(tmp_path, "pods", "--server", str(url))
    assert status == 1
    assert "--certificate-authority FILE" in err
