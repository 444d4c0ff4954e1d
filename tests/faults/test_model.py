"""Thousands of random schedules against a model: at every quiet moment the store is the server."""

from __future__ import annotations

import os

from faults.schedules import Setup, Step, run, setups, steps
from hypothesis import HealthCheck, given, settings

SCHEDULES = int(os.environ.get("K8SWATCH_SCHEDULES", "1500"))


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    database=None,
    derandomize="K8SWATCH_SCHEDULES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(setup=setups, schedule=steps)
def test_whatever_happens_the_store_is_the_server(setup: Setup, schedule: list[Step]) -> None:
    """Random writes, faults, pauses and questions; all seven invariants, subscribers of all policies, and the model."""
    run(setup, schedule)
