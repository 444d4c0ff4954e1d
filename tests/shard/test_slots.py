"""Which slot an object is in, and whose a slot is: the server's hash, and shares that move as little as they can."""

from __future__ import annotations

from random import Random

import pytest

from trio_k8swatch import ConfigError
from trio_k8swatch.shard._slots import Scores, bits, checked_slots, fnv1a, selector_of, slot_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_the_hash_is_fnv_1a(text: bytes, expected: int) -> None:
    """By the vectors of its authors: an API server hashes the same."""
    assert fnv1a(text) == expected


def test_slots_are_ranges_of_hashes() -> None:
    """So that a set of them can be said to a server."""
    for uid in (b"a", b"b", b"c", b"8c1d0c1e-5b1f-4b0a-9d7e-0a1b2c3d4e5f"):
        assert slot_of(uid, 512) == fnv1a(uid) // (2**64 // 512)


@pytest.mark.parametrize("slots", [0, -1, 3, 500, 1 << 17])
def test_other_numbers_of_slots_are_refused(slots: int) -> None:
    """A width that is no power of two would leave hashes over."""
    with pytest.raises(ConfigError, match="power of two"):
        checked_slots(slots)


def test_selectors_are_written_as_servers_echo_them() -> None:
    """Neighbours in one range, the end of all hashes with seventeen digits."""
    low = "shardRange(object.metadata.uid, '0x0000000000000000', '0x8000000000000000')"
    last = "shardRange(object.metadata.uid, '0xc000000000000000', '0x10000000000000000')"
    assert selector_of(0b1011, 4, 10) == f"{low} || {last}"
    assert selector_of(0b1011, 4, 1) is None
    assert selector_of(0b1111, 4, 10) is None
    assert selector_of(0, 4, 10) is None


def test_every_slot_is_for_one_member() -> None:
    """Whoever asks, and in whatever order it knows the members."""
    names = [f"replica-{n}" for n in range(9)]
    shares = [Scores(256).share_of(one, Random(n).sample(names, len(names))) for n, one in enumerate(names)]
    assert sum(shares) == sum({*shares}) == (1 << 256) - 1
    assert sum(len([*bits(share)]) for share in shares) == 256


def moved_shares(slots: int, largest: int, chance: Random) -> list[tuple[int, float, bool]]:
    """Of random changes of membership: how many members there were at most, what moved, whether only what had to."""
    scores = Scores(slots)
    members = [f"replica-{chance.randrange(10**9)}" for _ in range(largest // 2)]
    best = scores.best_of(members)
    found: list[tuple[int, float, bool]] = []
    for _ in range(40):
        if len(members) == 1 or (len(members) < largest and chance.random() < 0.5):
            changed = f"replica-{chance.randrange(10**9)}"
            members.append(changed)
        else:
            changed = members.pop(chance.randrange(len(members)))
        now = scores.best_of(members)
        moves = [(was, is_now) for was, is_now in zip(best, now, strict=True) if was != is_now]
        only_own = all(changed in move for move in moves)
        found.append((max(len(members), 2), len(moves) / slots, only_own))
        best = now
    return found


@pytest.mark.parametrize("largest", [3, 10, 50])
def test_no_change_moves_more_than_it_must(largest: int) -> None:
    """Only what the one who came or went gets or had: with slots enough, less than 1.2/N at each change."""
    for members, moved, only_own in moved_shares(1 << 15, largest, Random(largest)):
        assert only_own
        assert moved <= 1.2 / (members if members > 2 else 1.6)


@pytest.mark.parametrize("seed", range(5))
def test_with_the_usual_slots_changes_move_1_2_of_n_on_average(seed: int) -> None:
    """Single changes scatter, as shares do: by the root of N/slots."""
    changes = moved_shares(512, 50, Random(seed))
    assert sum(moved for _, moved, _ in changes) <= 1.2 * sum(1 / members for members, _, _ in changes)
    for members, moved, only_own in changes:
        assert only_own
        assert abs(moved - 1 / members) <= 6 * (1 / (members * 512)) ** 0.5


def test_hashing_modulo_the_members_would_be_found() -> None:
    """The law above can fail: nearly everything moves."""
    was, is_now = [n % 9 for n in range(512)], [n % 10 for n in range(512)]
    moved = sum(a != b for a, b in zip(was, is_now, strict=True)) / 512
    assert moved > 1.2 / 10
