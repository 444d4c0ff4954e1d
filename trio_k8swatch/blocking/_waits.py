"""What a thread may wait for: items, one object, a list."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TypeVar

from trio_k8swatch._errors import WatchStopped
from trio_k8swatch._store import Listener as AsyncListener
from trio_k8swatch._store import RelistTicket as AsyncTicket

from ._loop import Loop

__all__ = ["Incoming", "Listener", "RelistTicket"]

R = TypeVar("R")

_FETCH_MAX: Final = 100
"""How many changes one trip into the loop may bring: a trip costs as much as decoding some ten objects."""


class Incoming(Iterator[R]):
    """What comes in, in order: `for item in incoming`. For one thread; give each a subscription of its own."""

    def __init__(self, loop: Loop, source: AsyncIterator[R], has_more: Callable[[], bool]) -> None:
        self._loop = loop
        self._source = source
        self._has_more = has_more
        # Filled in the loop, so that an interrupted wait loses nothing.
        self._ready: deque[R] = deque()

    def next(self, timeout: float | None = None) -> R | None:
        """Wait for the next item; None when there will be no more. Raises TimeoutError after `timeout` seconds.

        After a timeout, nothing is lost and the next call goes on.
        """
        if not self._ready:
            try:
                self._loop.wait(self._fetch, timeout)
            except WatchStopped:
                return None
        return self._ready.popleft() if self._ready else None

    def __next__(self) -> R:
        item = self.next()
        if item is None:
            raise StopIteration
        return item

    async def _fetch(self) -> None:
        async for item in self._source:
            self._ready.append(item)
            if len(self._ready) >= _FETCH_MAX or not self._has_more():
                return


class Listener:
    """Follows one object (`Store.listen`)."""

    def __init__(self, loop: Loop, listener: AsyncListener) -> None:
        self._loop = loop
        self._listener = listener

    @property
    def deleted(self) -> bool:
        """Whether the object is gone."""
        return self._listener.deleted

    def wait(self, timeout: float | None = None) -> None:
        """Return as soon as the object changed or went, since the listener was made or last waited.

        Raises `WatchStopped` when the watch has ended, TimeoutError after `timeout` seconds; no change is lost by that.
        """
        self._loop.wait(self._listener.wait, timeout)


class RelistTicket:
    """Waits for a list that starts after the request (`Store.request_relist`)."""

    def __init__(self, loop: Loop, ticket: AsyncTicket) -> None:
        self._loop = loop
        self._ticket = ticket

    def wait(self, timeout: float | None = None) -> None:
        """Return when such a list has been committed.

        Raises `WatchStopped` if the watch ends first, TimeoutError after `timeout` seconds; the promise stands then.
        """
        self._loop.wait(self._ticket.wait, timeout)
