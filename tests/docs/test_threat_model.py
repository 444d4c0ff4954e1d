"""The threat model claims nothing that is not tested."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "threat-model.md"


def missing(page: str) -> list[str]:
    """What is wrong with the claims of `page`: rows without a test, and tests that do not exist."""
    rows = [line for line in page.splitlines() if line.startswith("|") and not re.match(r"\|(---|.*\| Test \|$)", line)]
    wrong = [row for row in rows if not re.search(r"\| `[^`]+` \|$", row)]
    for path, name in re.findall(r"`(tests/[\w/.]+)::(\w+)`", page):
        file = ROOT / path
        tree = ast.parse(file.read_text()) if file.exists() else ast.Module([], [])
        if name not in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }:
            wrong.append(f"{path}::{name}")
    return wrong


def test_each_claim_names_a_test_that_exists() -> None:
    """Whoever renames a test, or removes one, finds the claim that rests on it."""
    assert missing(PAGE.read_text()) == []


@pytest.mark.parametrize(
    "row",
    ["| fly | |", "| fly | `tests/docs/test_wings.py::test_flight` |", "| fly | `tests/docs/pages.py::test_flight` |"],
)
def test_a_claim_without_a_test_is_found(row: str) -> None:
    """A row without one, one in a file that does not exist, and one that its file does not have."""
    assert missing(f"| They cannot | Test |\n|---|---|\n{row}\n")
