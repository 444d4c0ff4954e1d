"""Which slots each member is to claim, from what all of them claim now: equal shares, and no more moves than those take.

All who see the same Leases work out the same, and each writes its own part. The result stays the same while the parts are
written, in whatever order, and when it is written it is a state in which nothing changes any more.

Rule 1: of several who claim a slot it is with the one that claims fewest in all, for that is who has just come.
Rule 2: shares differ by one slot at most; those who have more keep the slot that is over.
Rule 3: who has too many gives up those that it scores lowest for.
Rule 4: what nobody has goes to the one that scores highest for it (rendezvous hashing) among those who have too few.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._slots import Scores, bits

__all__ = ["balanced"]


def balanced(claims: Mapping[str, int], scores: Scores) -> dict[str, int]:
    """What each member is to claim; together all slots, each once. There has to be a member."""
    shares = _held(claims, scores)
    free = (1 << scores.slots) - 1
    for share in shares.values():
        free ^= share
    room: dict[str, int] = {}
    for who, quota in _quotas(shares, scores.slots).items():
        surplus = shares[who].bit_count() - quota
        if surplus > 0:
            given_up = _lowest(shares[who], surplus, who, scores)
            shares[who] ^= given_up
            free |= given_up
        elif surplus < 0:
            room[who] = -surplus
    for slot in bits(free):
        who = max(room, key=lambda one: (scores.of(one)[slot], one))
        shares[who] |= 1 << slot
        room[who] -= 1
        if not room[who]:
            del room[who]
    return shares


def _held(claims: Mapping[str, int], scores: Scores) -> dict[str, int]:
    """Each claimed slot with one of those who claim it."""
    claimed = disputed = 0
    for slots in claims.values():
        disputed |= claimed & slots
        claimed |= slots
    held = {who: slots & ~disputed for who, slots in claims.items()}
    counts = {who: slots.bit_count() for who, slots in claims.items()}
    for slot in bits(disputed):
        claimants = [who for who, slots in claims.items() if slots >> slot & 1]
        held[min(claimants, key=lambda one: (counts[one], -scores.of(one)[slot], one))] |= 1 << slot
    return held


def _quotas(held: Mapping[str, int], slots: int) -> dict[str, int]:
    """How many slots each is to have."""
    least, over = divmod(slots, len(held))
    in_order = sorted(held, key=lambda who: (held[who].bit_count() <= least, who))
    return {who: least + (place < over) for place, who in enumerate(in_order)}


def _lowest(share: int, count: int, who: str, scores: Scores) -> int:
    """The slots of a share that a member scores lowest for."""
    score = scores.of(who)
    return sum(1 << slot for slot in sorted(bits(share), key=lambda slot: (score[slot], slot))[:count])
