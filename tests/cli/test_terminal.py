"""The moving table in a terminal, and how it leaves it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.process import SECONDS, command, environment

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
COLOUR = re.compile(rb"\x1b\[[0-9;]*3[0-7]m")


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, fd: int, process: subprocess.Popen[bytes]) -> None:
        self._fd = fd
        self.process = process
        self.shown = b""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def read_until(self, *wanted: bytes) -> bytes:
        """What is shown up to when all of this is among it; that and all before is done with."""
        deadline = time.monotonic() + SECONDS
        while not all(text in self.shown for text in wanted):
            assert time.monotonic() < deadline, self.shown[-2000:]
            if not self._read():
                raise AssertionError(f"it has ended: {self.shown[-2000:]!r}")
        shown, self.shown = self.shown, b""
        return shown

    def read_all(self) -> bytes:
        """What is shown until the program has ended."""
        while self._read():
            pass
        return self.shown

    def close(self) -> None:
        os.dup2(os.open(os.devnull, os.O_RDWR), self._fd)

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], SECONDS)[0]:
            raise AssertionError("nothing is drawn any more")
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.shown += data
        return bool(data)


@contextmanager
def terminal(*arguments: str, home: Path, columns: int = 80, rows: int = 24, **environ: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = environment(home, **{"TERM": "xterm-256color", **environ})
    with subprocess.Popen(command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_left_as_it_was(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """The screen and the cursor are back, and the last picture stays to be read."""
    with terminal("watch", "pods", "--demo", home=tmp_path) as screen:
        screen.read_until(ENTER, HIDE_CURSOR, b"live", b"NAMESPACE")
        screen.process.send_signal(number)
        left = screen.read_all()
        assert screen.process.wait(SECONDS) == status
    _, _, after = left.rpartition(LEAVE)
    assert SHOW_CURSOR in left
    assert b"NAMESPACE" in after
    assert b"pods in all namespaces" in after
    assert b"Traceback" not in left


def test_it_ends_after_so_many_changes(tmp_path: Path) -> None:
    """Status 0, and the picture stays."""
    with terminal("watch", "pods", "--demo", "--max-events", "18", home=tmp_path) as screen:
        after = screen.read_all().rpartition(LEAVE)[2]
        assert screen.process.wait(SECONDS) == 0
    assert b"NAMESPACE" in after


def test_it_follows_the_size_of_the_terminal(tmp_path: Path) -> None:
    """At once."""
    with terminal("watch", "pods", "--demo", home=tmp_path, columns=60, rows=10) as screen:
        screen.read_until(b"the latest 8 of ")
        screen.resize(120, 40)
        assert b"the latest" not in screen.read_until(b"changes/min")
        screen.process.send_signal(signal.SIGINT)
        screen.read_all()


def test_colours_are_left_out_if_asked(tmp_path: Path) -> None:
    """NO_COLOR; otherwise there are some."""
    with terminal("watch", "pods", "--demo", "--max-events", "16", home=tmp_path) as screen:
        assert COLOUR.search(screen.read_all())
    with terminal("watch", "pods", "--demo", "--max-events", "16", home=tmp_path, NO_COLOR="1") as screen:
        assert not COLOUR.search(screen.read_all())


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    """As a pipe does."""
    with terminal("watch", "pods", "--demo", "--max-events", "16", home=tmp_path, TERM="dumb") as screen:
        shown = screen.read_all()
        assert screen.process.wait(SECONDS) == 0
    assert b"\x1b" not in shown
    assert shown.count(b"\n") == 17


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    """Nothing of it is left running, even if no signal came."""
    with terminal("watch", "pods", "--demo", home=tmp_path) as screen:
        screen.read_until(b"live")
        screen.close()
        assert screen.process.wait(SECONDS) == 0


def test_a_terminal_of_another_age_is_served(tmp_path: Path) -> None:
    """Letters that it does not have become question marks."""
    arguments = ("watch", "pods", "--demo", "--max-events", "15")
    with terminal(*arguments, home=tmp_path, PYTHONIOENCODING="ascii") as screen:
        shown = screen.read_all()
        assert screen.process.wait(SECONDS) == 0
    assert shown.isascii()
    assert b" ? 15 pods in all namespaces ? " in shown
