"""The library's log records as lines for people at a terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["Warnings", "warnings_to"]


class Warnings(logging.Handler):
    """Hands warnings to `say`, unless it is `muted`."""

    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self.muted = False

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging."""
        if not self.muted:
            self._say(_without_its_watch(record))


def _without_its_watch(record: logging.LogRecord) -> str:
    """The message; the watch that it is about is named once more in the error that it quotes."""
    message = record.getMessage()
    watch = record.args[0] if isinstance(record.args, tuple) and record.args else ""
    return message.removeprefix(f"{watch!r}: ")


@contextmanager
def warnings_to(say: Callable[[str], object]) -> Generator[Warnings]:
    """Hand the library's warnings to `say`, one line each, for as long as the block lasts."""
    logger = logging.getLogger("trio_k8swatch")
    handler = Warnings(say)
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
