"""The catalogue of scenarios: complete, and as the documentation shows it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def generator():
    specification = importlib.util.spec_from_file_location("generate_faults", DOCS / "_generate_faults.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_scenario_has_a_test():
    """F01 to F105, without a gap."""
    assert generator().missing() == []


def test_every_test_is_of_a_scenario():
    """No test carries a number that stands for nothing, and each says what it holds."""
    module = generator()
    scenarios = module.scenarios()
    for test in module.found():
        assert test.scenario in scenarios
        assert test.says.endswith((".", "!"))


def test_the_documentation_is_up_to_date():
    """Run `python docs/_generate_faults.py` if it is not."""
    assert (DOCS / "faults.md").read_text() == generator().page()
