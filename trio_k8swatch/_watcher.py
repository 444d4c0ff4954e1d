"""The loop that keeps a copy up to date: list, watch, and again.

Rule 1: one list or one watch at a time. Whatever ends a watch (the server, silence, a request for a list, an error)
ends its round, and the next round begins with what is known by then.
Rule 2: no attempt follows a failure without a pause, whatever failed.
Rule 3: what to do is decided in `_reflector`, `_recovery`, `_silence` and `_backoff`; here is only waiting and doing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Generic, TypeVar

import trio

from ._backoff import Pacer
from ._config import InitMode, ListStrategy, WatchConfig
from ._copy import Copy
from ._errors import Expired, K8sWatchError, NotFound, ProtocolError, Unavailable
from ._health import State
from ._paging import list_pages
from ._recovery import Next, after_list_failure, after_watch_failure, refuses_streaming, retry_after_of
from ._reflector import Reflector, Relisting, checked_version
from ._resource import ListOptions
from ._silence import Heartbeat
from ._source import Events, Source
from ._status import error_from_status
from ._tickets import RelistTicket
from ._versions import is_older
from ._wire import Bookmark, Failure, Page, WatchEvent

__all__ = ["Watcher"]

T = TypeVar("T")

_SHORT_ROUND_SECONDS: Final = 1.0
"""A watch that ends sooner counts as a failure, events or not (client-go: VeryShortWatchError)."""

_HEALTHY_ROUND_SECONDS: Final = 10.0
"""A watch that broke after this long was all right: proxies and restarts do that every day. It gets a short pause."""

_DEADLINE_STEP_SECONDS: Final = 1.0
"""The deadline of a round is only moved by this much at once: it costs more than it sounds."""

_log: Final = logging.getLogger("trio_k8swatch")


class _List(Generic[T]):
    """A list while it is read."""

    def __init__(self, copy: Copy[T], reason: str) -> None:
        self._copy = copy
        self.reason = reason
        self.began = trio.current_time()
        self.options = ListOptions()
        self.restart()

    def restart(self) -> None:
        """What was taken is void."""
        self.relisting = Relisting(self._copy.objects, self._copy.metadata)
        self.version = ""
        self.body_bytes = 0

    def begin(self, version: str) -> None:
        """The first page says at which version the list is read. Raises ProtocolError if it is older than was asked for."""
        self.version = checked_version(version)
        if is_older(version, self._copy.resource_version):
            if self.options.resource_version is not None:
                raise ProtocolError(f"the list is of version {version}, older than {self.options.resource_version}")
            # A consistent list is never older than what was seen, unless history itself was rolled back (F58). Versions
            # are used again then, and say nothing about what we have.
            _log.warning("the server went back from version %s to %s", self._copy.resource_version, version)
            self.relisting.replay = True

    def take(self, page: Page[T]) -> None:
        """One page."""
        if not self.version:
            self.begin(page.metadata.resource_version)
        self.relisting.take(page.items)
        self.body_bytes += page.body_bytes


class Watcher(Generic[T]):
    """Keeps one copy up to date until it is cancelled, stopped, or something fails that is not to be retried."""

    def __init__(
        self, source: Source[T], copy: Copy[T], config: WatchConfig, options: ListOptions, init_mode: InitMode
    ) -> None:
        self._source = source
        self._copy = copy
        self._config = config
        self._options = options
        self._init_mode = init_mode
        self._metrics = copy.metrics
        self._reflector = Reflector[T](copy.metadata)
        self._heartbeat = Heartbeat(config.silence_limit)
        self._pacer = Pacer(config.rng)
        self._started: trio.TaskStatus[None] | None = None
        self._next = Next.CONSISTENT_LIST
        self._reason = "initial"
        self._is_listing = True
        self._tickets: list[RelistTicket] = []
        self._must_probe = False
        self._can_stream = config.list_strategy is not ListStrategy.PAGES
        self._failed_watches = 0
        self._round_began = 0.0
        # Events that came together with the end of a streaming list.
        self._behind: Iterator[WatchEvent[T]] = iter(())

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the collection. `started` once the copy is full, and with `InitMode.SYNC` everyone has been told.

        Raises what a handler or an index raises, failures of the start, and failures for which there is no policy.
        """
        self._started = task_status
        why = "the watch was stopped"
        try:
            with self._copy.life:
                while True:
                    try:
                        await self._round()
                    except K8sWatchError as error:
                        await self._recover(error)
        except trio.Cancelled:
            raise
        except BaseException as error:
            why = f"the watch has ended: {type(error).__name__}: {error}"
            raise
        finally:
            self._end(why)

    def _end(self, why: str) -> None:
        self._copy.vitals.enter(State.STOPPED, trio.current_time())
        self._copy.end(why)
        for ticket in self._tickets:
            ticket.settle(why)
        self._metrics.end()
        _log.info("%r: %s", self._source, why)

    # One round

    async def _round(self) -> None:
        if self._must_probe:
            await self._probe()
        if self._copy.tickets.is_wanted or self._tickets:
            self._want(Next.CONSISTENT_LIST, "requested")
        if self._next is Next.WATCH:
            await self._watch(replace(self._options, resource_version=self._reflector.resource_version))
            return
        streams = await self._streams()
        listing = self._begin_list()
        if streams:
            options = replace(listing.options, resource_version_match="NotOlderThan", send_initial_events=True)
            await self._watch(options, listing)
            return
        await list_pages(self._page, listing.options, restart=listing.restart, take=listing.take)
        if self._started is None:
            await self._commit(listing)
        else:
            # Nothing is delivered before it is known that the collection can be watched, too (B16).
            await self._watch(replace(self._options, resource_version=listing.version), listing)

    async def _watch(self, options: ListOptions, listing: _List[T] | None = None) -> None:
        """One watch request. A `listing` is committed first: when the watch is open, or when the watch has brought it."""
        self._metrics.called("Watch")
        self._is_listing = options.send_initial_events
        self._round_began = trio.current_time()
        seconds = round(self._config.watch_timeout.random(self._config.rng))
        self._heartbeat.begin(self._round_began, seconds)
        copy = self._copy
        reason = "silence"
        try:
            with trio.CancelScope(deadline=self._heartbeat.deadline) as scope:
                copy.round = scope if listing is None else None
                async with self._source.watch(replace(options, timeout_seconds=seconds)) as events:
                    if listing is not None:
                        if options.send_initial_events:
                            await self._receive_list(events, listing, scope)
                        await self._commit(listing)
                        copy.round = scope
                        listing = None
                    self._opened()
                    reason = await self._follow(events, scope)
        finally:
            copy.round = None
            # Silent for too long, or again: ask the server how it is before the next watch.
            self._must_probe = self._heartbeat.ended(trio.current_time()) or self._must_probe
        if listing is not None and self._is_listing:
            self._can_stream = False
            _log.info("%r: the streaming list stands still; reading pages from now on", self._source)
        elif reason == "ended" and trio.current_time() - self._round_began < _SHORT_ROUND_SECONDS:
            raise Unavailable("the server ended the watch at once")
        else:
            reason = "requested" if copy.tickets.is_wanted else reason
            self._metrics.reconnected(reason)
            _log.log(
                logging.WARNING if reason == "silence" else logging.DEBUG, "%r: watch ended: %s", self._source, reason
            )

    async def _receive_list(self, events: Events[T], listing: _List[T], scope: trio.CancelScope) -> None:
        """The events of a streaming list, up to the bookmark that ends it; those that come with it are kept for later."""
        while True:
            scope.deadline = trio.current_time() + self._config.stream_progress_limit
            batch = await events.receive()
            if batch is None:
                raise Unavailable("the server ended the watch before its list was complete")
            for event in batch:
                self._metrics.event(event.type)
                if isinstance(event, Bookmark):
                    if event.ends_initial_events:
                        listing.begin(event.resource_version)
                        self._behind = batch
                        return
                elif isinstance(event, Failure):
                    raise error_from_status(event.object, doing=f"list {self._source!r}")
                else:
                    listing.relisting.received(event)
            self._heartbeat.heard(trio.current_time(), events=True)

    async def _follow(self, events: Events[T], scope: trio.CancelScope) -> str:
        """Take what comes until the server ends it or a list is wanted. Why it ended."""
        copy, heartbeat, vitals = self._copy, self._heartbeat, self._copy.vitals
        batch: Iterator[WatchEvent[T]] | None = self._behind
        self._behind = iter(())
        while batch is not None:
            heard = await self._take(batch, scope)
            now = vitals.last_byte_at = trio.current_time()
            heartbeat.heard(now, events=heard)
            if heard:
                vitals.last_event_at = now
                self._failed_watches = 0
                if vitals.failing:
                    self._recovered()
            if self._reflector.doubt is not None:
                raise ProtocolError(self._reflector.doubt)
            if copy.subscriptions:
                scope.deadline = float("inf")
                for subscription in copy.subscriptions:
                    await subscription.room()
                heartbeat.heard(trio.current_time(), events=heard)
            if copy.tickets.is_wanted or self._must_probe:
                return "requested"
            if abs(heartbeat.deadline - scope.deadline) > _DEADLINE_STEP_SECONDS:
                scope.deadline = heartbeat.deadline
            batch = await events.receive()
        return "ended"

    async def _take(self, batch: Iterator[WatchEvent[T]], scope: trio.CancelScope) -> bool:
        """Commit the events, each with its handlers, under one lock. Whether there were any."""
        lock = self._copy.lock
        try:
            lock.acquire_nowait()
        except trio.WouldBlock:
            # While a reader holds the picture still, it is us who are silent.
            scope.deadline = float("inf")
            await lock.acquire()
        heard = False
        try:
            for event in batch:
                heard = True
                self._event(event)
                if self._copy.stopping:
                    break
        finally:
            lock.release()
        return heard

    def _event(self, event: WatchEvent[T]) -> None:
        self._metrics.event(event.type)
        reflector, copy = self._reflector, self._copy
        if isinstance(event, Bookmark):
            self._bookmark(event)
        elif isinstance(event, Failure):
            self._metrics.error("Watch.Event")
            raise error_from_status(event.object, doing=f"go on with the watch of {self._source!r}")
        else:
            delta = reflector.received(copy.objects, event)
            if delta is not None:
                try:
                    copy.apply(delta, reflector.resource_version or "")
                except Exception as error:
                    meta = copy.metadata(event.object)
                    error.add_note(f"raised while {event.type} of {meta.namespace}/{meta.name} was told")
                    raise

    def _bookmark(self, bookmark: Bookmark) -> None:
        now = trio.current_time()
        self._heartbeat.marked(now)
        if not self._reflector.marked(bookmark):
            _log.debug("%r: a bookmark without resourceVersion", self._source)
        elif is_older(bookmark.resource_version, self._copy.resource_version):
            # A server that lags behind the one before, or one that was rolled back.
            self._must_probe = True
        else:
            self._copy.vitals.last_bookmark_at = now
            self._copy.advance(bookmark.resource_version)

    # Lists

    def _begin_list(self) -> _List[T]:
        """A list begins now: it serves all who have asked for one until now."""
        ticket = self._copy.tickets.take()
        if ticket is not None:
            self._tickets.append(ticket)
            self._metrics.relist_requested()
        listing = _List(self._copy, self._reason)
        have = self._copy.resource_version
        if self._next is Next.CONSISTENT_LIST or not have:
            listing.options = self._options
        else:
            listing.options = replace(self._options, resource_version=have, resource_version_match="NotOlderThan")
        self._is_listing = True
        if self._started is None:
            self._copy.vitals.enter(State.RELISTING, listing.began)
        return listing

    async def _page(self, options: ListOptions) -> Page[T]:
        self._metrics.called("List")
        return await self._source.page(options)

    async def _streams(self) -> bool:
        """Whether the next list is a streaming one."""
        if not self._can_stream:
            return False
        if self._config.list_strategy is ListStrategy.AUTO:
            self._can_stream = await self._source.has_streaming_lists()
        return self._can_stream

    async def _commit(self, listing: _List[T]) -> None:
        """Everything at once, then handlers; then the promises kept. Before it has the lock, it can be cancelled."""
        copy = self._copy
        async with copy.lock:
            with trio.CancelScope(shield=True):
                deltas = listing.relisting.deltas()
                await copy.replace(listing.relisting.objects, deltas, listing.version)
                self._reflector.listed(listing.version)
                is_first, started = self._started is not None, self._started
                self._started = None
                if is_first:
                    self._metrics.begin(copy)
                self._listed(listing, len(deltas))
                if started is not None and self._init_mode is InitMode.DEFER:
                    started.started()
                await copy.tell_all(deltas, preexisting=is_first)
                if started is not None and self._init_mode is InitMode.SYNC:
                    started.started()
        for ticket in self._tickets:
            ticket.settle()
        self._tickets.clear()

    def _listed(self, listing: _List[T], changes: int) -> None:
        now = trio.current_time()
        self._copy.vitals.last_list_at = now
        self._next = Next.WATCH
        self._is_listing = False
        if self._copy.vitals.failing:
            self._recovered()
        self._metrics.listed(listing.reason, now - listing.began, listing.body_bytes)
        _log.info(
            "%r: listed (%s): %d objects, %d changes, resourceVersion %s",
            self._source,
            listing.reason,
            len(listing.relisting.objects),
            changes,
            listing.version,
        )

    def _want(self, what: Next, reason: str) -> None:
        if what is not Next.WATCH:
            self._reflector.forget()
            self._reason = reason
            # A consistent list that is wanted stays wanted.
            what = Next.CONSISTENT_LIST if self._next is Next.CONSISTENT_LIST else what
        self._next = what

    async def _probe(self) -> None:
        """Ask a silent server for its version: lower than ours, and it is not the server that it was (F58)."""
        self._is_listing = True
        page = await self._page(replace(self._options, page_size=1))
        self._must_probe = False
        if is_older(page.metadata.resource_version, self._copy.resource_version):
            self._want(Next.CONSISTENT_LIST, "rolled back")

    # Failures

    def _opened(self) -> None:
        self._is_listing = False
        vitals = self._copy.vitals
        # A watch that keeps ending at once opens every time; only what it brings shows that it works again.
        if vitals.failing and not self._failed_watches:
            self._recovered()
        elif not vitals.failing:
            vitals.enter(State.LIVE, trio.current_time())
        _log.debug("%r: watching from %s", self._source, self._copy.resource_version)

    def _recovered(self) -> None:
        self._copy.vitals.recovered(State.LIVE, trio.current_time())
        self._metrics.failing(is_failing=False)

    async def _recover(self, error: K8sWatchError) -> None:
        """Decide what comes after a failure, and wait until it may. Raises `error` if it is not to be survived."""
        if self._is_listing and self._can_stream and refuses_streaming(error):
            self._can_stream = False
            return
        config, vitals = self._config, self._copy.vitals
        if self._started is not None and not isinstance(error, (Expired, *config.retry_at_start)):
            raise error
        policy = config.retry_relist_after if self._is_listing else config.retry_watch_after
        if policy is None:
            raise error
        if self._is_listing:
            self._metrics.error("List")
            self._want(after_list_failure(error), self._reason)
            await self._clear_if_not_served(error)
        else:
            self._failed_watches += 1
            self._metrics.error("Watch.State" if self._reflector.doubt else "Watch")
            self._want(after_watch_failure(error, in_a_row=self._failed_watches), type(error).__name__)
            self._metrics.reconnected(type(error).__name__)
        now = trio.current_time()
        if self._was_healthy(error, now):
            delay = policy.delay(1, config.rng)
        else:
            delay = self._pacer.failed(now, policy, retry_after=retry_after_of(error))
            vitals.failed(error, now, self._pacer.failures)
            self._metrics.failing(is_failing=True)
        _log.warning("%r: %s; next: %s, in %.1f s", self._source, error, self._next.value, delay)
        with trio.CancelScope() as scope:
            # Someone who asks for a list may have it sooner, unless lists are what fails or the server wants its peace.
            self._copy.round = scope if not self._is_listing and retry_after_of(error) is None else None
            await trio.sleep(delay)
        self._copy.round = None

    def _was_healthy(self, error: K8sWatchError, now: float) -> bool:
        """Whether only the end of a good watch was rough: connections break, and that is not the server failing."""
        is_cut = isinstance(error, Unavailable) and not self._is_listing
        return is_cut and self._failed_watches <= 1 and now - self._round_began >= _HEALTHY_ROUND_SECONDS

    async def _clear_if_not_served(self, error: K8sWatchError) -> None:
        if isinstance(error, NotFound) and self._config.clear_when_not_served and self._copy.objects:
            listing = _List(self._copy, "not served")
            listing.version = self._copy.resource_version
            await self._commit(listing)
            self._want(Next.CONSISTENT_LIST, "not served")
