"""What is to happen later, without a task that waits for it: it is done when somebody looks."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

from ._clock import Clock


class Agenda:
    """Actions with their times, in seconds since the server was made.

    A watch that is open wakes when the next one is due, so nobody sees it late; with nobody there, nobody can tell.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._acting = False
        self.on_change: Callable[[], None] = lambda: None

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do this in so many seconds."""
        heapq.heappush(self._entries, (self._clock.now() + seconds, next(self._numbers), action))
        self.on_change()

    def next(self) -> float:
        """When something is due next; infinity for never."""
        return self._entries[0][0] if self._entries else math.inf

    def catch_up(self) -> None:
        """Do all that is due, in the order and at the time at which it was. An action that looks finds nothing due."""
        if self._acting:
            return
        self._acting = True
        try:
            while self._clock.reached(self.next()):
                due, _, action = heapq.heappop(self._entries)
                with self._clock.held_at(due):
                    action()
        finally:
            self._acting = False
