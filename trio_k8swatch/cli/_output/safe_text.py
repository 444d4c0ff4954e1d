"""Text from a server with its control characters made visible."""

from __future__ import annotations

from typing import Final

__all__ = ["one_line", "printable"]

_SHOWN: Final = {"\x1b": "^[", "\t": " ", "\n": " ", "\r": " "}


def printable(text: str) -> str:
    """`text` without anything that a terminal would obey; an escape character is written `^[`, as kubectl does."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _SHOWN.get(c, "\N{REPLACEMENT CHARACTER}") for c in text)


def one_line(text: str) -> str:
    """`text` with all white space collapsed."""
    return printable(" ".join(text.split()))
