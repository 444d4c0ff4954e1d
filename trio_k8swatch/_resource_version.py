"""Which of two resourceVersions is newer.

KEP-5504: a well-formed resourceVersion is a decimal number without leading zeros, of any size, and two of one
resource may be compared. Servers that are not kube-apiserver may send anything; what is not well-formed is only ever
equal or different.
"""

from __future__ import annotations

__all__ = ["compare", "is_older", "is_well_formed"]


def is_well_formed(version: str) -> bool:
    """Whether `version` is a number that may be compared; `"0"` is not the version of anything, and is not."""
    return version.isdecimal() and version[0] != "0" and version.isascii()


def compare(left: str, right: str) -> int | None:
    """-1, 0 or 1 as `left` is older, equal or newer; None if that cannot be known.

    Never by way of a float, and not by way of int either: lengths decide first, so size does not matter.
    """
    if left == right:
        return 0
    if not (is_well_formed(left) and is_well_formed(right)):
        return None
    return 1 if (len(left), left) > (len(right), right) else -1


def is_older(left: str, right: str) -> bool:
    """Whether `left` is known to be older than `right`."""
    return compare(left, right) == -1
