"""Whole lists: asked for, put together out of sight, committed at once, and the promises kept that hung on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Generic, TypeVar

import trio
from msgspec.structs import replace

from trio_k8swatch._config import InitMode
from trio_k8swatch._errors import ProtocolError, Unavailable
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import ListMeta
from trio_k8swatch._pager import list_pages
from trio_k8swatch._resource_version import is_older
from trio_k8swatch._store import Cache, Delta, RelistDeltas, RelistTicket, checked_version, in_slices
from trio_k8swatch._wire import OBJECT_EVENTS, Failure, Page, WatchEvent, error_from_status

from .initial_events_pace import InitialEventsPace
from .list_watcher import Events, ForeignListWatcher, ListWatcher, bytes_of

__all__ = ["Draft", "Relister"]

T = TypeVar("T")

_LEAST_OBJECTS: Final = 20
"""Of a streaming list in each progress limit."""

_MOST_PROGRESS_LIMITS: Final = 60
"""That a streaming list may take in all; with ten seconds, ten minutes."""

_log: Final = logging.getLogger("trio_k8swatch")


class Draft(Generic[T]):
    """A list while it is read."""

    def __init__(self, cache: Cache[T], options: ListOptions, *, reason: str, replay: bool = False) -> None:
        self._cache = cache
        self._replay = replay
        self.options = options
        self.reason = reason
        self.began = trio.current_time()
        self.restart()

    def restart(self) -> None:
        """What was taken is void."""
        self.relisting = RelistDeltas(self._cache.objects, self._cache.metadata, replay=self._replay)
        self.version = ""
        self.body_bytes = 0

    def begin(self, version: str) -> None:
        """The list is read at `version`. Raises ProtocolError if that is older than was asked for."""
        self.version = checked_version(version)
        have = self._cache.resource_version
        if is_older(version, have):
            if self.options.resource_version is not None:
                raise ProtocolError(f"the list is of version {version}, older than the {have} that was asked for")
            # A consistent list is never older than what was seen, unless history itself was rolled back (F58). Versions
            # are given out again after that, and say nothing about what we have.
            _log.warning("the server went back from version %s to %s: everything counts as changed", have, version)
            self.relisting.replay = True

    def take(self, page: Page[T]) -> None:
        """The next page, or the next part of one."""
        if not self.version:
            self.begin(page.metadata.resource_version)
        self.relisting.take(page.items)
        self.body_bytes += page.body_bytes


class Relister(Generic[T]):
    """The lists of one watch, one at a time."""

    def __init__(
        self, list_watcher: ListWatcher[T], cache: Cache[T], options: ListOptions, *, replay_unchanged: bool
    ) -> None:
        self._list_watcher = list_watcher
        self._cache = cache
        self._options = options
        self._replay_unchanged = replay_unchanged
        self._must_replay = False
        # Taken by a list that is not committed yet. If it fails, the next one serves them.
        self._tickets: list[RelistTicket] = []

    @property
    def is_wanted(self) -> bool:
        """Whether someone waits for a list."""
        return bool(self._tickets) or self._cache.tickets.is_wanted

    def begin(self, *, consistent: bool, reason: str) -> Draft[T]:
        """A list begins now: it serves all who have asked for one until now.

        Unless it has to be consistent, one that is not older than what we have is good enough, and far cheaper for the
        server (kubernetes#86430).
        """
        ticket = self._cache.tickets.take()
        if ticket is not None:
            self._tickets.append(ticket)
            self._cache.metrics.relist_requested()
        have = self._cache.resource_version
        if consistent or not have:
            options = self._options
        else:
            options = replace(self._options, resource_version=have, resource_version_match="NotOlderThan")
        return Draft(self._cache, options, reason=reason, replay=self._replay_unchanged or self._must_replay)

    async def read_pages(self, draft: Draft[T]) -> None:
        """Read all pages into `draft`."""
        await list_pages(partial(self._page, take=draft.take), draft.options, restart=draft.restart)
        if self._cache.fault is not None:
            # A transform has raised Expired, and the list was begun anew as if the server had said it.
            raise self._cache.fault

    async def read_events(
        self, events: Events[T], draft: Draft[T], scope: trio.CancelScope, *, progress_limit: float
    ) -> Iterator[WatchEvent[T]]:
        """Read a streaming list into `draft`, up to the bookmark that ends it. What came together with that is returned.

        `scope` ends when the list does not get on by some objects in each `progress_limit` seconds, or takes far longer.
        """
        metrics = self._cache.metrics
        enough = 0
        before = received = bytes_of(events)
        pace = InitialEventsPace(trio.current_time())
        latest = trio.current_time() + progress_limit * _MOST_PROGRESS_LIMITS
        while True:
            # Progress is objects that were not there before, and more of them than a busy collection brings forth (F76, R17).
            known = len(draft.relisting.objects)
            if known >= enough:
                enough = known + _LEAST_OBJECTS
                scope.deadline = min(trio.current_time() + progress_limit, latest)
            batch = await events.receive()
            if batch is None:
                raise Unavailable("the server ended the watch before its list was complete")
            for event in batch:
                if metrics.counts:
                    metrics.event(event.type)
                if isinstance(event, OBJECT_EVENTS):
                    draft.relisting.received(event)
                elif isinstance(event, Failure):
                    raise error_from_status(event.object, doing=f"list {self._list_watcher!r}")
                elif event.ends_initial_events:
                    self._require_no_way_back(draft, event.resource_version)
                    draft.begin(event.resource_version)
                    draft.body_bytes = bytes_of(events) - before
                    return batch
            size = bytes_of(events) - received
            received += size
            # Nothing is in hand here: cancelled in this moment, nothing is lost.
            if pause := pace.after(size, trio.current_time()):
                await trio.sleep(pause)

    def _require_no_way_back(self, draft: Draft[T], version: str) -> None:
        """A streaming list says its version last. If that shows a rolled-back server, what was read has to be read again."""
        if is_older(version, self._cache.resource_version) and not draft.relisting.replay:
            self._must_replay = True
            raise ProtocolError(f"the server went back to version {version}: everything has to be listed anew")

    @property
    def can_ask_version(self) -> bool:
        """Whether the server's version is cheap to have. Someone else's client has only whole lists."""
        return not isinstance(self._list_watcher, ForeignListWatcher)

    async def server_version(self) -> str:
        """At which version the server is, read consistently."""
        metadata = await self._page(replace(self._options, page_size=1), take=lambda page: None)
        return checked_version(metadata.resource_version)

    async def commit(
        self,
        draft: Draft[T],
        *,
        started: trio.TaskStatus[None] | None = None,
        init_mode: InitMode = InitMode.SYNC,
        proves: bool = True,
    ) -> int:
        """Everything at once; then observers are notified and tickets redeemed. How much has changed.

        Nothing has happened if this is cancelled before everything is swapped; after that it cannot be. `started` makes it the
        first list: it is called before the handlers, which then wait for the block of `open_watch` to begin, or after them, as
        `init_mode` says. `proves`: whether the watch has recovered with it.
        """
        cache = self._cache
        async with cache.lock:
            deltas = await _changes_of(draft.relisting)
            await cache.replace(draft.relisting.objects, deltas, draft.version)
            self._must_replay = False
            self._note(draft, len(deltas), is_first=started is not None, proves=proves)
            if started is not None and init_mode is InitMode.DEFER:
                started.started()
                await cache.notify_block(deltas)
            else:
                with trio.CancelScope(shield=True):
                    await cache.notify_all(deltas, preexisting=started is not None)
                if started is not None:
                    started.started()
        for ticket in self._tickets:
            ticket.settle()
        self._tickets.clear()
        return len(deltas)

    async def clear(self) -> None:
        """Commit that there is nothing, because the resource itself is gone. That is no list: who waits for one goes on."""
        cache = self._cache
        if not cache.objects:
            return
        async with cache.lock:
            gone = await _changes_of(RelistDeltas(cache.objects, cache.metadata))
            await cache.replace({}, gone, cache.resource_version)
            with trio.CancelScope(shield=True):
                await cache.notify_all(gone, preexisting=False)

    def close(self, why: str) -> None:
        """No list will be committed any more."""
        for ticket in self._tickets:
            ticket.settle(why)

    async def _page(self, options: ListOptions, *, take: Callable[[Page[T]], object]) -> ListMeta:
        self._cache.metrics.called("List")
        return await self._list_watcher.page(options, take)

    def _note(self, draft: Draft[T], changes: int, *, is_first: bool, proves: bool) -> None:
        now = trio.current_time()
        self._cache.vitals.last_list_at = now
        if proves:
            self._cache.caught_up()
        if is_first:
            self._cache.metrics.begin(self._cache)
        self._cache.metrics.listed(draft.reason, now - draft.began, draft.body_bytes)
        count = len(draft.relisting.objects)
        message = "%s: listed (%s): %d objects, %d changes, resourceVersion %s"
        _log.info(message, self._cache.name or repr(self._list_watcher), draft.reason, count, changes, draft.version)


async def _changes_of(relisting: RelistDeltas[T]) -> list[Delta[T]]:
    """What a whole list changes, found with checkpoints in between: even one that changes nothing takes its time."""
    changes: list[Delta[T]] = []

    def keep(deltas: list[Delta[T] | None]) -> None:
        changes.extend([delta for delta in deltas if delta is not None])

    await in_slices(relisting.deltas(), keep)
    return changes
