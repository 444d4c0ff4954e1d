"""One leader among many: a block that runs in one process at a time."""

from __future__ import annotations

from ._election import LeaseLost
from ._open import open_lease

__all__ = ["LeaseLost", "open_lease"]
