"""Which slots a member may serve, from what it has seen of the Leases of all members, by its own clock.

Each member has one Lease, which only it writes, and in which it claims slots. What it has seen is a state of all of them at
one version of the server, however old.

Rule 1: a slot is claimed before it is served, and served until the claim is taken back, not longer.
Rule 2: a slot may be served once a state was seen in which one's own newest Lease claims it, and no other that has not run
out. Whoever claims it later will see that claim, and wait.
Rule 3: of two who claim a slot, the one that it is not for (`balanced`) takes its claim back.
Rule 4: a Lease has run out if it was seen unchanged for as long as it lasts, and then in a list that began after that. While
one cannot renew one's own, others are perhaps not to blame: they have some time to renew theirs when one can again.
Rule 5: who could not renew its Lease for `renew_seconds`, counted from before the request, serves nothing until it was
renewed and seen. That is less than a Lease lasts.
Rule 6: a Lease may be deleted by hand while its owner serves. Who has seen that reserves what it claimed, for nobody, until it
would have run out. Who comes later sees slots that nobody claims, and reserves them for as long; unless there is no Lease at
all. A reservation counts as a claim, and is written with the claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from trio_k8swatch.lease._election import LeaseTimes

from ._balance import balanced
from ._slots import Scores

__all__ = ["Claim", "Member", "Step"]

_NEVER: Final = float("inf")
_MOST_LEASE_SECONDS: Final = 3600.0
_FORGET_AFTER_LEASES: Final = 20


class Claim(NamedTuple):
    """One Lease as it was seen."""

    slots: int
    version: str
    lease_seconds: float
    reserved: int = 0
    """Slots that somebody else may be serving (rule 6)."""
    has_left: bool = False
    """Its owner is gone, and has left it for what it reserves."""


@dataclass(slots=True)
class _Peer:
    """Another member, as it was seen last."""

    claim: Claim
    since: float
    """By this member's clock, when that was first seen."""
    is_gone: bool = False
    """Somebody has deleted the Lease: it holds what it claimed until it would have run out."""
    is_out: bool = False
    runs_out_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.runs_out_at = self.since + min(max(self.claim.lease_seconds, 0.0), _MOST_LEASE_SECONDS)


class Step(NamedTuple):
    """What a member has to do now."""

    drop: int
    """Serve these no more, before anything else."""
    write: tuple[int, int] | None
    """Renew the Lease with these slots as claimed and reserved."""
    gain: int
    """Serve these from now on."""
    look: bool
    """List all Leases: one may have run out."""
    next_at: float
    """When to ask again, if nothing happens before."""


