"""Thousands of random schedules against a model: at every quiet moment the store is the server."""

from __future__ import annotations

import os

from faults.schedules import Setup, Step, run, setups, steps
from hypothesis import HealthCheck, Phase, given, settings

ASKED = os.environ.get("K8SWATCH_SCHEDULES")
"""How many schedules, other ones each time, and shrunk when they fail. Without it: always the same, within CI's budget."""

SCHEDULES = 3000


@settings(
    max_examples=int(ASKED or SCHEDULES),
    deadline=None,
    database=None,
    derandomize=ASKED is None,
    phases=list(Phase) if ASKED else [Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(setup=setups, schedule=steps)
def test_whatever_happens_the_store_is_the_server(setup: Setup, schedule: list[Step]) -> None:
    """Random writes, faults, pauses and questions; all seven invariants, subscribers of all policies, and the model."""
    run(setup, schedule)
