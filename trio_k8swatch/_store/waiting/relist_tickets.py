"""Who waits for a list that has not begun yet."""

from __future__ import annotations

import trio

from trio_k8swatch._errors import WatchStopped

__all__ = ["RelistTicket", "RelistTickets"]


class RelistTicket:
    """Waits for a list that starts after the request (`Store.request_relist`)."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._error: str | None = None

    async def wait(self) -> None:
        """Return when such a list has been committed, and handlers have been notified.

        Outages do not void the promise. Raises `WatchStopped` once the watch has ended without keeping it. Cancelling
        the wait does not take the request back.
        """
        await self._settled.wait()
        if self._error is not None:
            # What cancels the watch and its waiters at once is a cancellation for both.
            await trio.lowlevel.checkpoint_if_cancelled()
            raise WatchStopped(self._error)

    def settle(self, error: str | None = None) -> None:
        """Keep the promise, or say why that cannot be done any more. The first word counts."""
        if not self._settled.is_set():
            self._error = error
            self._settled.set()


class RelistTickets:
    """The tickets of one watch. All that ask before a list begins share one ticket: the list serves them all (L5)."""

    def __init__(self) -> None:
        self._waiting: RelistTicket | None = None
        self._closed: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether someone waits for a list that has not begun."""
        return self._waiting is not None

    def draw(self) -> RelistTicket:
        """A ticket for the next list to begin."""
        if self._closed is not None:
            ticket = RelistTicket()
            ticket.settle(self._closed)
            return ticket
        if self._waiting is None:
            self._waiting = RelistTicket()
        return self._waiting

    def take(self) -> RelistTicket | None:
        """A list begins now; who draws from here on waits for the next."""
        ticket, self._waiting = self._waiting, None
        return ticket

    def close(self, why: str) -> None:
        """No list will begin any more."""
        self._closed = why
        ticket = self.take()
        if ticket is not None:
            ticket.settle(why)