class Member:
    """One member's knowledge. Times are of its own clock."""

    def __init__(self, identity: str, times: LeaseTimes, scores: Scores) -> None:
        self.identity: str = identity
        self.slots: int = scores.slots
        self.serving: int = 0
        self._times = times
        self._scores = scores
        self._peers: dict[str, _Peer] = {}
        self._own_seen: Claim | None = None
        self._written: Claim | None = None
        self._is_uncertain = False
        self._valid_until = -_NEVER
        self._renew_at = -_NEVER
        self._look_at = -_NEVER
        # Rule 6: what nobody claimed when the Leases were seen first, and when it will be known that nobody serves it.
        self._has_seen = False
        self._unaccounted = 0
        self._accounted_at = _NEVER
        # What follows from the peers, found out when they have changed.
        self._members: tuple[str, ...] = (identity,)
        self._share: tuple[dict[str, int], int] = ({}, 0)
        self._claimed_by_others = 0
        self._gone = 0
        self._first_to_run_out = _NEVER
        # When it could not renew any more, last time, and when it could again.
        self._lapsed_at = self._back_at = -_NEVER

    # What happens

    def saw(self, claims: Mapping[str, Claim], now: float) -> None:
        """A state of all Leases was seen, not older than the one before."""
        own = claims.get(self.identity)
        if own is None and self._own_seen is not None:
            # Somebody has deleted it.
            self._renew_at = now
        self._own_seen = own
        if not self._has_seen:
            self._has_seen = True
            self._saw_first(claims, now)
        for who, claim in claims.items():
            peer = self._peers.get(who)
            if who != self.identity and (peer is None or peer.is_gone or peer.claim.version != claim.version):
                self._peers[who] = _Peer(claim, now)
        for who, peer in [*self._peers.items()]:
            if who not in claims and not peer.is_gone:
                # Nobody has seen it go, nor what it claimed in the end, unless its owner had left.
                everything = peer.claim._replace(slots=(1 << self.slots) - 1)
                self.deleted(who, peer.claim if peer.claim.has_left else everything, now)
        self._look_at_peers()

    def deleted(self, who: str, claim: Claim, now: float) -> None:
        """A Lease that claimed this is deleted; what is seen next is without it."""
        peer = self._peers.pop(who, None)
        is_free = (peer is not None and peer.is_out) or not claim.slots | claim.reserved
        if who != self.identity and not is_free:
            self._peers[who] = _Peer(claim, now, is_gone=True)

    def _saw_first(self, claims: Mapping[str, Claim], now: float) -> None:
        claimed = 0
        for claim in claims.values():
            claimed |= claim.slots | claim.reserved
        if claims:
            self._unaccounted = ((1 << self.slots) - 1) & ~claimed
        if self._unaccounted:
            self._accounted_at = now + self._times.lease_seconds

    def looked(self, began: float) -> None:
        """What was seen last is what a list has shown that began at `began`."""
        self._look_at = began + self._times.retry_seconds
        if not self._is_valid(began):
            return
        if began >= self._accounted_at:
            self._unaccounted, self._accounted_at = 0, _NEVER
        from_when = self._may_blame_at()
        for who, peer in [*self._peers.items()]:
            if began >= max(peer.runs_out_at, from_when):
                peer.is_out = True
                if peer.is_gone:
                    del self._peers[who]
        self._look_at_peers()

    def _may_blame_at(self) -> float:
        """From when on a Lease that was not renewed is its owner's fault, and not that of a server that was away (rule 4)."""
        is_server_there = any(peer.since > self._lapsed_at and not peer.is_gone for peer in self._peers.values())
        return self._back_at + (2 * self._times.retry_seconds if is_server_there else self._times.lease_seconds)

    def _look_at_peers(self) -> None:
        in_time = [(who, peer) for who, peer in self._peers.items() if not peer.is_out]
        there = [who for who, peer in in_time if not peer.is_gone and not peer.claim.has_left]
        self._members = tuple(sorted([*there, self.identity]))
        self._claimed_by_others = self._gone = 0
        for _, peer in in_time:
            claimed = peer.claim.slots | peer.claim.reserved
            self._claimed_by_others |= claimed
            if peer.is_gone:
                self._gone |= claimed
        self._first_to_run_out = min((peer.runs_out_at for _, peer in in_time), default=_NEVER)

    def wrote(self, slots: int, reserved: int, version: str, began: float) -> None:
        """The Lease was renewed, by a request that began at `began`."""
        if self._written is not None and not self._is_valid(began):
            self._lapsed_at, self._back_at = self._valid_until, began
        self._written = Claim(slots, version, 0.0, reserved)
        self._is_uncertain = False
        self._valid_until = max(self._valid_until, began + self._times.renew_seconds)
        self._renew_at = began + self._times.retry_seconds

    def failed(self, now: float) -> None:
        """Nobody knows whether the Lease was renewed."""
        self._is_uncertain = True
        self._renew_at = now + self._times.retry_seconds / 4

    # What follows

    def step(self, now: float) -> Step:
        """What to do at this moment; `serving` is as it will be then."""
        before = self.serving
        share = self._own_share()
        self.serving = before & share if self._is_valid(now) else 0
        drop = before & ~self.serving
        gain = self._free(share) & ~self.serving if self._may_gain(now) else 0
        self.serving |= gain
        write = self._write(share, now)
        if write is not None:
            # Until it is known to be done, the Lease may say either.
            self._is_uncertain = True
        return Step(drop, write, gain, now >= self._next_look_at(now), self._next_at(now))

    def _write(self, share: int, now: float) -> tuple[int, int] | None:
        written, reserved = self._written, self.reserved
        if not self._has_seen:
            return None
        if now >= self._renew_at or written is None:
            return share, reserved
        is_changed = (written.slots, written.reserved) != (share, reserved)
        return (share, reserved) if is_changed and not self._is_uncertain else None

    def next_to_stop_at(self) -> float:
        """Until when what is served may be served, unless the Lease is renewed before."""
        return self._valid_until if self.serving else _NEVER

    @property
    def members(self) -> tuple[str, ...]:
        """Who takes part, as far as it is known."""
        return self._members

    @property
    def reserved(self) -> int:
        """What somebody may be serving who has no Lease (rule 6)."""
        return self._gone | self._unaccounted

    def run_out(self, now: float) -> list[tuple[str, str]]:
        """Leases that ran out long ago, with their versions: whoever wrote them will not come back."""
        return [
            (who, peer.claim.version)
            for who, peer in self._peers.items()
            if peer.is_out and now >= peer.since + _FORGET_AFTER_LEASES * self._times.lease_seconds
        ]

    def _is_valid(self, now: float) -> bool:
        return now < self._valid_until

    def _may_gain(self, now: float) -> bool:
        """Whether what was seen last shows what was written last, and nothing else was perhaps written since."""
        written, seen = self._written, self._own_seen
        return (
            self._is_valid(now)
            and not self._is_uncertain
            and written is not None
            and seen is not None
            and seen.version == written.version
        )

    def _own_share(self) -> int:
        own = self._written or self._own_seen
        claims = {who: self._peers[who].claim.slots for who in self._members if who != self.identity}
        claims[self.identity] = own.slots if own is not None else 0
        if self._share[0] != claims:
            self._scores.forget(claims)
            self._share = claims, balanced(claims, self._scores)[self.identity]
        return self._share[1]

    def _free(self, share: int) -> int:
        """Of `share`, what is claimed here, and by nobody else."""
        claimed = self._written.slots if self._written is not None else 0
        return share & claimed & ~self._claimed_by_others & ~self._unaccounted

    def _next_look_at(self, now: float) -> float:
        """Who cannot renew learns nothing by looking (rule 4)."""
        if not self._is_valid(now):
            return _NEVER
        return max(self._look_at, min(self._first_to_run_out, self._accounted_at))

    def _next_at(self, now: float) -> float:
        return max(
            now, min(self._renew_at if self._has_seen else _NEVER, self.next_to_stop_at(), self._next_look_at(now))
        )
