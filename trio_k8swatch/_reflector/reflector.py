"""The loop that keeps a cache up to date: list, watch, and again.

Rule 1: one list or one watch at a time. Whatever ends a watch (the server, silence, a request for a list, an error)
ends its round, and the next round begins with what is known by then.
Rule 2: what comes next is decided in `next_step`, when in `pause_before_retry`; here it is done. Of all state only the
scope of the moment belongs to this file.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Generic, TypeVar, assert_never

import trio
from msgspec.structs import replace

from trio_k8swatch._config import InitMode, ListStrategy, WatchConfig
from trio_k8swatch._errors import Expired, K8sWatchError, NotFound, Unauthorized, Unavailable
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._resource_version import is_older
from trio_k8swatch._store import Cache, State
from trio_k8swatch._wire import WatchEvent

from .heartbeat import Heartbeat
from .list_watcher import Events, Gated, ListWatcher, Renewable
from .next_step import End, Outcome, Plan, Step, end_of, following, refuses_streaming, retry_after_of
from .pause_before_retry import Pace, list_due, paced, requested
from .relist import Draft, Relister
from .watch_handler import WatchHandler

__all__ = ["Reflector"]

T = TypeVar("T")

_SHORT_ROUND_SECONDS: Final = 1.0
"""A watch that ends sooner counts as ended at once, with or without events (client-go: VeryShortWatchError)."""

_ANSWER_SECONDS: Final = 60.0
"""For the answer to a watch. Under priority and fairness it may wait in a queue for a quarter of a minute."""

_PROBE_INTERVAL_SECONDS: Final = 60.0
"""A server that sends old things is asked for its version no more often than this."""

_NOTICED_PAUSE_SECONDS: Final = 0.1
"""A pause that is longer shows in `health` as a failure."""

_MAY_PASS: Final = frozenset({End.UNAVAILABLE, End.INTERNAL_ERROR})

_LOOK_SECONDS: Final = 1.0
"""Between two looks for new credentials, while a server refuses those that there are."""

_log: Final = logging.getLogger("trio_k8swatch")


class Reflector(Generic[T]):
    """Keeps one cache up to date until it is cancelled, stopped, or something fails that is not to be retried."""

    def __init__(
        self,
        list_watcher: ListWatcher[T],
        cache: Cache[T],
        config: WatchConfig,
        options: ListOptions,
        init_mode: InitMode,
    ) -> None:
        self._list_watcher = list_watcher
        self._name = cache.name or repr(list_watcher)
        self._gate = list_watcher if isinstance(list_watcher, Gated) else None
        self._cache = cache
        self._config = config
        self._options = options
        self._init_mode = init_mode
        self._relister = Relister(list_watcher, cache, options, replay_unchanged=config.replay_unchanged)
        self._heartbeat = Heartbeat(config.silence_limit)
        self._watch_handler = WatchHandler(
            cache, self._heartbeat, name=repr(list_watcher), object_name_log_field=config.object_name_log_field
        )
        self._plan = Plan(streams=config.list_strategy is not ListStrategy.PAGES)
        self._pace = Pace()
        # Set until the first list is committed.
        self._started: trio.TaskStatus[None] | None = None
        self._began = self._round_began = 0.0
        self._probed_at = float("-inf")
        self._is_answered = self._is_streaming = False
        # What may be left when a list is asked for.
        self._leave: trio.CancelScope | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Follow the collection. `started` once the cache is full, and with `InitMode.SYNC` everyone has been notified.

        Raises what a handler or an index raises, failures of the start, and failures for which there is no policy.
        """
        self._started = task_status
        self._began = trio.current_time()
        self._cache.on_list_wanted = self._expedite_list
        why = "the watch was stopped"
        try:
            with self._cache.life:
                while True:
                    outcome = await self._round()
                    if self._cache.fault is not None:
                        # Out here, where no exception is handled: it leaves with the cause and context it was raised with.
                        raise self._cache.fault
                    await self._proceed(outcome)
        except trio.Cancelled:
            raise
        except BaseException as error:
            why = f"the watch has ended: {type(error).__name__}: {error}"
            raise
        finally:
            self._cache.vitals.enter(State.STOPPED, trio.current_time())
            self._cache.vitals.next_attempt = None
            self._cache.end(why)
            self._relister.close(why)
            self._cache.metrics.end()
            _log.info("%s: %s", self._name, why)

    # Rounds

    async def _round(self) -> Outcome:
        """Do what is planned until it has come to an end, whichever."""
        self._is_answered = self._is_streaming = False
        self._round_began = trio.current_time()
        try:
            return await self._attempt()
        except K8sWatchError as error:
            if self._is_streaming and self._plan.step is not Step.WATCH and refuses_streaming(error):
                return Outcome(End.UNSUPPORTED)
            end = end_of(error, is_answered=self._is_answered)
            return Outcome(end, error, brought=end is not End.UNREACHABLE and self._has_brought())
        except Exception:
            if self._cache.fault is None:
                raise
            # What was raised on our side, and a client has translated. The original is raised outside: see `run`.
            return Outcome(End.BROKEN)
        finally:
            self._leave = None

    async def _attempt(self) -> Outcome:
        plan = self._plan
        match plan.step:
            case Step.PROBE:
                return await self._probe()
            case Step.WATCH:
                version = self._watch_handler.deltas.resource_version
                return await self._watch(replace(self._options, resource_version=version))
            case Step.LIST | Step.CONSISTENT_LIST:
                return await self._list()
            case _:
                assert_never(plan.step)

    def _has_brought(self) -> bool:
        """Whether a watch is open that was worth it."""
        lasted = trio.current_time() - self._round_began
        is_watch = self._plan.step is Step.WATCH and self._is_answered
        return is_watch and (self._heartbeat.was_heard or lasted >= _SHORT_ROUND_SECONDS)

    async def _list(self) -> Outcome:
        """A list, and the watch that comes with it."""
        streams = self._is_streaming = await self._streams()
        if self._relister.is_wanted:
            self._plan = self._plan.requested()
        if self._cache.tickets.is_wanted and not self._cache.is_list_urgent:
            self._pace = requested(self._pace, self._round_began)
        self._cache.is_list_urgent = False
        async with AsyncExitStack() as until_listed:
            await until_listed.enter_async_context(self._admitted(to_list=True))
            draft = self._relister.begin(consistent=self._plan.step is Step.CONSISTENT_LIST, reason=self._plan.reason)
            if self._started is None and not self._cache.vitals.failing:
                self._cache.vitals.enter(State.RELISTING, draft.began)
            if streams:
                options = replace(draft.options, resource_version_match="NotOlderThan", send_initial_events=True)
                return await self._watch(options, draft, until_listed)
            await self._relister.read_pages(draft)
        if self._started is None:
            return await self._commit(draft)
        # Nobody is notified before it is known that the collection can be watched, too (B16).
        return await self._watch(replace(self._options, resource_version=draft.version), draft)

    async def _watch(
        self, options: ListOptions, draft: Draft[T] | None = None, until_listed: AsyncExitStack | None = None
    ) -> Outcome:
        """One watch request. A `draft` is committed first: when the watch is open, or when the watch has brought it."""
        with trio.CancelScope() as leave:
            if draft is None:
                self._set_leave(leave)
            async with AsyncExitStack() as admission:
                if until_listed is None:
                    await admission.enter_async_context(self._admitted(to_list=False))
                return await self._followed(options, draft, leave, until_listed or admission)
        return Outcome(End.REQUESTED, brought=self._has_brought())

    async def _followed(
        self,
        options: ListOptions,
        draft: Draft[T] | None,
        leave: trio.CancelScope,
        admission: AsyncExitStack,
    ) -> Outcome:
        """A watch that may be asked for, from the request to its end."""
        heartbeat, is_taken_in = self._heartbeat, draft is None
        options = replace(options, timeout_seconds=self._begin_round(streams=options.send_initial_events))
        # However quiet a server may be, it has to answer.
        limit = min(self._config.silence_limit or _ANSWER_SECONDS, _ANSWER_SECONDS)
        with trio.CancelScope(deadline=trio.current_time() + limit) as scope:
            async with self._list_watcher.watch(options) as events, self._faults_kept():
                self._is_answered = True
                behind = None
                if draft is not None:
                    behind = await self._take_in(draft, events, scope, streams=options.send_initial_events)
                    is_taken_in = True
                    self._set_leave(leave)
                else:
                    heartbeat.heard(trio.current_time(), events=False)
                    scope.deadline = heartbeat.deadline
                await admission.aclose()
                self._opened()
                end = await self._watch_handler.follow(
                    events,
                    scope,
                    behind,
                    on_heard=self._heard,
                    believes_until=self._probed_at + _PROBE_INTERVAL_SECONDS,
                )
                return self._ended(end)
        return self._cut_off(is_taken_in=is_taken_in)

    @asynccontextmanager
    async def _faults_kept(self) -> AsyncGenerator[None]:
        """Keep what handlers and indexes raise away from the client's context managers, which may translate it: see `run`."""
        try:
            yield
        except Exception as error:
            if error is not self._cache.fault:
                raise

    def _begin_round(self, *, streams: bool) -> int:
        """For how many seconds the server is to keep the watch open."""
        cache, config = self._cache, self._config
        cache.metrics.called("StreamingList" if streams else "Watch")
        self._round_began = trio.current_time()
        if cache.vitals.state is State.LIVE:
            cache.vitals.enter(State.RECONNECTING, self._round_began)
        seconds = round(config.watch_timeout.random(config.rng))
        self._heartbeat.begin(self._round_began, seconds)
        return seconds

    async def _take_in(
        self, draft: Draft[T], events: Events[T], scope: trio.CancelScope, *, streams: bool
    ) -> Iterator[WatchEvent[T]] | None:
        """Commit `draft`, once the watch has brought it if it is a streaming one; then events that came too early."""
        behind = None
        if streams:
            limit = self._config.stream_progress_limit
            behind = await self._relister.read_events(events, draft, scope, progress_limit=limit)
        self._heartbeat.held()
        scope.deadline = float("inf")
        await self._proceed(await self._commit(draft))
        self._heartbeat.heard(trio.current_time(), events=behind is not None)
        scope.deadline = self._heartbeat.deadline
        return behind

    def _opened(self) -> None:
        # A watch after one that was silent, or that ended at once, opens as well; only what it brings shows that it works.
        if not self._plan.is_doubted:
            self._cache.caught_up()
        elif not self._cache.vitals.failing:
            kept_back = Unavailable("a watch was silent about changes that a list has shown since")
            self._cache.vitals.failed(kept_back, trio.current_time(), 1, End.SILENCE.value)
            self._cache.metrics.failing(is_failing=True)
        _log.debug("%s: watching from %s", self._name, self._cache.resource_version)

    def _heard(self) -> None:
        self._plan = self._plan.heard()
        if self._cache.vitals.state is not State.LIVE:
            self._cache.caught_up()

    def _ended(self, end: End) -> Outcome:
        """A watch is over without an error, or is to be left."""
        now = trio.current_time()
        lasted = now - self._round_began
        if end is End.ENDED and lasted < _SHORT_ROUND_SECONDS:
            error = Unavailable(f"the server ended the watch of {self._list_watcher!r} at once")
            return Outcome(End.ENDED_AT_ONCE, error, brought=self._heartbeat.was_heard)
        if end is End.ENDED and self._heartbeat.was_silent(now):
            # A server that was silent all the time it was given may not be the one that it was (F58).
            return Outcome(End.QUIET)
        return Outcome(end, brought=self._has_brought())

    def _cut_off(self, *, is_taken_in: bool) -> Outcome:
        """A watch is over because of its deadline."""
        now = trio.current_time()
        lasted = now - self._round_began
        if not self._is_answered:
            why = f"cannot watch {self._list_watcher!r}: the server did not answer within {lasted:.0f} s"
            return Outcome(End.UNREACHABLE, Unavailable(why))
        if not is_taken_in:
            _log.info("%s: the streaming list makes no progress; reading pages from now on", self._name)
            return Outcome(End.STALLED)
        if now - self._round_began >= self._heartbeat.ends_after and self._heartbeat.may_be_silent:
            return self._ended(End.ENDED)
        silent = now - max(self._round_began, self._cache.vitals.last_byte_at or 0.0)
        return Outcome(
            End.SILENCE, Unavailable(f"nothing was heard for {silent:.0f} s"), brought=self._heartbeat.was_heard
        )

    async def _commit(self, draft: Draft[T]) -> Outcome:
        changes = await self._relister.commit(
            draft, started=self._started, init_mode=self._init_mode, proves=not self._plan.is_doubted
        )
        self._started = None
        self._watch_handler.deltas.listed(draft.version)
        return Outcome(End.LISTED, explains=changes == 0 and self._heartbeat.may_be_silent)

    async def _streams(self) -> bool:
        """Whether the next list is a streaming one."""
        if self._plan.streams and self._config.list_strategy is ListStrategy.AUTO:
            return await self._list_watcher.prefers_streaming_lists()
        return self._plan.streams

    async def _probe(self) -> Outcome:
        """Ask the server for its version: lower than ours, and it is not the server that it was (F58)."""
        self._probed_at = trio.current_time()
        if not self._relister.can_ask_version:
            return Outcome(End.ROLLED_BACK)
        async with self._admitted(to_list=False):
            version = await self._relister.server_version()
        is_back = is_older(version, self._cache.resource_version)
        return Outcome(End.ROLLED_BACK if is_back else End.SAME_SERVER)

    @asynccontextmanager
    async def _admitted(self, *, to_list: bool) -> AsyncGenerator[None]:
        """In here the server may be asked; limits that are for the server begin in here."""
        gate = self._gate
        if gate is None:
            yield
            return
        vitals = self._cache.vitals
        if vitals.state is State.LIVE:
            vitals.enter(State.RECONNECTING, trio.current_time())
        vitals.next_attempt = lambda: gate.next_attempt_at
        try:
            async with gate.admitted(to_list=to_list):
                vitals.next_attempt = None
                yield
        finally:
            vitals.next_attempt = None

    # Lists that are asked for

    def _set_leave(self, scope: trio.CancelScope) -> None:
        """From now on what is going on may be left for a list that is asked for."""
        self._leave = scope
        self._expedite_list()

    def _expedite_list(self) -> None:
        """See to it that a list begins when it is due, if one is asked for."""
        if self._leave is not None and self._relister.is_wanted:
            now = trio.current_time()
            due = now if self._cache.is_list_urgent else list_due(self._pace, now)
            self._leave.deadline = min(self._leave.deadline, due)

    # Between rounds

    async def _proceed(self, outcome: Outcome) -> None:
        """Decide what comes after a round, and wait until it may. Raises what is not to be survived."""
        config = self._config
        is_watch = self._plan.step is Step.WATCH
        policy = config.retry_watch_after if is_watch else config.retry_relist_after
        self._count(outcome)
        if outcome.error is not None and (policy is None or self._is_fatal(outcome)):
            raise outcome.error
        if outcome.end is End.LISTED and self._plan.cause in {End.SILENCE, End.QUIET}:
            self._heartbeat.learn(is_silent=outcome.explains and not self._plan.is_caught)
        if isinstance(outcome.error, NotFound) and not is_watch and config.clear_when_not_served:
            await self._relister.clear()
        self._plan = following(self._plan, outcome)
        if policy is None:
            return
        now = trio.current_time()
        # A client that does not make us wait has not counted what failed: a plugin for credentials, for example.
        opens_at = None if self._gate is None else self._gate.next_attempt_at
        by_client = opens_at is not None and opens_at > now
        self._pace, pause = paced(self._pace, outcome, now, config.rng, policy, by_client=by_client)
        if outcome.error is not None:
            self._tell(outcome, outcome.error, pause, now)
        if pause > 0:
            is_told = retry_after_of(outcome.error) is not None
            is_denied = isinstance(outcome.error, Unauthorized)
            await self._sleep(pause, may_be_sooner=is_watch and not is_told, is_denied=is_denied)

    def _is_fatal(self, outcome: Outcome) -> bool:
        """Whether a failure is one that ends a watch before it has begun."""
        if self._started is None or isinstance(outcome.error, (Expired, *self._config.retry_at_start)):
            return False
        return outcome.end not in _MAY_PASS or trio.current_time() - self._began >= self._config.start_limit

    def _count(self, outcome: Outcome) -> None:
        metrics, is_watch = self._cache.metrics, self._plan.step is Step.WATCH
        if outcome.error is not None:
            doubted = self._watch_handler.deltas.doubt is not None
            metrics.error(("Watch.State" if doubted else "Watch") if is_watch else "List")
        if is_watch or outcome.end is End.STALLED:
            metrics.reconnected(outcome.end.value)

    def _tell(self, outcome: Outcome, error: K8sWatchError, pause: float, now: float) -> None:
        """Say what has failed in health and log."""
        vitals, reason = self._cache.vitals, outcome.end.value
        is_all_right = outcome.end is End.BROKEN and pause <= _NOTICED_PAUSE_SECONDS and not vitals.failing
        if is_all_right:
            # Connections break, and that is not the server failing.
            vitals.broke(error, now, reason)
        else:
            vitals.failed(error, now, max(self._plan.failures, 1), reason)
            self._cache.metrics.failing(is_failing=True)
        _log.warning("%s: %s; next, in %.1f s: %s", self._name, error, pause, self._plan.step.value)

    async def _sleep(self, seconds: float, *, may_be_sooner: bool, is_denied: bool) -> None:
        """Wait. Who asks for a list may have it sooner, unless it is lists that fail, or the server wants to be left alone.

        Where credentials were refused, new ones end it at once.
        """
        due = trio.current_time() + seconds
        self._cache.vitals.next_attempt = lambda: due
        with trio.CancelScope() as scope:
            if may_be_sooner:
                self._set_leave(scope)
            await (self._until_renewed(due) if is_denied else trio.sleep_until(due))
        self._cache.vitals.next_attempt = None
        self._leave = None
        if scope.cancelled_caught:
            self._plan = self._plan.requested()

    async def _until_renewed(self, due: float) -> None:
        """Wait until then, or until there are new credentials."""
        list_watcher = self._list_watcher
        while (rest := due - trio.current_time()) > 0:
            await trio.sleep(min(rest, _LOOK_SECONDS))
            if isinstance(list_watcher, Renewable) and await list_watcher.has_new_credentials():
                return
