"""Runs the README's code with whatever is installed: `nox -s package` does, with nothing but the wheel."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing
from pages import run_page

clock = trio.testing.MockClock(autojump_threshold=0)
trio.run(run_page, Path(__file__).parents[2] / "README.md", clock, clock=clock)
