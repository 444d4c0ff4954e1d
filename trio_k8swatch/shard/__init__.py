"""A collection that replicas share among them, each object with one of them at a time."""

from __future__ import annotations

from ._open import open_shard
from ._store import ShardStore

__all__ = ["ShardStore", "open_shard"]

# Shown to people where they import it from, in tracebacks, reprs and the reference.
open_shard.__module__ = ShardStore.__module__ = __name__
