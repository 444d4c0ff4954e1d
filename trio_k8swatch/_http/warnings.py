"""What a server warns of in the headers of an answer, in the log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

__all__ = ["log_warnings", "warning_texts"]

_log: Final = logging.getLogger("trio_k8swatch")

_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
"""RFC 7234, as Kubernetes uses it: always 299, an agent, a text in quotes, never a date."""

_MAX_WARNINGS: Final = 10
_MAX_CHARACTERS: Final = 256
"""A peer decides how much it warns of; what is logged of it is bounded."""


def warning_texts(headers: Iterable[str]) -> Iterator[str]:
    """The texts of `Warning` headers, each on one line; what has another form is no warning."""
    for header in headers:
        for match in _WARNING.finditer(header):
            text = re.sub(r"\\(.)", r"\1", match[1])
            yield "".join(c if c.isprintable() else " " for c in text)[:_MAX_CHARACTERS]


def log_warnings(headers: Iterable[str], doing: str) -> None:
    """Log the warnings of one answer, each once; `doing` is what was answered."""
    for text in islice(dict.fromkeys(warning_texts(headers)), _MAX_WARNINGS):
        _log.warning("%s: the server warns: %s", doing, text)
