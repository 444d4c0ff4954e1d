"""Which slot an object is in, and which member a slot is for.

The uid of an object is hashed as Kubernetes does it for `shardSelector` (KEP-5866: FNV-1a, 64 bit). The hashes are cut into
slots of equal width, and each slot is for the member that scores highest for it (rendezvous hashing): if a member comes or
goes, only slots move that it gets or had. Sets of slots are numbers, one bit for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterator
from hashlib import blake2b
from typing import Final

from trio_k8swatch._errors import ConfigError

__all__ = ["Scores", "bits", "checked_slots", "fnv1a", "selector_of", "slot_of"]

_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_HASHES: Final = 1 << 64
_MOST_SLOTS: Final = 1 << 16
_SCORES_AT_ONCE: Final = 8


def fnv1a(text: bytes) -> int:
    """The hash by which an API server shards."""
    value = _OFFSET
    for byte in text:
        value = (value ^ byte) * _PRIME & 0xFFFFFFFFFFFFFFFF
    return value


def slot_of(uid: bytes, slots: int) -> int:
    """The slot of an object."""
    return fnv1a(uid) * slots >> 64


def checked_slots(slots: int) -> int:
    """`slots`, if there can be so many; else ConfigError."""
    if not 1 <= slots <= _MOST_SLOTS or slots & (slots - 1):
        raise ConfigError(
            f"open_shard(slots={slots}): use a power of two, at most {_MOST_SLOTS}, the same in all replicas"
        )
    return slots


def bits(slots: int) -> Iterator[int]:
    """The slots of a set, in order."""
    while slots:
        lowest = slots & -slots
        yield lowest.bit_length() - 1
        slots ^= lowest


class Scores:
    """How members score for slots. Remembers those of members that it was asked for."""

    def __init__(self, slots: int) -> None:
        self.slots: int = slots
        self._known: dict[str, array[int]] = {}

    def of(self, member: str) -> array[int]:
        """Its score for each slot."""
        known = self._known.get(member)
        if known is None:
            digests = (
                blake2b(f"{part}/{member}".encode(), digest_size=8 * _SCORES_AT_ONCE).digest()
                for part in range(-(-self.slots // _SCORES_AT_ONCE))
            )
            known = self._known[member] = array("Q", b"".join(digests))
        return known

    def forget(self, others_than: Container[str]) -> None:
        """Members that will not be asked for again."""
        for gone in [who for who in self._known if who not in others_than]:
            del self._known[gone]


def selector_of(owned: int, slots: int, most_ranges: int) -> str | None:
    """`ListOptions.shard_selector` for a set of slots, as servers echo it; None for everything, or if it would be too long."""
    ranges: list[tuple[int, int]] = []
    for slot in bits(owned):
        if ranges and ranges[-1][1] == slot:
            ranges[-1] = (ranges[-1][0], slot + 1)
        else:
            ranges.append((slot, slot + 1))
    if not ranges or len(ranges) > most_ranges or ranges == [(0, slots)]:
        return None
    width = _HASHES // slots
    return " || ".join(
        f"shardRange(object.metadata.uid, '{begin * width:#018x}', '{end * width:#018x}')" for begin, end in ranges
    )
