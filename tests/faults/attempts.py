"""Every attempt that one watch makes, seen between the watcher and its client, and what all attempts must hold to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import trio

from trio_k8swatch import Backoff, ListMeta, ListOptions, NotFound
from trio_k8swatch._reflector.list_watcher import Events, Gated, ListWatcher, Renewable
from trio_k8swatch._wire.event_types import Page, WatchEvent

PROBE_PAGE_SIZE = 1
HOT_LOOP_SECONDS = 10.0
HOT_LOOP_ATTEMPTS = 25
"""In ten seconds: ten watches of a second each that end cleanly, five failures of the curve, and some room."""
BUDGET = {1.0: 8, 10.0: 16, 60.0: 45}
"""Failed attempts in so many seconds: five at once, and then what the curves allow together (tests/reflector/test_pacing)."""
SHORT_ROUND_SECONDS = 1.0
HEALTHY_ROUND_SECONDS = 10.0
_WINDOW_SECONDS = 119.0
"""Shorter than the healthy period after which the curve begins anew."""
_ROUNDING_SECONDS = 1e-6


@dataclass(slots=True, eq=False)
class Attempt:
    """One request. `number` orders attempts among everything else that the harness numbers."""

    kind: Literal["page", "watch"]
    options: ListOptions
    number: int
    began: float
    opened: float | None = None
    ended: float | None = None
    error: BaseException | None = None
    events: int = 0
    by_server: bool = False
    """Whether a watch was ended by the server, in order."""

    @property
    def is_list(self) -> bool:
        """Whether a list begins with it; later pages and probes do not count."""
        if self.kind == "watch":
            return self.options.send_initial_events
        return not self.options.continue_token and self.options.page_size != PROBE_PAGE_SIZE

    @property
    def is_consistent(self) -> bool:
        """Whether it asks for the newest there is."""
        return self.options.resource_version is None

    @property
    def is_probe(self) -> bool:
        return self.kind == "page" and self.options.page_size == PROBE_PAGE_SIZE

    @property
    def failed(self) -> bool:
        """Whether the server, not we, made it fail; a watch that ends at once is a failure."""
        if self.ended is None or isinstance(self.error, trio.Cancelled):
            return False
        short = self.kind == "watch" and self.by_server and self.ended - self.began < SHORT_ROUND_SECONDS
        return self.error is not None or short

    @property
    def was_healthy(self) -> bool:
        """Whether it is a watch that lasted long enough for its break to be everyday life."""
        return self.kind == "watch" and self.ended is not None and self.ended - self.began >= HEALTHY_ROUND_SECONDS


@dataclass(slots=True)
class Witness:
    """A `Source` that passes everything through to another, and remembers it."""

    source: ListWatcher[Any]
    numbers: count[int] = field(default_factory=count)
    attempts: list[Attempt] = field(default_factory=list)
    last_heard: float = float("-inf")
    """When the server last said something that confirms the store: an event, a bookmark, a page."""
    _in_flight: list[Attempt] = field(default_factory=list)

    def __repr__(self) -> str:
        return repr(self.source)

    async def prefers_streaming_lists(self) -> bool:
        return await self.source.prefers_streaming_lists()

    async def has_new_credentials(self) -> bool:
        return isinstance(self.source, Renewable) and await self.source.has_new_credentials()

    def admitted(self, *, to_list: bool) -> AbstractAsyncContextManager[None]:
        return self.source.admitted(to_list=to_list) if isinstance(self.source, Gated) else nullcontext()

    @property
    def next_attempt_at(self) -> float | None:
        return self.source.next_attempt_at if isinstance(self.source, Gated) else None

    async def page(self, options: ListOptions, take: Callable[[Page[Any]], object]) -> ListMeta:
        attempt = self._begin("page", options)
        try:
            metadata = await self.source.page(options, take)
            attempt.opened = self.last_heard = trio.current_time()
        except BaseException as error:
            attempt.error = error
            if isinstance(error, NotFound):
                # There is nothing, says the server; a watch that clears the store has it confirmed.
                self.last_heard = trio.current_time()
            raise
        finally:
            self._end(attempt)
        return metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions) -> AsyncGenerator[Events[Any]]:
        attempt = self._begin("watch", options)
        try:
            async with self.source.watch(options) as events:
                attempt.opened = trio.current_time()
                yield _Heard(self, attempt, events)
        except BaseException as error:
            attempt.error = error
            raise
        finally:
            self._end(attempt)

    def _begin(self, kind: Literal["page", "watch"], options: ListOptions) -> Attempt:
        attempt = Attempt(kind, options, next(self.numbers), trio.current_time())
        assert not self._in_flight, f"(i) {attempt} begins while {self._in_flight} is in flight"
        self._in_flight.append(attempt)
        self.attempts.append(attempt)
        return attempt

    def _end(self, attempt: Attempt) -> None:
        attempt.ended = trio.current_time()
        self._in_flight.remove(attempt)

    # What is going on

    @property
    def is_watching(self) -> bool:
        """Whether a watch is open, and the server has said so."""
        return any(a.kind == "watch" and a.opened is not None for a in self._in_flight)

    @property
    def is_listing(self) -> bool:
        """Whether a list is being read, or the stream that began with one is still open."""
        return any(a.kind == "page" or a.options.send_initial_events for a in self._in_flight)

    # What has been

    @property
    def lists(self) -> list[Attempt]:
        return [a for a in self.attempts if a.is_list]

    @property
    def watches(self) -> list[Attempt]:
        return [a for a in self.attempts if a.kind == "watch" and not a.options.send_initial_events]

    @property
    def failures(self) -> list[Attempt]:
        return [a for a in self.attempts if a.failed]

    def listed_since(self, number: int) -> bool:
        """Whether a whole list, not older than the server, was read that began after `number`."""
        return any(a.number > number and a.error is None and a.is_consistent for a in self.lists)

    # What must hold

    def check_pace(self, curve: Backoff | None, *, relists: int) -> None:
        """(ii) Failures stay within the budget, or are followed by pauses of the curve that the user chose, and nothing is
        a hot loop, whatever its cause."""
        if curve is None:
            self._check_budget(relists)
        else:
            self._check_failures(curve, relists)
        times = [a.began for a in self.attempts if not a.options.continue_token]
        allowed = HOT_LOOP_ATTEMPTS + 2 * relists
        for first, last in zip(times, times[allowed:], strict=False):
            assert last - first >= HOT_LOOP_SECONDS, f"(ii) {allowed} attempts in {last - first:.3f} s, from {first}"

    def _check_budget(self, relists: int) -> None:
        pairs = zip(self.attempts, self.attempts[1:], strict=False)
        ends = [a.ended or 0.0 for a, b in pairs if a.failed and not _falls_back(a, b)]
        for seconds, most in BUDGET.items():
            for first, last in zip(ends, ends[most + relists :], strict=False):
                assert last - first >= seconds, f"(ii) {most + relists} failures in {last - first:.3f} s, from {first}"

    def _check_failures(self, curve: Backoff, early: int) -> None:
        # Who asks for a list while a watch waits for its next try has it sooner: one early attempt for each request.
        for failure, following in zip(self.attempts, self.attempts[1:], strict=False):
            if failure.failed and not _falls_back(failure, following):
                assert failure.ended is not None
                pause = following.began - failure.ended
                assert early or pause >= curve.minimum_seconds, f"(ii) {pause} s after {failure} comes {following}"
        ends = [a.ended for a in self.failures if a.ended is not None and not a.was_healthy and not _is_refusal(a)]
        for i, first in enumerate(ends):
            for n, last in enumerate(ends[i:]):
                if last - first > _WINDOW_SECONDS:
                    break
                shortest = shortest_seconds(curve, max(n - early, 0))
                assert last - first >= shortest - _ROUNDING_SECONDS, f"(ii) {n + 1} failures in {last - first:.3f} s"


class _Heard:
    """An open watch that is listened in to."""

    def __init__(self, witness: Witness, attempt: Attempt, events: Events[Any]) -> None:
        self._witness = witness
        self._attempt = attempt
        self._events = events

    async def receive(self) -> Iterator[WatchEvent[Any]] | None:
        batch = await self._events.receive()
        if batch is None:
            self._attempt.by_server = True
            return None
        return self._noted(batch)

    def _noted(self, batch: Iterator[WatchEvent[Any]]) -> Iterator[WatchEvent[Any]]:
        for event in batch:
            self._attempt.events += 1
            self._witness.last_heard = trio.current_time()
            yield event


def shortest_seconds(curve: Backoff, pauses: int) -> float:
    """The least time for so many pauses in a row, where each is as long as the curve allows."""
    return sum(curve.ceiling(n) for n in range(1, pauses + 1))


def _is_refusal(attempt: Attempt) -> bool:
    """With a Retry-After the server's number counts, and not the curve; a list continued after 410 is one list."""
    return getattr(attempt.error, "retry_after", None) is not None or bool(attempt.options.continue_token)


def _falls_back(failure: Attempt, following: Attempt) -> bool:
    """One more request at once, because the same was asked in a way that this server does not know, or knew."""
    restarted = bool(failure.options.continue_token) and following.options.page_size is None
    return restarted or (failure.options.send_initial_events and following.kind == "page")
