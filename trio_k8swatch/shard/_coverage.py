"""Which slots a list, and the watches after it, are about.

Rule 1: a list covers what is served when it begins; watches cover what the last committed list did.
Rule 2: what is served no more is covered no more, at once.
"""

from __future__ import annotations

from trio_k8swatch._wire import UidFilter

from ._slots import bits, fnv1a, selector_of

__all__ = ["Coverage"]


class Coverage:
    """Slots whose objects are let through."""

    def __init__(self, slots: int, covered: int, most_ranges: int) -> None:
        self.selector: str | None = selector_of(covered, slots, most_ranges)
        """What asks the server for no more than this; None if it cannot be asked."""
        self.filter: UidFilter = UidFilter(self.has)
        self.is_narrowed: bool = False
        """Whether it covers less than when it was made."""
        self._slots = slots
        self._table = bytearray(covered >> slot & 1 for slot in range(slots))

    def has(self, uid: bytes) -> bool:
        """Whether the object of this uid is covered."""
        return bool(self._table[fnv1a(uid) * self._slots >> 64])

    def narrow(self, lost: int) -> None:
        """Cover these no more."""
        self.is_narrowed = True
        for slot in bits(lost):
            self._table[slot] = 0
