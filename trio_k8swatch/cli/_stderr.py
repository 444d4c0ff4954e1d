"""What there is to say beside the output: one line on stderr."""

from __future__ import annotations

import sys
from typing import Final

from trio_k8swatch.cli._output.safe_text import one_line

__all__ = ["PROGRAM", "complain"]

PROGRAM: Final = "trio-k8swatch"


def complain(message: str) -> None:
    """Say it. Without stderr, or with nobody there, the exit status has to do."""
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison] - Python sets it to None for `2>&-`
        return
    try:
        print(f"{PROGRAM}: {one_line(message)}", file=sys.stderr, flush=True)
    except OSError:
        return
