"""Reads the tables that stand in docstrings, so that a test says nothing else than they do."""

from __future__ import annotations

from types import ModuleType


def rows(module: ModuleType) -> list[list[str]]:
    """The cells of the table in the docstring of `module`, without its head."""
    lines = [line for line in (module.__doc__ or "").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
