"""Writes faults.md: what may happen, what is guaranteed, and the tests that hold us to it.

`python docs/_generate_faults.py` after a change of tests/faults; a test compares what is there with what would be
written. What happens stands in tests/faults/scenarios.toml; what is guaranteed are the docstrings of the tests.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SCENARIOS = ROOT / "tests" / "faults" / "scenarios.toml"
PAGE = ROOT / "docs" / "faults.md"
FOLDERS = ("tests/faults", "tests/soak")

_NAMED = re.compile(r"test_(F\d+)_(\w+)")
_INTRODUCTION = """\
---
orphan: true
---

<!-- Written by docs/_generate_faults.py. -->

# What a watch survives

{count} faults that can occur between a program and an API server, and what is guaranteed for each. Every guarantee is the
docstring of a test in `tests/faults`. These invariants are checked during all of them as well:

1. A store never has two lists in flight, and never a list and a watch at the same time.
2. Attempts stay within a budget, or follow the configured backoff, whatever failed.
3. Nothing is left behind: no task, no open response, no slot of a connection pool.
4. `relist()` returns only after a list that started after the call.
5. Handlers are notified of exactly one deletion of each known object, and of nothing after it; their notifications add up to
   the contents of the store.
6. Indexes are updated before any handler is called.
7. `health` reports the actual state.

Once faults cease, the store equals the state of the server, and its indexes equal what a rebuild would produce.

"""


class Test(NamedTuple):
    """One test of a scenario."""

    scenario: str
    file: str
    name: str
    says: str


def found() -> Iterator[Test]:
    """All tests that are named after a scenario."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("test_*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (named := _NAMED.fullmatch(node.name)):
                    says = " ".join((ast.get_docstring(node) or "").split())
                    yield Test(named[1], str(path.relative_to(ROOT)), node.name, says)


def page() -> str:
    """The whole page."""
    sections = tomllib.loads(SCENARIOS.read_text())
    del sections["also"]
    tests: dict[str, list[Test]] = {}
    for test in found():
        tests.setdefault(test.scenario, []).append(test)
    parts = [_INTRODUCTION.format(count=sum(map(len, sections.values())))]
    for title, scenarios in sections.items():
        parts.append(f"## {title}\n\n| fault | guarantee |\n|---|---|\n")
        parts += [_row(what, tests.get(number, [])) for number, what in scenarios.items()]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def scenarios() -> set[str]:
    """The numbers of all scenarios."""
    sections = tomllib.loads(SCENARIOS.read_text())
    del sections["also"]
    return {number for section in sections.values() for number in section}


def missing() -> list[str]:
    """Scenarios without a test."""
    sections = tomllib.loads(SCENARIOS.read_text())
    del sections["also"]
    tested = {test.scenario for test in found()}
    return [number for scenarios in sections.values() for number in scenarios if number not in tested]


def _row(what: str, tests: list[Test]) -> str:
    guarantees = "<br>".join(dict.fromkeys(test.says for test in tests))
    return f"| {_cell(what)} | {_cell(guarantees)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
