"""One request that is no watch, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Call", "is_eviction"]


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent, and what it is for."""

    method: str
    path: str
    verb: str
    """As RBAC names it; empty for lists, and for what is about no object."""
    doing: str
    """For people: `patch web of deployments (apps/v1) in namespace shop`."""
    accept: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"


def is_eviction(path: str) -> bool:
    """Whether 429 comes from a disruption budget: an answer about that pod, whereas the server is as willing as before."""
    return path.endswith("/eviction")
