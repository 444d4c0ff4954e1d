"""F102: a million events and a thousand broken connections, by `nox -s soak`; a two-hundredth of it in every run."""

from __future__ import annotations

import os

import pytest
from soak.churn import Week, week
from soak.weathered import Figures, soak

GROWTH_LIMIT = 1.1
"""Of the memory that is held, from the second third of the run to the last."""

SHORT_GROWTH_LIMIT = 1.3
"""In a short run the fake server's own history, which comes and goes, weighs more than everything else."""


CHURN_GROWTH_LIMIT = 1.02


def check(figures: Figures, events: int, reconnects: int, growth: float = GROWTH_LIMIT) -> None:
    print(figures, f"growth {figures.growth:.3f}")
    assert figures.events >= 0.5 * events, "most events should have come by a watch"
    assert figures.reconnects >= 0.8 * reconnects
    assert figures.growth < growth, f"memory grew: {figures.memory}"


def test_F102_a_short_soak():
    """5,000 events and 50 faults: memory is flat, and the store is the server at the end."""
    check(soak(events=5_000, reconnects=50), 5_000, 50, SHORT_GROWTH_LIMIT)


@pytest.mark.soak
def test_F102_a_million_events():
    """1,000,000 events and 1,000 reconnects with random faults: memory is flat, and the store is the server."""
    events = int(os.environ.get("K8SWATCH_SOAK_EVENTS", "1000000"))
    check(soak(events=events, reconnects=events // 1000), events, events // 1000)


@pytest.mark.soak
def test_F102_twenty_thousand_schedules(monkeypatch: pytest.MonkeyPatch):
    """The model test with as many schedules as an hour holds, other ones each time."""
    from faults.schedules import run, setups, steps
    from hypothesis import HealthCheck, given, settings

    @settings(max_examples=20_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(setup=setups, schedule=steps)
    def schedules(setup, schedule):
        run(setup, schedule)

    schedules()


def check_week(found: Week, growth: float) -> None:
    print(
        f"{found.replaced} replaced, {found.opened} watches, {found.virtual_days:.1f} days, growth {found.growth:.4f}"
    )
    assert found.growth <= growth, f"memory grew: {found.memory}"


def test_a_short_week_of_churn():
    """Every object replaced once, sixty watches opened and closed in two virtual hours."""
    check_week(week(replacements=1, watches=60, days=1 / 12), SHORT_GROWTH_LIMIT)


@pytest.mark.soak
def test_a_week_of_churn():
    """Every object replaced a hundred times, watches opened and closed a thousand times: memory grows by 2 % at most."""
    found = week(replacements=100, watches=1000)
    assert (found.replaced, found.opened) == (20_000, 1000)
    assert found.virtual_days >= 7
    check_week(found, CHURN_GROWTH_LIMIT)
