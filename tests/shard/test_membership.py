"""Never two owners, and none for no longer than a Lease and a handover, in any history; and what single rules are for."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from shard.replicas import TIMES, Replica, World, history

from trio_k8swatch.shard._membership import Claim, Member
from trio_k8swatch.shard._slots import Scores

HISTORIES = int(os.environ.get("TRIO_K8SWATCH_SHARD_HISTORIES", "25"))

HANDOVER_SECONDS = 5.0
"""A renewal that fails once and is tried again, a look, and what the watch takes to bring it."""

HANDOVER_IN_TROUBLE_SECONDS = 40.0
"""The same where every seventh request is lost and noticed after four seconds, and clocks are an eighth wrong."""


def assert_safe(seed: int, **options: Any) -> None:
    world = history(seed, **options)
    assert world.overlaps == [], f"seed {seed}"
    assert world.orphan_since == {}, f"seed {seed}"
    assert world.worst_orphan <= TIMES.lease_seconds + HANDOVER_SECONDS, f"seed {seed}"
    assert world.worst_in_trouble <= TIMES.lease_seconds + HANDOVER_IN_TROUBLE_SECONDS, f"seed {seed}"


@pytest.mark.parametrize("part", range(5))
def test_never_two_owners_and_none_not_for_long(part: int) -> None:
    """In random histories of one to eight replicas; in the end everything has one owner."""
    for seed in range(part, HISTORIES, 5):
        assert_safe(seed)


class GainsWithoutLooking(Member):
    """What was seen does not have to show one's own claim."""

    def _may_gain(self, now):
        return self._is_valid(now) and self._written is not None


class StopsLate(Member):
    """The Lease lasts from the answer on, and longer."""

    def wrote(self, slots, reserved, version, began):
        super().wrote(slots, reserved, version, began)
        self._valid_until += 8


class IgnoresClaims(Member):
    """Whoever a slot is for serves it."""

    def _free(self, share):
        return share & (self._written.slots if self._written else 0) & ~self._unaccounted


class ServesWithoutClaim(Member):
    """What nobody claims is free."""

    def _free(self, share):
        return share & ~self._claimed_by_others & ~self._unaccounted


class ReleasesFirst(Member):
    """The claim is taken back, and then the slots are let go."""

    def step(self, now):
        before = self.serving
        step = super().step(now)
        if step.write is not None and step.drop:
            self.serving = before | step.gain
            return step._replace(drop=0)
        return step


class TakesWhatNobodyClaims(Member):
    """A newcomer does not mind that somebody may have lost a Lease."""

    def _saw_first(self, claims, now):
        """Nothing is reserved."""


class ForgetsTheDeleted(Member):
    """Where there is no Lease there is nobody."""

    def deleted(self, who, claim, now):
        self._peers.pop(who, None)


class KeepsReservationsToItself(Member):
    """Those who come later do not learn of them."""

    @property
    def reserved(self):
        return 0


@pytest.mark.parametrize(
    "mutant",
    [
        GainsWithoutLooking,
        StopsLate,
        IgnoresClaims,
        ServesWithoutClaim,
        ReleasesFirst,
        TakesWhatNobodyClaims,
        ForgetsTheDeleted,
        KeepsReservationsToItself,
    ],
)
def test_a_broken_rule_is_found(mutant: type[Member]) -> None:
    """Each rule is needed: without it some history has two owners."""
    assert any(history(seed, member=mutant).overlaps for seed in [*range(20), *range(100, 110)])


