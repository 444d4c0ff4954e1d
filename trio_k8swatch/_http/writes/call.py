"""One request that is no watch, as a value."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Call", "is_eviction"]


class Call(msgspec.Struct, frozen=True):
    """What is sent, and what it is for."""

    method: str
    path: str
    verb: str
    """As RBAC names it; empty for lists, and for what is about no object."""
    doing: str
    """For people: `patch web of deployments (apps/v1) in namespace shop`."""
    accept: str
    query: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    content: bytes | None = None
    content_type: str = "application/json"

    def __repr__(self) -> str:
        """Without the content, which may be a Secret."""
        return f"<Call: {self.doing}>"


def is_eviction(path: str) -> bool:
    """Whether 429 comes from a disruption budget: an answer about that pod, whereas the server is as willing as before."""
    return path.endswith("/eviction")
