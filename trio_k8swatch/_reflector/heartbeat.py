"""When a silent watch has to be taken for a dead one.

A bookmark comes about once a minute, so a connection that carries nothing for longer is gone, however healthy TCP
finds it. Servers without bookmarks are silent for as long as nothing happens; they are believed until the time that
they were asked to end the watch themselves.

Rule 1: numbers in, numbers out; the watcher has the clock.
Rule 2: what was learnt outlives the round that taught it.
"""

from __future__ import annotations

from typing import Final

from trio_k8swatch._deadlines import deadline_step

__all__ = ["Heartbeat"]

_TRICKLE_FACTOR: Final = 3
"""Bytes without a whole event are life for only so many silence limits: a 30 MiB object fits, a dripping proxy does not."""

_CADENCE_FACTOR: Final = 1.5
"""A server that was seen to send bookmarks more rarely than usual is given this much more than it needed so far."""

_GRACE_SECONDS: Final = 10.0
"""A server ends its watch itself when timeoutSeconds is over; this long after it, it will not any more."""

_SILENT_ROUNDS: Final = 2
"""Rounds silent from beginning to end, after which the server may be another one than it was (F58), and one that never
sent a bookmark is taken for one that has none (F11)."""


class Heartbeat:
    """Learns what a living watch sounds like, and says until when silence may last."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self.step = deadline_step(limit_seconds)
        self._longest_gap = 0.0
        self._has_bookmarks: bool | None = None
        self._silent_rounds = 0
        self._began = self._last_byte = self._last_event = self._ends = 0.0
        self._last_bookmark: float | None = None

    def begin(self, now: float, timeout_seconds: float) -> None:
        """A watch is asked for, which the server will end by itself after `timeout_seconds`."""
        self._began = self._last_byte = self._last_event = now
        self._last_bookmark = None
        self._ends = now + timeout_seconds + _GRACE_SECONDS

    def heard(self, now: float, *, events: bool) -> None:
        """Bytes came, with whole events or bookmarks among them or not."""
        self._last_byte = now
        if events:
            self._last_event = now
            self._silent_rounds = 0

    def marked(self, now: float) -> None:
        """A bookmark came."""
        if self._last_bookmark is not None:
            self._longest_gap = max(self._longest_gap, now - self._last_bookmark)
        self._has_bookmarks = True
        self._last_bookmark = now

    def held(self) -> None:
        """It is us who do not listen for a while: the next gap between bookmarks says nothing about the server."""
        self._last_bookmark = None

    @property
    def deadline(self) -> float:
        """When to give up this watch, unless something is heard before."""
        if self._has_bookmarks is False:
            return self._ends
        limit = self._limit if self._longest_gap < self._limit else self._longest_gap * _CADENCE_FACTOR
        return min(self._last_byte + limit, self._last_event + limit * _TRICKLE_FACTOR, self._ends)

    def ended(self, now: float) -> bool:
        """The watch is over. True if the server has now been silent for so long that it has to be asked how it is.

        Only rounds count that carried nothing for as long as a living watch would have carried a bookmark.
        """
        if self._last_event > self._began or now - self._began < self._limit:
            return False
        self._silent_rounds += 1
        if self._silent_rounds < _SILENT_ROUNDS:
            return False
        self._has_bookmarks = self._has_bookmarks or False
        return True
