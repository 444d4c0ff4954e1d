"""The loop that keeps a copy up to date: list, watch, and again.

Rule 1: one list or one watch at a time. Whatever ends a watch (the server, silence, a request for a list, an error)
ends its round, and the next round begins with what is known by then.
Rule 2: no attempt follows a failure without a pause, whatever failed.
Rule 3: what comes next is decided in `plan`, `heartbeat` and `_backoff`; here it is done.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum
from typing import Final, Generic, TypeVar

import trio

from trio_k8swatch._backoff import Pacer
from trio_k8swatch._config import InitMode, ListStrategy, WatchConfig
from trio_k8swatch._errors import Expired, K8sWatchError, NotFound, Unavailable
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._resource_version import is_older
from trio_k8swatch._store import Cache, State
from trio_k8swatch._wire import WatchEvent

from .heartbeat import Heartbeat
from .list_watcher import Events, ListWatcher
from .plan import Next, after_list_failure, after_watch_failure, refuses_streaming, retry_after_of
from .relist import Draft, Relister
from .watch_handler import WatchHandler

__all__ = ["Reflector"]

T = TypeVar("T")

_SHORT_ROUND_SECONDS: Final = 1.0
"""A watch that ends sooner counts as a failure, events or not (client-go: VeryShortWatchError)."""

_HEALTHY_ROUND_SECONDS: Final = 10.0
"""A watch that broke after this long was all right: proxies and restarts do that every day. It gets a short pause."""

_log: Final = logging.getLogger("trio_k8swatch")


class Doing(Enum):
    """What is going on, or was when something failed."""

    LISTING = "listing"
    """In pages, or by a watch that begins with everything there is."""
    WATCHING = "watching"
    PROBING = "asking for the server's version"


class Reflector(Generic[T]):
    """Keeps one copy up to date until it is cancelled, stopped, or something fails that is not to be retried."""

    def __init__(
        self,
        list_watcher: ListWatcher[T],
        cache: Cache[T],
        config: WatchConfig,
        options: ListOptions,
        init_mode: InitMode,
    ) -> None:
        self._list_watcher = list_watcher
        self._cache = cache
        self._config = config
        self._options = options
        self._init_mode = init_mode
        self._relister = Relister(list_watcher, cache, options, replay_unchanged=config.replay_unchanged)
        self._heartbeat = Heartbeat(config.silence_limit)
        self._watch_handler = WatchHandler(
            cache, self._heartbeat, name=repr(list_watcher), object_name_log_field=config.object_name_log_field
        )
        self._pacer = Pacer(config.rng)
        # Set until the first list is committed.
        self._started: trio.TaskStatus[None] | None = None
        self._next = Next.CONSISTENT_LIST
        self._reason = "initial"
        self._doing = Doing.LISTING
        self._can_stream = config.list_strategy is not ListStrategy.PAGES
        self._failed_watches = 0
        # A watch that ended at once puts the next one on probation: that it opens will not prove anything.
        self._ended_at_once = self._is_on_probation = False
        self._round_began = 0.0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the collection. `started` once the copy is full, and with `InitMode.SYNC` everyone has been told.

        Raises what a handler or an index raises, failures of the start, and failures for which there is no policy.
        """
        self._started = task_status
        why = "the watch was stopped"
        try:
            with self._cache.life:
                while True:
                    try:
                        await self._round()
                    except K8sWatchError as error:
                        if self._cache.fault is None:
                            await self._recover(error)
                    if self._cache.fault is not None:
                        # Out here, where no exception is handled: it leaves with the cause and context it was raised with.
                        raise self._cache.fault
        except trio.Cancelled:
            raise
        except BaseException as error:
            why = f"the watch has ended: {type(error).__name__}: {error}"
            raise
        finally:
            self._cache.vitals.enter(State.STOPPED, trio.current_time())
            self._cache.end(why)
            self._relister.close(why)
            self._cache.metrics.end()
            _log.info("%r: %s", self._list_watcher, why)

    # Rounds

    async def _round(self) -> None:
        """From what is to be done next to the end of the watch, or to a failure."""
        if self._watch_handler.must_probe:
            await self._probe()
        if self._next is Next.WATCH and not self._relister.is_wanted:
            await self._watch(replace(self._options, resource_version=self._watch_handler.deltas.resource_version))
            return
        self._doing = Doing.LISTING
        streams = await self._streams()
        if self._relister.is_wanted:
            self._want(Next.CONSISTENT_LIST, "requested")
        draft = self._relister.begin(consistent=self._next is Next.CONSISTENT_LIST, reason=self._reason)
        if self._started is None and not self._cache.vitals.failing:
            self._cache.vitals.enter(State.RELISTING, draft.began)
        if streams:
            options = replace(draft.options, resource_version_match="NotOlderThan", send_initial_events=True)
            await self._watch(options, draft)
            return
        await self._relister.read_pages(draft)
        if self._started is None:
            await self._commit(draft)
        else:
            # Nothing is told before it is known that the collection can be watched, too (B16).
            await self._watch(replace(self._options, resource_version=draft.version), draft)

    async def _watch(self, options: ListOptions, draft: Draft[T] | None = None) -> None:
        """One watch request. A `draft` is committed first: when the watch is open, or when the watch has brought it."""
        cache, heartbeat = self._cache, self._heartbeat
        seconds = self._begin_round(Doing.LISTING if options.send_initial_events else Doing.WATCHING)
        end = "unanswered"
        try:
            # However quiet a server may be, it has to answer.
            with trio.CancelScope(deadline=self._round_began + self._config.silence_limit) as scope:
                cache.round = scope if draft is None else None
                watching = self._list_watcher.watch(replace(options, timeout_seconds=seconds))
                async with watching as events, self._faults_kept():
                    behind = None
                    if draft is not None:
                        end = "stalled"
                        behind = await self._take_in(draft, events, scope)
                        cache.round = scope
                    else:
                        heartbeat.heard(trio.current_time(), events=False)
                        scope.deadline = heartbeat.deadline
                    end = "silence"
                    self._opened()
                    end = await self._watch_handler.follow(events, scope, behind)
        finally:
            cache.round = None
            # A server that was silent twice may not be the one that it was. One that did not answer was not silent.
            if end != "unanswered" and heartbeat.ended(trio.current_time()):
                self._watch_handler.must_probe = True
        if cache.fault is not None:
            return
        self._note_end("requested" if cache.tickets.is_wanted and end != "stalled" else end)

    def _begin_round(self, doing: Doing) -> int:
        """For how many seconds the server is to keep the watch open."""
        cache, config = self._cache, self._config
        cache.metrics.called("Watch")
        self._doing = doing
        self._round_began = trio.current_time()
        self._is_on_probation, self._ended_at_once = self._ended_at_once, False
        if cache.vitals.state is State.LIVE:
            cache.vitals.enter(State.RECONNECTING, self._round_began)
        seconds = round(config.watch_timeout.random(config.rng))
        self._heartbeat.begin(self._round_began, seconds)
        return seconds

    async def _take_in(
        self, draft: Draft[T], events: Events[T], scope: trio.CancelScope
    ) -> Iterator[WatchEvent[T]] | None:
        """Commit `draft`, once the watch has brought it if it is a streaming one; then events that came too early."""
        behind = None
        if self._doing is Doing.LISTING:
            limit = self._config.stream_progress_limit
            behind = await self._relister.read_events(events, draft, scope, progress_limit=limit)
        self._heartbeat.held()
        scope.deadline = float("inf")
        await self._commit(draft)
        self._heartbeat.heard(trio.current_time(), events=behind is not None)
        scope.deadline = self._heartbeat.deadline
        return behind

    def _opened(self) -> None:
        # A watch that keeps ending at once opens every time; only what it brings shows that it works again.
        if not (self._cache.vitals.failing and self._is_on_probation):
            self._cache.caught_up()
        self._doing = Doing.WATCHING
        _log.debug("%r: watching from %s", self._list_watcher, self._cache.resource_version)

    def _note_end(self, end: str) -> None:
        """A watch is over without an error. Raises Unavailable if the way it ended counts as one."""
        now = trio.current_time()
        lasted = now - self._round_began
        if end == "unanswered":
            raise Unavailable(f"cannot watch {self._list_watcher!r}: the server did not answer within {lasted:.0f} s")
        if end == "ended" and lasted < _SHORT_ROUND_SECONDS:
            self._ended_at_once = True
            raise Unavailable(f"the server ended the watch of {self._list_watcher!r} at once")
        if end == "stalled":
            self._can_stream = False
            _log.info("%r: the streaming list stands still; reading pages from now on", self._list_watcher)
        elif end == "silence":
            vitals = self._cache.vitals
            vitals.silent(now - max(self._round_began, vitals.last_byte_at or 0.0), now)
            _log.warning("%r: %s; watching again", self._list_watcher, vitals.last_error)
        self._cache.metrics.reconnected(end)

    async def _commit(self, draft: Draft[T]) -> None:
        await self._relister.commit(draft, started=self._started, init_mode=self._init_mode)
        self._started = None
        self._watch_handler.deltas.listed(draft.version)
        self._next = Next.WATCH
        self._doing = Doing.WATCHING

    async def _streams(self) -> bool:
        """Whether the next list is a streaming one."""
        if self._can_stream and self._config.list_strategy is ListStrategy.AUTO:
            self._can_stream = await self._list_watcher.has_streaming_lists()
        return self._can_stream

    async def _probe(self) -> None:
        """Ask a silent server for its version: lower than ours, and it is not the server that it was (F58)."""
        if not self._relister.can_ask_version:
            self._watch_handler.must_probe = False
            self._watch_handler.probed_at = trio.current_time()
            self._want(Next.LIST, "probe")
            return
        self._doing = Doing.PROBING
        version = await self._relister.server_version()
        self._watch_handler.must_probe = False
        self._watch_handler.probed_at = trio.current_time()
        if is_older(version, self._cache.resource_version):
            self._want(Next.CONSISTENT_LIST, "rolled back")

    def _want(self, what: Next, reason: str) -> None:
        """Do `what` next; a consistent list that is wanted already stays wanted."""
        if what is not Next.WATCH:
            self._reason = reason
        if self._next is not Next.CONSISTENT_LIST:
            self._next = what

    # Failures

    @asynccontextmanager
    async def _faults_kept(self) -> AsyncGenerator[None]:
        """Keep what handlers and indexes raise away from the client's context managers, which may translate it: see `run`."""
        try:
            yield
        except Exception as error:
            if error is not self._cache.fault:
                raise

    async def _recover(self, error: K8sWatchError) -> None:
        """Decide what comes after a failure, and wait until it may. Raises `error` if it is not to be survived."""
        if self._doing is Doing.LISTING and self._can_stream and refuses_streaming(error):
            self._can_stream = False
            return
        config = self._config
        policy = config.retry_watch_after if self._doing is Doing.WATCHING else config.retry_relist_after
        is_fatal_now = self._started is not None and not isinstance(error, (Expired, *config.retry_at_start))
        self._count(error)
        if policy is None or is_fatal_now:
            raise error
        self._decide(error)
        if isinstance(error, NotFound) and self._doing is not Doing.WATCHING and config.clear_when_not_served:
            await self._relister.clear()
        now = trio.current_time()
        if self._was_healthy(error, now):
            delay = policy.delay(1, config.rng)
            self._cache.vitals.enter(State.RECONNECTING, now)
        else:
            delay = self._pacer.failed(now, policy, retry_after=retry_after_of(error))
            self._cache.vitals.failed(error, now, self._pacer.failures)
            self._cache.metrics.failing(is_failing=True)
        _log.warning("%r: %s; next, in %.1f s: %s", self._list_watcher, error, delay, self._next.value)
        # Who asks for a list may have it sooner, unless it is lists that fail, or the server wants to be left alone.
        may_be_sooner = self._doing is Doing.WATCHING and retry_after_of(error) is None
        with trio.CancelScope() as scope:
            if may_be_sooner:
                self._cache.round = scope
                if self._relister.is_wanted and self._pacer.failures <= 1:
                    scope.cancel()
            await trio.sleep(delay)
        self._cache.round = None

    def _count(self, error: K8sWatchError) -> None:
        metrics = self._cache.metrics
        if self._doing is Doing.WATCHING:
            metrics.error("Watch.State" if self._watch_handler.deltas.doubt else "Watch")
            metrics.reconnected(type(error).__name__)
        else:
            metrics.error("List")

    def _decide(self, error: K8sWatchError) -> None:
        """What comes next; from the error alone, and for a watch from how many failed without bringing anything."""
        if self._doing is Doing.PROBING:
            # That the server cannot be asked says nothing against what we know, and watches may work where lists do not.
            self._watch_handler.must_probe = False
            self._watch_handler.probed_at = trio.current_time()
            return
        if self._doing is Doing.LISTING:
            self._want(after_list_failure(error), self._reason)
            return
        confirmed_at = self._cache.vitals.confirmed_at
        is_barren = confirmed_at is None or confirmed_at < self._round_began
        self._failed_watches = self._failed_watches + 1 if is_barren else 1
        self._want(after_watch_failure(error, in_a_row=self._failed_watches), type(error).__name__)

    def _was_healthy(self, error: K8sWatchError, now: float) -> bool:
        """Whether only the end of a good watch was rough: connections break, and that is not the server failing."""
        is_cut = isinstance(error, Unavailable) and self._doing is Doing.WATCHING
        return is_cut and now - self._round_began >= _HEALTHY_ROUND_SECONDS and not self._cache.vitals.failing
