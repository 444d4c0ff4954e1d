"""What the fake itself could not do while it answered: kept until the test that owns it asks."""

from __future__ import annotations

import logging
from typing import Final

_log: Final = logging.getLogger("trio_k8swatch.testing")
# A client in a loop would otherwise collect tracebacks without end; the log has them all.
MAX_KEPT: Final = 20


class Failures:
    """The exceptions that became a 500, or the end of a connection, instead of the end of the server."""

    def __init__(self) -> None:
        self.kept: list[Exception] = []
        self.count: int = 0

    def note(self, error: Exception, what: str) -> None:
        """Log `error` with its traceback, and keep it."""
        _log.error("FakeApiServer raised %s while it answered %s", type(error).__name__, what, exc_info=error)
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            error.add_note(f"raised inside FakeApiServer while it answered {what}")
            self.kept.append(error)

    def raise_kept(self) -> None:
        """Raise what has been noted since the last call, if anything has, as an exception group."""
        kept, count = self.kept, self.count
        self.kept, self.count = [], 0
        if kept:
            raise ExceptionGroup(f"FakeApiServer answered {count} of its requests with its own failure", kept)
