"""Which of two resourceVersions is newer.

KEP-5504: a well-formed resourceVersion is a decimal number without leading zeros, of any size; two of one resource may be
compared. Servers that are not kube-apiserver may send anything; what is not well-formed is only ever equal or different.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Order", "compare", "is_older", "is_well_formed"]

Order = int
"""-1, 0 or 1: older, equal, newer."""

_DIGITS: Final = frozenset("0123456789")


def is_well_formed(version: str) -> bool:
    """Whether `version` is a number that may be compared; `"0"` is not the version of anything, and is not."""
    return bool(version) and version[0] != "0" and _DIGITS.issuperset(version)


def compare(left: str, right: str) -> Order | None:
    """How `left` stands to `right`; None if that cannot be known.

    Never by way of a float, and not by way of int either: lengths decide first, so a version of thirty digits costs nothing.
    """
    if left == right:
        return 0
    if not (is_well_formed(left) and is_well_formed(right)):
        return None
    newer = (len(left), left) > (len(right), right)
    return 1 if newer else -1


def is_older(left: str, right: str) -> bool:
    """Whether `left` is known to be older than `right`."""
    return compare(left, right) == -1
