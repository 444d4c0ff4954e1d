"""How often the deadline of a scope is worth moving."""

from __future__ import annotations

from typing import Final

__all__ = ["deadline_step"]

_LONGEST_STEP_SECONDS: Final = 1.0


def deadline_step(limit_seconds: float) -> float:
    """By how much a deadline for silence has to move to be moved at all: moving one costs more than it sounds."""
    return min(_LONGEST_STEP_SECONDS, limit_seconds / 4)
