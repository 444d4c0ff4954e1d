"""Which slots a member may serve, from what it has seen of the Leases of all members, by its own clock.

Each member has one Lease, which only it writes, and in which it claims slots. What it has seen is a state of all of them at
one version of the server, however old.

Rule 1: a slot is claimed before it is served, and served until the claim is taken back, not longer.
Rule 2: a slot may be served once a state was seen in which one's own newest Lease claims it, and no other that has not run
out. Whoever claims it later will see that claim, and wait.
Rule 3: of two who claim a slot, the one that it is not for takes its claim back.
Rule 4: a Lease has run out if it was seen unchanged for as long as it lasts, and then in a list that began after that.
Rule 5: who could not renew its Lease for `renew_seconds`, counted from before the request, serves nothing until it was
renewed and seen. That is less than a Lease lasts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from trio_k8swatch.lease._election import LeaseTimes

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


@dataclass(slots=True)
class _Peer:
    """Another member, as it was seen last."""

    claim: Claim
    since: float
    """By this member's clock, when that was first seen."""
    is_out: bool = False
    is_gone: bool = False
    """Somebody has deleted the Lease: it holds what it claimed until it would have run out."""

    @property
    def runs_out_at(self) -> float:
        return self.since + min(max(self.claim.lease_seconds, 0.0), _MOST_LEASE_SECONDS)


class Step(NamedTuple):
    """What a member has to do now."""

    drop: int
    """Serve these no more, before anything else."""
    write: int | None
    """Renew the Lease with this claim."""
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
        self._own_seen = ""
        self._written: Claim | None = None
        self._is_uncertain = False
        self._valid_until = -_NEVER
        self._renew_at = -_NEVER
        self._look_at = -_NEVER
        # What follows from the peers, found out when they have changed.
        self._members: tuple[str, ...] = (identity,)
        self._share: tuple[tuple[str, ...], int] = ((), 0)
        self._claimed_by_others = 0
        self._first_to_run_out = _NEVER

    # What happens

    def saw(self, claims: Mapping[str, Claim], now: float) -> None:
        """A state of all Leases was seen, not older than the one before."""
        own = claims.get(self.identity)
        self._own_seen = own.version if own is not None else ""
        for who, claim in claims.items():
            peer = self._peers.get(who)
            if who != self.identity and (peer is None or peer.is_gone or peer.claim.version != claim.version):
                self._peers[who] = _Peer(claim, now)
        for who, peer in [*self._peers.items()]:
            if who in claims or peer.is_gone:
                continue
            if peer.is_out or not peer.claim.slots:
                del self._peers[who]
            else:
                peer.is_gone, peer.since = True, now
        self._look_at_peers()

    def looked(self, began: float) -> None:
        """What was seen last is what a list has shown that began at `began`."""
        self._look_at = began + self._times.retry_seconds
        for who, peer in [*self._peers.items()]:
            if began >= peer.runs_out_at:
                peer.is_out = True
                if peer.is_gone:
                    del self._peers[who]
        self._look_at_peers()

    def _look_at_peers(self) -> None:
        in_time = [(who, peer) for who, peer in self._peers.items() if not peer.is_out]
        self._members = tuple(sorted([*(who for who, peer in in_time if not peer.is_gone), self.identity]))
        self._claimed_by_others = 0
        for _, peer in in_time:
            self._claimed_by_others |= peer.claim.slots
        self._first_to_run_out = min((peer.runs_out_at for _, peer in in_time), default=_NEVER)

    def wrote(self, slots: int, version: str, began: float) -> None:
        """The Lease was renewed, by a request that began at `began`."""
        self._written = Claim(slots, version, 0.0)
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
        is_due = now >= self._renew_at
        write = share if is_due or self._written is None or self._written.slots != share else None
        if write is not None and self._is_uncertain and not is_due:
            write = None
        self.serving |= gain
        look = now >= max(self._look_at, self._first_to_run_out)
        return Step(drop, write, gain, look, self._next_at(now))

    def next_to_stop_at(self) -> float:
        """Until when what is served may be served, unless the Lease is renewed before."""
        return self._valid_until if self.serving else _NEVER

    @property
    def members(self) -> tuple[str, ...]:
        """Who takes part, as far as it is known."""
        return self._members

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
        written = self._written
        return (
            self._is_valid(now) and written is not None and not self._is_uncertain and self._own_seen == written.version
        )

    def _own_share(self) -> int:
        members = self.members
        if self._share[0] != members:
            self._share = members, self._scores.share_of(self.identity, members)
        return self._share[1]

    def _free(self, share: int) -> int:
        """Of `share`, what is claimed here, and by nobody else."""
        return share & (self._written.slots if self._written is not None else 0) & ~self._claimed_by_others

    def _next_at(self, now: float) -> float:
        look_at = max(self._look_at, self._first_to_run_out)
        return max(now, min(self._renew_at, self.next_to_stop_at(), look_at))
