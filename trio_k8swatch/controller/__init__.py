"""Controllers: from what stores show to what should be done about it."""

from __future__ import annotations

from ._work_queue import WorkQueue

__all__ = ["WorkQueue"]
