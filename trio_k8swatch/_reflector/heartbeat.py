"""When a silent watch has to be taken for a dead one.

A bookmark comes about once a minute, so a connection that carries nothing for longer is gone, however healthy TCP
finds it. The first bookmark of a watch is now and then left out, even by a healthy idle server: until then there is twice
the time. Servers without bookmarks are silent for as long as nothing happens; they are believed until the time that they
were asked to end the watch themselves.

Rule 1: numbers in, numbers out; the watcher has the clock.
Rule 2: what was learnt outlives the round that taught it.
"""

from __future__ import annotations

from typing import Final

from trio_k8swatch._deadline_precision import deadline_step

__all__ = ["Heartbeat"]

_TRICKLE_FACTOR: Final = 3
"""Bytes without a whole event are life for only so many silence limits: a 30 MiB object fits, a dripping proxy does not."""

_CADENCE_FACTOR: Final = 1.5
"""A server that was seen to send bookmarks more rarely than usual is given this much more than it needed so far."""

_GRACE_SECONDS: Final = 10.0
"""A server ends its watch itself when timeoutSeconds is over; this long after it, it will not any more."""

_FIRST_LIMIT_SECONDS: Final = 130.0
_LIMIT_SECONDS: Final = 75.0
"""A kube-apiserver sends bookmarks 59 to 62 s apart; the first of a watch was seen to come after 121 s (R18)."""


class Heartbeat:
    """Learns what a living watch sounds like, and says until when silence may last."""

    def __init__(self, limit_seconds: float | None = None) -> None:
        """`limit_seconds` is for servers other than Kubernetes; None for the limits that suit Kubernetes."""
        self._limit = limit_seconds or _LIMIT_SECONDS
        self.first_limit = limit_seconds or _FIRST_LIMIT_SECONDS
        """Until the first bookmark of a watch."""
        self.step = deadline_step(self._limit)
        self._longest_gap = 0.0
        self._has_bookmarks: bool | None = None
        self._is_marked = False
        self.was_heard = False
        """Whether this watch brought an event or a bookmark."""
        self._began = self._last_byte = self._last_event = self._ends = 0.0
        self._last_bookmark: float | None = None
        self.ends_after = 0.0
        """Seconds after which the server should have ended this watch."""

    def begin(self, now: float, timeout_seconds: float) -> None:
        """A watch is asked for, which the server will end by itself after `timeout_seconds`."""
        self._began = self._last_byte = self._last_event = now
        self._last_bookmark = None
        self._is_marked = self.was_heard = False
        self.ends_after = timeout_seconds + _GRACE_SECONDS
        self._ends = now + self.ends_after

    def heard(self, now: float, *, events: bool) -> None:
        """Bytes came, with whole events or bookmarks among them or not."""
        self._last_byte = now
        if events:
            self._last_event = now
            self.was_heard = True

    def marked(self, now: float) -> None:
        """A bookmark came."""
        if self._last_bookmark is not None:
            self._longest_gap = max(self._longest_gap, now - self._last_bookmark)
        self._has_bookmarks = self._is_marked = True
        self._last_bookmark = now

    def held(self) -> None:
        """It is us who do not listen for a while: the next gap between bookmarks says nothing about the server."""
        self._last_bookmark = None

    @property
    def deadline(self) -> float:
        """When to give up this watch, unless something is heard before."""
        if self._has_bookmarks is False:
            return self._ends
        limit = self._limit if self._is_marked else self.first_limit
        if self._longest_gap >= limit:
            limit = self._longest_gap * _CADENCE_FACTOR
        return min(self._last_byte + limit, self._last_event + max(limit, self._limit * _TRICKLE_FACTOR), self._ends)

    def was_silent(self, now: float) -> bool:
        """Whether this watch, which ends now, carried nothing for as long as a living one would have carried a bookmark."""
        return not self.was_heard and now - self._began >= self.first_limit

    @property
    def may_be_silent(self) -> bool:
        """Whether the server was never heard to send a bookmark."""
        return not self._has_bookmarks

    def learn(self, *, is_silent: bool) -> None:
        """The server was silent, and a list has shown why: `is_silent` if nothing had happened.

        Then one that never sent a bookmark is taken for one that has none (F11).
        """
        if self.may_be_silent:
            self._has_bookmarks = False if is_silent else None
