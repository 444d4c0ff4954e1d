"""The answer for kubelet's probes: whether stores are alive, fresh enough to act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .store import Store

__all__ = ["Probe", "probe"]


class Probe(msgspec.Struct, frozen=True):
    """The answer to a liveness or readiness probe."""

    ok: bool
    report: str
    """A line for each store: its name, state, age in seconds, and the last error of one that is not well."""

    @property
    def http_status(self) -> int:
        """200 or 503, as kubelet's probes understand it."""
        return 200 if self.ok else 503


def probe(stores: Mapping[str, Store[Any]], *, seconds: float = 180.0) -> Probe:
    """Check some stores, by names of your choice: ok if the server has confirmed each within `seconds`.

    Never waits. A store that has stopped is not ok. For readiness: fewer seconds than 130 would fail for quiet clusters,
    because they confirm about once a minute, and occasionally skip one. For liveness: `seconds=math.inf`, so that
    only a watch that has ended counts; a restart does not bring the API server back.
    """
    lines: list[str] = []
    ok = True
    for name, store in stores.items():
        health = store.health
        is_fresh = not store.stopped and health.staleness <= seconds
        ok = ok and is_fresh
        line = f"{name}: {health.state.value}, confirmed {health.staleness:.0f} s ago"
        lines.append(line if is_fresh or health.last_error is None else f"{line} ({health.last_error})")
    return Probe(ok, "\n".join(lines))