def test_fifty_replicas_are_as_safe() -> None:
    """And share all slots in the end."""
    for seed in range(max(1, HISTORIES // 25)):
        assert_safe(seed, least=50, most=50, slots=64, seconds=20)


def test_any_number_of_replicas_is_as_safe() -> None:
    """From nine to forty-nine."""
    for seed in range(max(1, HISTORIES // 10)):
        assert_safe(seed, least=9, most=49, slots=64, seconds=60)


@pytest.mark.parametrize("believes", [False, True])
def test_a_watch_that_is_silent_does_not_make_a_lease_run_out(believes: bool) -> None:
    """It may stand still: only a list that began afterwards shows it. Without that rule two would serve."""
    member = Member("a", TIMES, Scores(16))
    member.saw({"b": Claim(0xFFFF, "1", 15)}, -5.5)
    member.wrote(0xFFFF, 0, "2", 0.0)
    member.saw({"a": Claim(0xFFFF, "2", 15), "b": Claim(0xFFFF, "1", 15)}, 0.1)
    # Since then nothing came through, in neither direction; the other renews all the time.
    if believes:
        member.looked(9.6)
    step = member.step(9.6)
    assert (step.gain != 0) is believes
    assert step.look is not believes


def test_a_replica_that_crashes_is_replaced_in_time() -> None:
    """Nothing else being wrong: a Lease, a look, and the watch."""
    world = World(rng=Random(1), slots=64, trouble=0)
    for n in range(3):
        Replica(world, f"replica-{n}")
    world.run_until(30)
    assert not world.orphan_since
    world.disturbed()
    world.replicas["replica-1"].crash()
    world.run_until(60)
    assert not world.orphan_since
    assert TIMES.renew_seconds < world.worst_orphan <= TIMES.lease_seconds + TIMES.retry_seconds + 1


def test_a_replica_that_leaves_is_replaced_at_once() -> None:
    """Its claims are taken back when it serves nothing any more."""
    world = World(rng=Random(1), slots=64, trouble=0)
    for n in range(3):
        Replica(world, f"replica-{n}")
    world.run_until(30)
    world.disturbed()
    world.replicas["replica-1"].leave()
    world.run_until(60)
    assert not world.orphan_since
    assert world.worst_orphan < 0.5


def serving_all() -> tuple[Member, float]:
    """A member that is alone, and serves all."""
    member = Member("a", TIMES, Scores(16))
    member.saw({}, 0.0)
    assert member.step(0.0).write == (0xFFFF, 0)
    member.wrote(0xFFFF, 0, "1", 0.0)
    member.saw({"a": Claim(0xFFFF, "1", 15)}, 0.1)
    assert member.step(0.1).gain == 0xFFFF
    return member, 0.1


def test_what_was_written_without_an_answer_is_seen_before_anything_is_gained() -> None:
    """The write may have taken back a claim, and what is seen may be from before that."""
    member, now = serving_all()
    member.saw({"a": Claim(0xFFFF, "1", 15), "b": Claim(0, "2", 15)}, now)
    step = member.step(now)
    assert step.drop
    member.failed(now)
    # The other goes at once: all is for this one again, and its old Lease still says that it claims all.
    member.deleted("b", Claim(0, "3", 15, has_left=True), now + 0.1)
    member.saw({"a": Claim(0xFFFF, "1", 15)}, now + 0.1)
    assert member.step(now + 0.1).gain == 0
    member.wrote(0xFFFF, 0, "4", now + 0.2)
    assert member.step(now + 0.3).gain == 0
    member.saw({"a": Claim(0xFFFF, "4", 15)}, now + 0.4)
    assert member.step(now + 0.4).gain == step.drop


@pytest.mark.parametrize(("last", "reserved"), [(Claim(0xF0, "1", 15), 0xF0), (None, 0xFFFF)])
def test_a_deleted_lease_holds_its_claims_until_it_would_have_run_out(last: Claim | None, reserved: int) -> None:
    """Somebody has deleted it by hand; whoever has it may be serving. If nobody saw it go it may have claimed anything."""
    member = Member("a", TIMES, Scores(16))
    member.saw({"b": Claim(0xFFFF, "1", 15)}, 0.0)
    member.wrote(0xFFFF, 0, "2", 0.0)
    member.saw({"a": Claim(0xFFFF, "2", 15), "b": Claim(0xF0, "1", 15)}, 0.0)
    if last is not None:
        member.deleted("b", last, 1.0)
    member.saw({"a": Claim(0xFFFF, "2", 15)}, 1.0)
    for now in (1.0, 5.0, 9.0, 15.9):
        member.wrote(0xFFFF, 0, "2", now)
        assert member.step(now).gain & reserved == 0
        assert member.reserved == reserved
    member.wrote(0xFFFF, 0, "2", 16.0)
    assert member.step(16.0).look
    member.looked(16.0)
    member.wrote(0xFFFF, 0, "2", 16.0)
    member.step(16.0)
    assert member.serving == 0xFFFF
    assert member.reserved == 0


def test_a_lease_that_claimed_nothing_any_more_holds_nothing_when_it_is_deleted() -> None:
    """That is how its owner leaves."""
    member, now = serving_all()
    member.saw({"a": Claim(0xFFFF, "1", 15), "b": Claim(0xFF, "2", 15)}, now)
    member.deleted("b", Claim(0, "3", 15, has_left=True), now)
    member.saw({"a": Claim(0xFFFF, "1", 15)}, now)
    assert member.reserved == 0


def test_a_newcomer_reserves_what_nobody_claims_for_as_long_as_a_lease() -> None:
    """Its owner may have lost its Lease; not if there is none at all, for then it is the first."""
    member = Member("a", TIMES, Scores(16))
    member.saw({"b": Claim(0xFF00, "1", 15)}, 0.0)
    assert member.reserved == 0xFF
    write = member.step(0.0).write
    assert write is not None
    assert write[1] == 0xFF
    first, _ = serving_all()
    assert first.reserved == 0


def test_who_has_lost_its_lease_writes_it_at_once() -> None:
    """Until then others think that nothing is served here."""
    member, now = serving_all()
    member.step(now)
    assert member.step(now + 1).write is None
    member.saw({}, now + 1)
    assert member.step(now + 1).write == (0xFFFF, 0)
    assert member.serving == 0xFFFF


def test_who_has_left_is_waited_for_no_more() -> None:
    """Though its Lease is still there, for what it reserves."""
    member, now = serving_all()
    member.saw({"a": Claim(0xFFFF, "1", 15), "b": Claim(0, "2", 15, 0xF, has_left=True)}, now)
    assert member.members == ("a",)
    assert member.step(now).drop == 0


@pytest.mark.parametrize("others_are_back", [False, True])
def test_after_an_outage_nobody_is_taken_for_dead_at_once(others_are_back: bool) -> None:
    """Who could not renew its own Lease does not know what others might have done; if none of them could, they have a Lease's time."""
    member = Member("a", TIMES, Scores(16))
    leases = {"b": Claim(0xFF00, "1", 15), "c": Claim(0x00FF, "2", 15)}
    member.saw(leases, 0.0)
    member.wrote(0xFFFF, 0, "3", 0.0)
    member.wrote(0xFFFF, 0, "4", 40.0)
    if others_are_back:
        leases = {**leases, "b": Claim(0xFF00, "5", 15)}
    member.saw(leases, 40.1)
    member.looked(42.0)
    assert member.members == ("a", "b", "c")
    member.looked(45.0)
    assert ("c" in member.members) is not others_are_back


def test_who_cannot_renew_serves_nothing_from_its_deadline_on() -> None:
    """Counted from before the last renewal was sent, and until a new one was seen."""
    member, _ = serving_all()
    assert member.step(9.99).drop == 0
    assert member.next_to_stop_at() == 10.0
    assert member.step(10.0).drop == 0xFFFF
    member.wrote(0xFFFF, 0, "9", 12.0)
    assert member.step(12.0).gain == 0
    member.saw({"a": Claim(0xFFFF, "9", 15)}, 12.1)
    assert member.step(12.1).gain == 0xFFFF


def test_leases_that_ran_out_long_ago_are_named() -> None:
    """Pods have new names each time: what they leave behind is deleted by those who are there."""
    member, _ = serving_all()
    member.saw({"a": Claim(0xFFFF, "1", 15), "b": Claim(0, "2", 15)}, 0.0)
    member.wrote(0xFFFF, 0, "3", 9.0)
    member.looked(15.0)
    assert member.run_out(20.0) == []
    assert member.run_out(20 * 15.0) == [("b", "2")]
