"""Controllers: from what stores show to what should be done about it."""

from __future__ import annotations

from ._controller import run_controller
from ._health import ControllerHealth
from ._key import Key, Requeue, TerminalError, by_owner
from ._metrics import ControllerMetrics
from ._predicates import Predicate, changed, generation_changed
from ._source import Source, watch
from ._work_queue import WorkQueue

__all__ = [
    "ControllerHealth",
    "ControllerMetrics",
    "Key",
    "Predicate",
    "Requeue",
    "Source",
    "TerminalError",
    "WorkQueue",
    "by_owner",
    "changed",
    "generation_changed",
    "run_controller",
    "watch",
]
