"""What this process sees of its machine, in one place, so that tests can replace it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Surroundings"]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # A container's user may have neither HOME nor a line in /etc/passwd.
        return Path("/")


def _stdin_is_terminal() -> bool:
    # None in a program without a console; closed in a daemon.
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison] - typeshed leaves out pythonw


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Surroundings:
    """The defaults are the real ones, looked at when it is made.

    `now` is the wall clock (seconds since the epoch), needed to judge expiry times that others wrote. `terminal` tells
    whether somebody can answer a plugin's questions. `plugin_limit_seconds` replaces the time limits of plugins.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=_home)
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    now: Callable[[], float] = time.time
    terminal: bool = field(default_factory=_stdin_is_terminal)
    plugin_limit_seconds: float | None = None
