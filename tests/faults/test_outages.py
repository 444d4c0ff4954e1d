"""Outages in virtual time: how many requests they cost, and how long it takes until all watches are back."""

from __future__ import annotations

import os
from contextlib import contextmanager
from random import Random
from statistics import median
from typing import Any

import pytest
from faults.outages import Course, Kind, Outage, run

from trio_k8swatch._backoff_curves import Backoff
from trio_k8swatch._http import gate, hedging, reachability

SEEDS = int(os.environ.get("K8SWATCH_OUTAGE_SEEDS", "12"))
"""How many outages are drawn by chance; 1,000 take five minutes."""
WATCHES = (1, 3, 40)
SECONDS = (1.0, 10.0, 60.0, 600.0)
KINDS: tuple[Kind, ...] = ("refused", "silent", "unavailable", "forgetful")


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("watches", WATCHES)
def test_all_watches_are_back_within_five_seconds(watches: int, seconds: float) -> None:
    """Nothing is lost, order is kept, nobody lists, and the server was left alone while it was away."""
    run(Outage(watches, seconds, seed=1)).check()


def drawn(seed: int) -> Outage:
    rng = Random(seed)
    # The largest are the slowest: a few of them will do.
    watches, seconds = rng.choices(WATCHES, (5, 5, 1))[0], rng.choices(SECONDS, (3, 3, 3, 1))[0]
    return Outage(watches, seconds, seed, rng.choice(KINDS))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_the_outage_is_like(seed: int) -> None:
    """Refused; headers that never come; 503 from what stands before the server; a server that has lost its history."""
    run(drawn(seed)).check()


def test_forty_watches_and_a_minute_cost_forty_requests() -> None:
    """Not nine times forty, as when each found out for itself."""
    course = run(Outage(40, 60.0, 7))
    assert course.during <= 40
    assert course.lists == 0


@contextmanager
def mutant(owner: Any, name: str, value: Any):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


async def no_hedge(*args: Any, **kwargs: Any) -> None:
    """Nothing is sent a second time."""


AWAY = [Outage(12, 60.0, seed) for seed in range(2)]
SWALLOWED = [Outage(1, 55.0, 1, "silent")]


@pytest.mark.parametrize(
    ("owner", "name", "value", "outages"),
    [
        (reachability, "_CURVE", Backoff(0.2, 30.0, minimum_seconds=0.1), AWAY),
        (reachability, "_CURVE", Backoff(0.1, 0.1, minimum_seconds=0.1), AWAY),
        (gate, "_SPREAD_SECONDS", 30.0, AWAY),
        (hedging._Race, "hedge", no_hedge, SWALLOWED),
    ],
    ids=["up to thirty seconds", "no growth", "spread over half a minute", "what is swallowed is waited for"],
)
def test_the_bars_fail_when_a_rule_is_broken(owner: Any, name: str, value: Any, outages: list[Outage]) -> None:
    """So it would be noticed."""
    spread = 1.0 if name == "_SPREAD_SECONDS" else 0.025
    with mutant(owner, name, value), mutant(gate, "_SPREAD_EACH_SECONDS", spread):
        with pytest.raises(AssertionError):
            for outage in outages:
                course: Course = run(outage)
                course.check()
                assert course.during <= 40


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_all_watches_are_back_within_two_seconds(kind: Kind) -> None:
    """Whatever kind of outage it was."""
    lags = [lag for seed in range(8) for lag in run(Outage(3, 20.0 + 20 * seed, seed, kind)).lags]
    assert median(lags) <= 2.0
