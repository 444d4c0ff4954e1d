"""Who may lead, by client-go's rule: what a lease says is only compared with what it said before, by one's own clock.

Rule 1: times in the lease are for people. No clock is ever compared with another machine's.
Rule 2: a lease may be taken once it has been seen unchanged for as long as it says that it lasts.
Rule 3: who leads may do so until `renew_seconds` after it began to send the last renewal that succeeded.
Rule 4: the second is longer than the third, so the old leader has stopped when a new one begins.
Rule 5: for the second, time counts as far as it was seen to pass, so a clock that leaps brings a candidate no nearer.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trio_k8swatch._errors import ConfigError, K8sWatchError

__all__ = ["LeaseLost", "LeaseTimes", "Observation", "Spec"]

_MOST_SECONDS: Final = 24 * 3600


class LeaseLost(K8sWatchError):
    """The lease of `open_lease` could not be renewed, or somebody else has it: the block was cancelled."""


class Spec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`coordination.k8s.io/v1` LeaseSpec, as far as it is used here."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class LeaseTimes(msgspec.Struct, frozen=True):
    """How long a lease lasts, how long its holder goes on without a renewal, and how often it renews."""

    lease_seconds: float
    renew_seconds: float
    retry_seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.retry_seconds < self.renew_seconds < self.lease_seconds <= _MOST_SECONDS:
            raise ConfigError(f"{self}: needs 0 < retry_seconds < renew_seconds < lease_seconds, at most a day")


class Observation(msgspec.Struct, frozen=True):
    """What a lease says, and since when, by one's own clock, it has said exactly that."""

    spec: Spec
    version: str
    since: float

    def seen_again(self, spec: Spec, version: str, now: float) -> Observation:
        """After another look; the clock starts anew only if something has changed."""
        return self if version == self.version else Observation(spec, version, now)

    def may_be_taken_at(self, identity: str, fallback_seconds: float) -> float:
        """From when on `identity` may take the lease: at once if nobody has it, or it is its own."""
        if not self.spec.holder_identity or self.spec.holder_identity == identity:
            return self.since
        duration = self.spec.lease_duration_seconds
        return self.since + (fallback_seconds if duration is None else min(max(duration, 0), _MOST_SECONDS))
