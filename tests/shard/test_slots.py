"""Which slot an object is in, by the server's hash, and how sets of slots are written."""

from __future__ import annotations

import pytest

from trio_k8swatch import ConfigError
from trio_k8swatch.shard._slots import Scores, checked_slots, fnv1a, selector_of, slot_of


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


def test_scores_of_members_that_have_gone_are_forgotten() -> None:
    """Pods have new names each time."""
    scores = Scores(16)
    before = scores.of("a")
    scores.of("b")
    assert scores.of("a") is before
    scores.forget({"b": 0})
    assert scores.of("a") is not before
    assert scores.of("a") == before
