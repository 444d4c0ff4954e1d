"""The arithmetic of a rolling update: how many replicas each replica set should have next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trio_k8swatch.testing._json import Object

from .objects import part


@dataclass(frozen=True, slots=True)
class Size:
    """A replica set in numbers: how many pods it is to have, and how many of these are available."""

    wanted: int
    available: int

    @property
    def sound(self) -> int:
        """Available pods that it is to keep; a status may still count others."""
        return min(self.wanted, self.available)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a rollout may stray from the number that is wanted."""

    replicas: int
    surge: int
    unavailable: int

    @classmethod
    def of(cls, spec: Object) -> Limits:
        """From a deployment's spec. Of a percentage, the surge is rounded up, the rest down; not both may be zero."""
        replicas = spec.get("replicas", 1)
        rolling = part(spec, "strategy", "rollingUpdate")
        surge = _resolved(rolling.get("maxSurge", "25%"), replicas, up=True)
        unavailable = _resolved(rolling.get("maxUnavailable", "25%"), replicas, up=False)
        return cls(replicas, surge, 1 if surge == unavailable == 0 else unavailable)


def next_sizes(limits: Limits, new: Size, old: Sequence[Size]) -> tuple[int, list[int]]:
    """The replicas of the new set and of the old ones, in the order given, oldest first."""
    total = new.wanted + sum(one.wanted for one in old)
    room = limits.replicas + limits.surge - total
    grown = min(new.wanted + max(0, room), limits.replicas)
    if grown != new.wanted:
        return grown, [one.wanted for one in old]
    least = limits.replicas - limits.unavailable
    spare = total - least - (new.wanted - new.sound)
    kept: list[int] = []
    # First what serves nobody anyway, then what does.
    for one in old:
        dropped = max(0, min(spare, one.wanted - one.sound))
        spare -= dropped
        kept.append(one.wanted - dropped)
    removable = min(spare, new.sound + sum(one.sound for one in old) - least)
    for index, wanted in enumerate(kept):
        dropped = max(0, min(removable, wanted))
        removable -= dropped
        kept[index] = wanted - dropped
    return new.wanted, kept


def _resolved(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * replicas / 100
    return math.ceil(share) if up else math.floor(share)
