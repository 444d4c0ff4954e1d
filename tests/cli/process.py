"""The command line as a process of its own, which is how people meet it."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

SECONDS = 30.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "trio_k8swatch", *arguments]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Without a kubeconfig and without a terminal's settings."""
    unwanted = {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "HOME": str(home), "PYTHONWARNINGS": "error", **more}


def run(*arguments: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """To its end, with nothing on stdin."""
    return subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
        env=environment(home, **environ),
    )


class Running:
    """A command that goes on. It is killed at the end of the block if it has not ended by then."""

    def __init__(
        self,
        arguments: Sequence[str],
        home: Path,
        *,
        stdout: int | IO[bytes] = subprocess.PIPE,
        environ: Mapping[str, str],
    ) -> None:
        self.process = subprocess.Popen(
            command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment(home, **environ),
        )

    def readline(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def wait_until_full(self) -> None:
        """Until the program has stopped writing, because nobody reads."""
        assert self.process.stdout is not None
        amounts = [-1, 0]
        while amounts[-1] == 0 or amounts[-1] != amounts[-2]:
            time.sleep(1.0)
            amounts.append(*struct.unpack("i", fcntl.ioctl(self.process.stdout, termios.FIONREAD, b"\0\0\0\0")))

    def stop_reading(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for it; its status and what it said on stderr."""
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        return self.process.wait(SECONDS), said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
