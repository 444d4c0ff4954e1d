"""`trio-k8swatch fake` as people meet it: from its first line to Ctrl-C."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.process import SECONDS, Running, environment

from trio_k8swatch.cli._commands import run

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""


def test_it_prints_a_kubeconfig_and_serves_until_ctrl_c(tmp_path: Path) -> None:
    """Complete on standard output as soon as the server answers; quiet at the end."""
    (tmp_path / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}")
    with Running(["fake", "-f", str(tmp_path)], tmp_path, environ={}) as running:
        lines: list[bytes] = []
        while not lines or not lines[-1].startswith(b"current-context"):
            lines.append(running.readline())
        server: str = yaml.safe_load(b"".join(lines))["clusters"][0]["cluster"]["server"]
        with urllib.request.urlopen(f"{server}/api/v1/configmaps", timeout=SECONDS) as response:
            assert b'"name":"a"' in response.read()
        running.interrupt()
        status, said = running.end()

    assert status == 130
    assert said == f"trio-k8swatch: serving {server} until Ctrl-C; its kubeconfig is on standard output\n"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on the PATH")
def test_a_rollout_ends_and_the_kubeconfig_goes_with_the_server(tmp_path: Path) -> None:
    """What replaces a cluster in a box: `kubectl rollout status` with nothing but the file."""
    (tmp_path / "web.yaml").write_text(DEPLOYMENT)
    config = tmp_path / "kubeconfig"
    arguments = ["fake", "--simulate", "--tls", "-f", str(tmp_path / "web.yaml"), "--kubeconfig", str(config)]
    with Running(arguments, tmp_path, environ={}) as running:
        deadline = time.monotonic() + SECONDS
        while not config.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        done = subprocess.run(
            ["kubectl", "rollout", "status", "deployment/web", "--timeout=20s"],
            env=environment(tmp_path, KUBECONFIG=str(config)),
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        running.interrupt(signal.SIGTERM)
        status, said = running.end()

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, 'deployment "web" successfully rolled out')
    assert status == 143
    assert f"export KUBECONFIG={config}" in said
    assert not config.exists()


@pytest.fixture
def taken() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, the way out."""
    assert run(["fake", "--port", str(taken)]) == 1
    problem = f"cannot listen on 127.0.0.1:{taken}: Address already in use; choose another --host or --port"
    assert capsys.readouterr() == ("", f"trio-k8swatch: {problem}\n")


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ("--port 70000", 2, "70000 is not in the range"),
        ("--faults x", 2, "'x' is not a valid integer"),
        ("--host nowhere.invalid", 1, "cannot listen on nowhere.invalid:0: "),
        ("-f {home}/nope.yaml", 1, "-f: there is no file {home}/nope.yaml"),
        ("-f {home}/bad.yaml", 1, "{home}/bad.yaml, line 1: the fake serves no kind v1 Pode"),
        ("--kubeconfig {home}/bad.yaml", 1, "a file that this command has not written"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: str, status: int, line: str
) -> None:
    """Before anything is served."""
    (tmp_path / "bad.yaml").write_text("#\napiVersion: v1\nkind: Pode\nmetadata: {name: a}")

    assert run(["fake", *arguments.format(home=tmp_path).split()]) == status
    out, said = capsys.readouterr()
    assert (out, said.count("\n")) == ("", 1)
    assert line.format(home=tmp_path) in said


def test_bad_weather_is_told(tmp_path: Path) -> None:
    """Each fault by its name, on stderr, the same ones for the same seed; a request may meet one."""
    told: list[list[str]] = []
    for _ in range(2):
        with Running(["fake", "--faults", "7", "--faults-every", "0.01"], tmp_path, environ={}) as running:
            lines: list[bytes] = []
            while not lines or not lines[-1].startswith(b"current-context"):
                lines.append(running.readline())
            server: str = yaml.safe_load(b"".join(lines))["clusters"][0]["cluster"]["server"]
            host, port = server.removeprefix("http://").split(":")
            time.sleep(0.3)
            # What is due is done when somebody asks, whatever becomes of that.
            with socket.create_connection((host, int(port)), timeout=SECONDS) as client:
                client.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                time.sleep(0.3)
            running.interrupt()
            _, said = running.end()
        told.append([line for line in said.splitlines() if "fault: " in line])

    assert told[0][:5] == told[1][:5]
    assert len(told[0]) > 4
