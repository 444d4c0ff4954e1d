"""Further attempts at one request while there is no answer to the first.

What was sent to a server that swallowed it is answered by nobody when the server is back. Whether the server is only slow
cannot be known, so the earlier attempts go on; there are never more than the gate has turns for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import trio

from trio_k8swatch._errors import Unavailable

from .gate import Gate
from .reachability import Attempt, Mode

__all__ = ["first_answer"]

Send = Callable[[Attempt], Awaitable[httpx.Response]]


async def first_answer(gate: Gate, send: Send, *, takes_turns: bool) -> httpx.Response:
    """The first answer to any attempt. `send` is called for each; the others are cancelled when there is one.

    Raises Unavailable when no attempt is under way any more, or one has failed before which the server was not known to be away;
    any other error at once.
    """
    race: _Race | None = None
    try:
        async with gate.turn() as first, trio.open_nursery() as nursery:
            race = _Race(gate, send, nursery, takes_turns=takes_turns)
            nursery.start_soon(race.hedge, first)
            await race.run(first)
    except BaseException:
        if race is not None and race.response is not None:
            await _closed(race.response)
        raise
    if race.error is not None:
        raise race.error
    assert race.response is not None
    return race.response


class _Race:
    """The attempts at one request."""

    def __init__(self, gate: Gate, send: Send, nursery: trio.Nursery, *, takes_turns: bool) -> None:
        self._gate = gate
        self._send = send
        self._nursery = nursery
        self._takes_turns = takes_turns
        self._under_way: list[Attempt] = []
        self.response: httpx.Response | None = None
        self.error: Exception | None = None

    async def run(self, attempt: Attempt) -> None:
        """One attempt, to its answer."""
        self._under_way.append(attempt)
        try:
            response = await self._send(attempt)
        except Exception as error:  # noqa: BLE001 - to leave without the nursery's group around it
            self._under_way.remove(attempt)
            is_news = attempt.mode is not Mode.AWAY
            if is_news or not self._under_way or not isinstance(error, Unavailable):
                self._end(None, error)
            return
        if self.response is None and self.error is None:
            self._end(response, None)
        else:
            await _closed(response)

    async def hedge(self, attempt: Attempt) -> None:
        """Attempt after attempt, each when the one before it has not been answered for a while."""
        while True:
            attempt = await self._nursery.start(self._again, attempt)

    async def _again(self, earlier: Attempt, *, task_status: trio.TaskStatus[Attempt]) -> None:
        async with self._gate.hedge(earlier, takes_turns=self._takes_turns) as attempt:
            task_status.started(attempt)
            await self.run(attempt)

    def _end(self, response: httpx.Response | None, error: Exception | None) -> None:
        self.response, self.error = response, self.error or error
        for attempt in self._under_way:
            # That nobody waits for their answers any more says nothing about the server.
            attempt.is_over = True
        self._nursery.cancel_scope.cancel()


async def _closed(response: httpx.Response) -> None:
    with trio.CancelScope(shield=True):
        await response.aclose()
