"""Holding back the requests of one client, for all watches together."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import trio

from trio_k8swatch._backoff import MAX_RETRY_AFTER_SECONDS
from trio_k8swatch._errors import Status, TooManyRequests

__all__ = ["Gate"]

_PATIENCE_SECONDS: Final = 2.0


class Gate:
    """After a 429 one request tries whether the server is willing again, and all others wait for how it fares (F35)."""

    def __init__(self) -> None:
        self._opens_at: float | None = None
        self._probe = trio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """In here a request may be sent. Say `accepted` or `refused` before leaving.

        Raises TooManyRequests instead of waiting long.
        """
        if self._opens_at is None:
            yield
            return
        self._refuse_long_waits()
        async with self._probe:
            # Whoever had the turn before may have been sent away again, or may have found the server willing.
            self._refuse_long_waits()
            await trio.sleep_until(self._opens_at or trio.current_time())
            yield

    def _refuse_long_waits(self) -> None:
        """Who has to wait long is better told so: it has other things to do, and its time limits are for the server."""
        rest = (self._opens_at or 0.0) - trio.current_time()
        if rest > _PATIENCE_SECONDS:
            status = Status(code=429, reason="TooManyRequests", message="asked this client to wait")
            message = f"the server asked this client to wait, {rest:.0f} s more"
            raise TooManyRequests(message, status=status, retry_after=rest)

    def accepted(self) -> None:
        """The server answered something else than 429."""
        self._opens_at = None

    def refused(self, retry_after: float) -> None:
        """The server asked to be left alone for `retry_after` seconds."""
        self._opens_at = trio.current_time() + min(retry_after, MAX_RETRY_AFTER_SECONDS)
