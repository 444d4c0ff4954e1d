"""What the library logs, for people at a terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["warnings_to"]


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


@contextmanager
def warnings_to(say: Callable[[str], object] | None) -> Generator[None]:
    """Hand the library's warnings to `say`, one line each, for as long as the block lasts; None: to nobody."""
    logger = logging.getLogger("trio_k8swatch")
    handler = logging.NullHandler() if say is None else _Lines(say)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
