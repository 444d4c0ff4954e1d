"""The command line in pipes: how it ends, what it says, what it leaves."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from cli.process import SECONDS, Running, command, environment, run

from trio_k8swatch.__main__ import main
from trio_k8swatch.cli import _commands

DEMO = ("watch", "pods", "--demo")


def test_the_demo_shows_twenty_events_as_json(tmp_path: Path) -> None:
    """The first thing that the README asks a reader to do."""
    done = run(*DEMO, "-o", "json", "--max-events", "20", home=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]

    assert (done.returncode, done.stderr) == (0, "")
    assert len(events) == 20
    assert {event["type"] for event in events} <= {"ADDED", "MODIFIED", "DELETED"}
    assert {event["object"]["kind"] for event in events} == {"Pod"}
    assert all(set(event) == {"type", "object"} for event in events)


def test_a_pipe_gets_a_table_as_appended_lines(tmp_path: Path) -> None:
    """Plain text, no control codes, a heading once."""
    done = run("watch", "po", "--demo", "--max-events", "16", home=tmp_path, FORCE_COLOR="1", TERM="xterm-256color")
    lines = done.stdout.splitlines()

    assert (done.returncode, done.stderr, len(lines)) == (0, "", 17)
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert lines[1].startswith("shop        api-")
    assert "\x1b" not in done.stdout


def test_names_are_for_other_commands(tmp_path: Path) -> None:
    """One a line, nothing else."""
    done = run("watch", "deploy", "--demo", "-o", "name", "-n", "shop", "--max-events", "2", home=tmp_path)
    assert done.stdout.splitlines() == ["deployment.apps/api", "deployment.apps/cart"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_end_it_quietly(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """Ctrl-C above all."""
    with Running([*DEMO, "-o", "json"], tmp_path, environ={}) as running:
        assert running.readline()
        running.interrupt(number)
        assert running.end() == (status, "")


def test_ctrl_c_is_quiet_from_the_first_line_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before there is a loop that could catch it."""

    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_commands, "run", interrupted)
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 130


def test_what_the_parent_ignores_is_ignored(tmp_path: Path) -> None:
    """`nohup` must work."""
    script = [sys.executable, "-c", f"import os, signal, sys; signal.signal({int(signal.SIGHUP)}, signal.SIG_IGN);"]
    script[-1] += f"os.execv(sys.executable, {command(*DEMO, '-o', 'name', '--max-events', '24')!r})"
    with subprocess.Popen(script, stdout=subprocess.PIPE, env=environment(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert len(process.stdout.read().splitlines()) == 23
    assert process.returncode == 0


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    """`| head`: quietly, and in the middle of a busy stream."""
    with Running([*DEMO, "-o", "json"], tmp_path, environ={}) as running:
        assert running.readline()
        running.stop_reading()
        assert running.end() == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it takes the next event to notice")
def test_it_ends_when_nobody_reads_any_more_and_nothing_happens(tmp_path: Path) -> None:
    """`| head -1` on a quiet collection would hang otherwise."""
    with Running(["watch", "namespaces", "--demo", "-o", "name"], tmp_path, environ={}) as running:
        assert running.readline()
        running.stop_reading()
        assert running.end() == (0, "")


def test_ctrl_c_ends_it_while_the_pipe_is_full(tmp_path: Path) -> None:
    """A reader that sleeps must not keep it from ending."""
    with Running([*DEMO, "-o", "json"], tmp_path, environ={}) as running:
        running.wait_until_full()
        running.interrupt()
        assert running.end() == (130, "")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """And is a failure."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with (
        Path("/dev/full").open("wb") as full,
        Running([*DEMO, "-o", "name"], tmp_path, stdout=full, environ={}) as running,
    ):
        assert running.end() == (1, "trio-k8swatch: cannot write to standard output: No space left on device\n")


@pytest.mark.parametrize(("closed", "status", "said"), [(">&-", 1, "standard output is closed"), ("2>&-", 0, "")])
def test_closed_descriptors_are_no_surprise(tmp_path: Path, closed: str, status: int, said: str) -> None:
    """Their numbers go to sockets, into which nothing of ours may be written."""
    arguments = shlex.join(command("watch", "ns", "--demo", "-o", "name", "--max-events", "1"))
    done = subprocess.run(
        ["sh", "-c", f"{arguments} {closed}"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=environment(tmp_path),
        timeout=SECONDS,
    )
    assert done.returncode == status
    assert said in done.stderr


def test_metrics_are_served(tmp_path: Path) -> None:
    """For as long as the watch lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Running([*DEMO, "-o", "json", "--metrics-port", str(port)], tmp_path, environ={}) as running:
        assert running.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            served = response.read().decode()
        assert 'trio_k8swatch_alive_current{watcher_instance="pods"} 1.0' in served
        running.interrupt()
        assert running.end() == (130, "")


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Before anything else."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(*DEMO, "--metrics-port", str(port), home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == f"trio-k8swatch: --metrics-port {port} cannot be had: Address already in use; choose another\n"
    )


@pytest.mark.parametrize("missing", ["click", "rich", "jsonpatch"])
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, missing: str) -> None:
    """One line, status 1."""
    (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('no {missing}', name={missing!r})")
    done = run(*DEMO, home=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"trio-k8swatch: the command line needs {missing}, which is not installed: "
        "pip install 'click>=8.1.7' 'jsonpatch>=1.33' 'rich>=13.9'\n"
    )
