"""Shares are equal, move as little as they can, and are agreed on by all who see the same, in whatever order they act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.shard._balance import balanced
from trio_k8swatch.shard._slots import Scores

SLOTS = 512
"""As by default."""

Shares = Mapping[str, int]


def moved(before: Shares, after: Shares) -> int:
    """How many slots are with another member than before."""
    everywhere = {**dict.fromkeys(after, 0), **before}
    return SLOTS - sum((everywhere[who] & share).bit_count() for who, share in after.items())


def assert_shared(shares: Shares, slots: int) -> None:
    """Each slot with one member, and as many with each."""
    counts = [share.bit_count() for share in shares.values()]
    assert sum(counts) == slots
    assert sum(shares.values()) == (1 << slots) - 1
    assert max(counts) - min(counts) <= 1


def worst_changes(share: Callable[[Shares, Scores], Shares], chance: Random) -> dict[int, float]:
    """For each number of members from 2 to 50, the largest part of 1/N that moved when one had come or when one went."""
    scores = Scores(SLOTS)
    shares: Shares = share({"first": 0}, scores)
    worst: dict[int, float] = {}

    def change(claims: Shares) -> None:
        nonlocal shares
        members = max(len(claims), len(shares))
        after = share(claims, scores)
        worst[members] = max(worst.get(members, 0.0), moved(shares, after) * members / SLOTS)
        shares = after

    while len(shares) < 50:
        change({**shares, f"replica-{chance.randrange(10**9)}": 0})
        if chance.random() < 0.4 and len(shares) > 1:
            gone = chance.choice([*shares])
            change({who: slots for who, slots in shares.items() if who != gone})
    while len(shares) > 1:
        gone = chance.choice([*shares])
        change({who: slots for who, slots in shares.items() if who != gone})
    return worst


@pytest.mark.parametrize("seed", range(5))
def test_no_change_moves_more_than_1_2_of_one_share(seed: int) -> None:
    """With the usual slots, whoever of 2 to 50 comes or goes."""
    worst = worst_changes(balanced, Random(seed))
    assert [*sorted(worst)] == [*range(2, 51)]
    assert max(worst.values()) <= 1.2


def only_by_scores(claims: Shares, scores: Scores) -> Shares:
    """Rendezvous hashing alone: where nobody has anything, and no share is full."""
    shares = dict.fromkeys(claims, 0)
    for slot in range(scores.slots):
        shares[max(claims, key=lambda who: scores.of(who)[slot])] |= 1 << slot
    return shares


def from_the_start(claims: Shares, scores: Scores) -> Shares:
    """Equal shares, whatever was claimed."""
    return balanced(dict.fromkeys(claims, 0), scores)


@pytest.mark.parametrize("share", [only_by_scores, from_the_start])
def test_shares_that_move_more_are_found(share: Callable[[Shares, Scores], Shares]) -> None:
    """The law above can fail: scores alone scatter, and quotas alone start anew."""
    assert max(worst_changes(share, Random(1)).values()) > 1.2


@pytest.mark.parametrize("seed", range(20))
def test_one_change_is_the_same_for_all_in_whatever_order_they_see_it(seed: int) -> None:
    """Each applies its part of what it sees, which may be old: nobody ever sees reason to move anything else."""
    chance = Random(seed)
    scores = Scores(64)
    shares: Shares = balanced({"first": 0}, scores)
    for n in range(40):
        claims = {**shares, f"replica-{n}": 0}
        if len(shares) > 1 and chance.random() < 0.45:
            claims = dict(shares)
            del claims[chance.choice([*shares])]
        goal = balanced(claims, scores)
        assert_shared(goal, 64)
        states, now = [claims], claims
        for who in chance.sample([*claims], len(claims)) * 2:
            now = {**now, who: balanced(chance.choice(states), scores)[who]}
            states.append(now)
            assert balanced(now, scores) == goal
        shares = goal


@given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from([1, 4, 16, 64]))
def test_any_claims_come_to_rest(seed: int, members: int, slots: int) -> None:
    """However wrong they are: when each has written twice, all is shared and nothing moves."""
    chance, scores = Random(seed), Scores(slots)
    claims = {f"replica-{n}": chance.getrandbits(slots) & chance.choice([0, -1]) for n in range(members)}
    for who in [*chance.sample([*claims], members), *chance.sample([*claims], members)]:
        claims = {**claims, who: balanced(claims, scores)[who]}
    assert_shared(claims, slots)
    assert balanced(claims, scores) == claims


def test_a_slot_that_two_claim_is_for_the_one_with_less() -> None:
    """Who has come takes from who was there, without asking."""
    shares = balanced({"old": 0b1111, "new": 0b0011}, Scores(4))
    assert shares == {"old": 0b1100, "new": 0b0011}


def test_what_nobody_has_goes_by_scores() -> None:
    """The highest score has the first choice while there is room."""
    scores = Scores(8)
    shares = balanced({"a": 0, "b": 0}, scores)
    by_scores = only_by_scores({"a": 0, "b": 0}, scores)
    assert sum((shares[who] & by_scores[who]).bit_count() for who in "ab") >= 6
