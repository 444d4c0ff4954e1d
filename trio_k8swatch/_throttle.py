"""Holding back the requests of one client, for all watches together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from ._backoff import MAX_RETRY_AFTER_SECONDS

__all__ = ["Throttle"]


class Throttle:
    """After a 429 one request tries whether the server is willing again, and all others wait for how it fares (F35)."""

    def __init__(self) -> None:
        self._opens_at: float | None = None
        self._probe = trio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """In here a request may be sent. Say `accepted` or `refused` before leaving."""
        if self._opens_at is None:
            yield
            return
        async with self._probe:
            # Whoever had the turn before may have been sent away again, or may have found the server willing.
            await trio.sleep_until(self._opens_at or trio.current_time())
            yield

    def accepted(self) -> None:
        """The server answered something else than 429."""
        self._opens_at = None

    def refused(self, retry_after: float) -> None:
        """The server asked to be left alone for `retry_after` seconds."""
        self._opens_at = trio.current_time() + min(retry_after, MAX_RETRY_AFTER_SECONDS)
