"""What an asyncio task may wait for: items, one object, a list."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from trio_k8swatch._store import Listener as TrioListener
from trio_k8swatch._store import RelistTicket as TrioTicket

from ._guest import Guest

__all__ = ["Incoming", "Listener", "RelistTicket"]

R = TypeVar("R")

_FETCH_MAX: Final = 100
"""How many items one step into trio may bring: a step costs as much as decoding some five objects."""


class Incoming(AsyncIterator[R]):
    """What comes in, in order: `async for item in incoming`. For one task; give each a subscription of its own."""

    def __init__(self, guest: Guest, source: AsyncIterator[R], has_more: Callable[[], bool]) -> None:
        self._guest = guest
        self._source = source
        self._has_more = has_more
        # Filled in trio, so that a wait that is cancelled loses nothing.
        self._ready: deque[R] = deque()

    async def __anext__(self) -> R:
        if not self._ready:
            await self._guest.run(self._fetch)
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.popleft()

    async def _fetch(self) -> None:
        async for item in self._source:
            self._ready.append(item)
            if len(self._ready) >= _FETCH_MAX or not self._has_more():
                return


class Listener:
    """Follows one object (`Store.listen`)."""

    def __init__(self, guest: Guest, listener: TrioListener) -> None:
        self._guest = guest
        self._listener = listener

    @property
    def deleted(self) -> bool:
        """Whether the object is gone."""
        return self._listener.deleted

    async def wait(self) -> None:
        """Return as soon as the object changed or went since the listener was made or last waited.

        Raises `WatchStopped` when the watch has ended. No change is lost when it is cancelled.
        """
        await self._guest.run(self._listener.wait)


class RelistTicket:
    """Waits for a list that starts after the request (`Store.request_relist`)."""

    def __init__(self, guest: Guest, ticket: TrioTicket) -> None:
        self._guest = guest
        self._ticket = ticket

    async def wait(self) -> None:
        """Return when such a list has been committed. Raises `WatchStopped` if the watch ends first.

        Cancelling the wait does not take the request back.
        """
        await self._guest.run(self._ticket.wait)
