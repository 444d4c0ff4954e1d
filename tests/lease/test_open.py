"""Never two leaders, and a new one soon, whatever happens to candidates, clocks and network."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import trio
from lease.machines import NOTICES_SECONDS, TIMES, Line, Machine, Reign, Server, history, stand

from trio_k8swatch import ConfigError
from trio_k8swatch.lease import LeaseLost
from trio_k8swatch.lease._clock import Clock, SeenTime
from trio_k8swatch.lease._election import LeaseTimes, Observation, Spec
from trio_k8swatch.lease._leases import Stored
from trio_k8swatch.lease._open import _Candidate, open_stored_lease

HISTORIES = int(os.environ.get("TRIO_K8SWATCH_LEASE_HISTORIES", "100"))


async def test_never_two_leaders(autojump_clock) -> None:
    """In any history; and in most of them somebody leads, else this would show nothing."""
    terms = 0
    for seed in range(HISTORIES):
        reign = await history(seed)
        assert reign.overlaps == [], f"seed {seed}"
        terms += len(reign.terms)
    assert terms > HISTORIES


def trusts_no_time(self: Observation, identity: str, fallback_seconds: float) -> float:
    return self.since


def half_the_time(self: Observation, identity: str, fallback_seconds: float) -> float:
    return self.since + fallback_seconds / 2


def compares_dates(self: Observation, identity: str, fallback_seconds: float) -> float:
    """As if the dates of two machines could be compared."""
    renewed = datetime.fromisoformat(self.spec.renew_time or "2000-01-01T00:00:00+00:00")
    age = datetime(2026, 11, 29, tzinfo=UTC) - renewed
    return self.since if age.total_seconds() > fallback_seconds else self.since + fallback_seconds


def believes_leaps(self: SeenTime) -> float:
    return self._clock.now()


async def leads_until_told(self: Any) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        (Observation, "may_be_taken_at", trusts_no_time),
        (Observation, "may_be_taken_at", half_the_time),
        (Observation, "may_be_taken_at", compares_dates),
        (SeenTime, "now", believes_leaps),
        (_Candidate, "end_in_time", leads_until_told),
        (Machine, "now", Machine.awake),
    ],
)
async def test_a_rule_that_is_broken_shows_two_leaders(autojump_clock, monkeypatch, owner, name, mutant) -> None:
    """Within a few hundred histories, mostly. The last is a clock that stands still while the machine is suspended."""
    monkeypatch.setattr(owner, name, mutant)
    for seed in range(2000):
        if (await history(seed)).overlaps:
            return
    pytest.fail("nobody noticed")


@pytest.mark.parametrize("candidates", [2, 5])
async def test_a_new_leader_within_the_lease_and_a_retry(autojump_clock, nursery, candidates: int) -> None:
    """When the old one is cut off and the others are not."""
    rng = Random(candidates)
    server, reign = Server(rng, troubled=False), Reign()

    async def steady(who: str) -> None:
        while True:
            try:
                async with open_stored_lease(Line(server, who), who, TIMES, Clock(), rng):
                    await reign.lead(who)
            except LeaseLost:
                continue

    for number in range(candidates):
        nursery.start_soon(steady, f"candidate-{number}")
    await trio.sleep(30)
    (first,) = reign.leaders
    server.cut_off = {first}
    cut_at = trio.current_time()
    await trio.sleep(60)

    assert len(reign.terms) == 2
    assert reign.terms[1][0] != first
    assert reign.terms[1][1] - cut_at < TIMES.lease_seconds + 2 * TIMES.retry_seconds * 1.2
    nursery.cancel_scope.cancel()


async def test_a_leader_that_was_suspended_stops_when_it_wakes_up(autojump_clock, nursery) -> None:
    """It slept through the end of its term; the clock that it sleeps by has stood still, and the other leads."""
    server, reign, rng = Server(Random(1), troubled=False), Reign(), Random(1)
    one, two = Machine(rng), Machine(rng)
    nursery.start_soon(stand, server, "one", reign, rng, one)
    await trio.sleep(5)
    nursery.start_soon(stand, server, "two", reign, rng, two)
    await trio.sleep(5)
    assert reign.leaders == {"one"}
    await one.suspend(60)
    assert reign.leaders == {"two"}
    await trio.sleep(2 * NOTICES_SECONDS)
    assert (reign.leaders, reign.overlaps) == ({"two"}, [])
    nursery.cancel_scope.cancel()


async def test_a_suspension_that_no_clock_tells_ends_with_a_refused_renewal(autojump_clock, nursery) -> None:
    """As when a virtual machine is paused with all its clocks: what a lease cannot cover, and how long it takes."""
    server, reign, rng = Server(Random(1), troubled=False), Reign(), Random(1)
    one, two = Machine(rng, drift=0, tells=False), Machine(rng)
    nursery.start_soon(stand, server, "one", reign, rng, one)
    await trio.sleep(5)
    nursery.start_soon(stand, server, "two", reign, rng, two)
    await trio.sleep(3.5)
    await one.suspend(60)
    await trio.sleep(2 * NOTICES_SECONDS)
    assert reign.leaders == {"one", "two"}
    await trio.sleep(TIMES.retry_seconds)
    assert reign.leaders == {"two"}
    nursery.cancel_scope.cancel()


async def test_a_clock_that_leaps_ends_the_block_at_once(autojump_clock) -> None:
    """Who does not know for how long it has led does not lead."""
    server, machine = Server(Random(1), troubled=False), Machine(Random(1))
    with pytest.raises(LeaseLost):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, machine, Random(1)):
            await trio.sleep(3)
            leapt = trio.current_time()
            machine.leap(TIMES.renew_seconds)
            await trio.sleep_forever()
    assert trio.current_time() == leapt


async def test_a_clock_that_leaps_brings_a_candidate_no_nearer(autojump_clock) -> None:
    """By one pause between two looks, at most."""
    server, machine = Server(Random(1), troubled=False), Machine(Random(1), drift=0)
    server.stored = Stored(Spec(holder_identity="a", lease_duration_seconds=15), "1")
    began = trio.current_time()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def leap() -> None:
            await trio.sleep(5)
            machine.leap(86_400)

        async with open_stored_lease(Line(server, "b"), "b", TIMES, machine, Random(1)):
            assert 13 <= trio.current_time() - began < 15 + 2 * 1.2 * TIMES.retry_seconds


async def test_leaving_releases_at_once(autojump_clock) -> None:
    """The next does not wait for the lease to run out."""
    server = Server(Random(1), troubled=False)
    async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
        assert server.stored is not None
        assert server.stored.spec.holder_identity == "a"
    began = trio.current_time()
    async with open_stored_lease(Line(server, "b"), "b", TIMES, Clock(), Random(1)):
        assert trio.current_time() - began < 1
        assert server.stored.spec.lease_transitions == 1


async def test_a_leader_that_cannot_renew_is_cancelled_and_told(autojump_clock) -> None:
    """Before anyone else may lead."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(LeaseLost, match="a no longer leads: the lease was not renewed in time: lost"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            began = trio.current_time()
            server.cut_off = {"a"}
            await trio.sleep_forever()
    assert trio.current_time() - began <= TIMES.renew_seconds + 0.1


async def test_a_leader_whose_lease_was_taken_is_cancelled_at_its_next_renewal(autojump_clock) -> None:
    """Whoever took it, and however."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(LeaseLost, match="held by b"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            server.stored = Stored(Spec(holder_identity="b"), "99")
            await trio.sleep_forever()
    assert server.stored == Stored(Spec(holder_identity="b"), "99")


async def test_an_error_of_the_block_leaves_as_it_is(autojump_clock) -> None:
    """And the lease is released."""
    server = Server(Random(1), troubled=False)
    with pytest.raises(ValueError, match="mine"):
        async with open_stored_lease(Line(server, "a"), "a", TIMES, Clock(), Random(1)):
            raise ValueError("mine")
    assert server.stored is not None
    assert server.stored.spec.holder_identity == ""


@pytest.mark.parametrize("times", [(15, 15, 2), (15, 10, 10), (15, 10, 0), (1e9, 10, 2)])
def test_times_that_would_not_be_safe_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="lease_seconds"):
        LeaseTimes(*times)
