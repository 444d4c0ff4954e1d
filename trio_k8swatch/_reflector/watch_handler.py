"""What a watch brings, taken into the copy as it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

import trio

from trio_k8swatch._errors import ProtocolError
from trio_k8swatch._resource_version import is_older
from trio_k8swatch._store import Cache, ObjectEvent, WatchDeltas
from trio_k8swatch._wire import OBJECT_EVENTS, Bookmark, WatchEvent, error_from_status

from .heartbeat import Heartbeat
from .list_watcher import Events
from .next_step import End

__all__ = ["WatchHandler"]

T = TypeVar("T")

_NEVER: Final = float("inf")

_log: Final = logging.getLogger("trio_k8swatch")


class WatchHandler(Generic[T]):
    """Follows one watch after the other, and knows where the next has to begin."""

    def __init__(self, cache: Cache[T], heartbeat: Heartbeat, *, name: str, object_name_log_field: str) -> None:
        self._cache = cache
        self._heartbeat = heartbeat
        self._name = name
        self._log_field = object_name_log_field
        self.deltas = WatchDeltas[T](cache.metadata)
        self._is_suspicious = False
        # Of the batch that is taken: an object or a bookmark, and one that changed something.
        self._has_heard = self._has_news = False

    async def follow(
        self,
        events: Events[T],
        scope: trio.CancelScope,
        behind: Iterator[WatchEvent[T]] | None = None,
        *,
        on_heard: Callable[[], object],
        believes_until: float,
    ) -> End:
        """Take `behind`, which came already, and what comes until the watch has ended or, after `believes_until`, is suspicious.

        Ends `scope` when nothing was heard for too long, and puts that off as something is; `on_heard` is called for each
        batch of events. Raises ApiError for an ERROR event, ProtocolError for what makes no sense, Unavailable where the
        stream is cut, and whatever handlers raise.
        """
        cache, heartbeat = self._cache, self._heartbeat
        self._is_suspicious = False
        while True:
            if self._is_suspicious and trio.current_time() >= believes_until:
                return End.SUSPICION
            self._is_suspicious = False
            batch, behind = behind or await events.receive(), None
            if batch is None:
                return End.ENDED
            self._has_heard = False
            try:
                await self._take(batch, scope)
            finally:
                # After the handlers: while they run it is us who do not listen. Also when the batch ends in an error.
                now = cache.vitals.last_byte_at = trio.current_time()
                heartbeat.heard(now, events=self._has_heard)
                if self._has_news:
                    self._has_news = False
                    cache.vitals.last_event_at = now
            if self._has_heard:
                on_heard()
                self._require_no_doubt()
            if cache.awaited_subscriptions:
                await self._wait_for_subscribers(scope)
                heartbeat.heard(trio.current_time(), events=self._has_heard)
            if abs(heartbeat.deadline - scope.deadline) > heartbeat.step:
                scope.deadline = heartbeat.deadline

    def _require_no_doubt(self) -> None:
        """Raises ProtocolError if what came contradicts what was known."""
        deltas = self.deltas
        if deltas.doubt is not None:
            raise ProtocolError(deltas.doubt)
        if deltas.suspicion:
            deltas.suspicion = False
            self._is_suspicious = True

    async def _take(self, batch: Iterator[WatchEvent[T]], scope: trio.CancelScope) -> None:
        """Commit the events, each with its handlers, under one lock."""
        cache = self._cache
        try:
            cache.lock.acquire_nowait()
        except trio.WouldBlock:
            # While a reader holds the picture still, it is us who are silent.
            self._heartbeat.held()
            scope.deadline = _NEVER
            with cache.vitals.blocked("locked()"):
                await cache.lock.acquire()
        deltas, metrics = self.deltas, cache.metrics
        try:
            for event in batch:
                if metrics.counts:
                    metrics.event(event.type)
                if isinstance(event, OBJECT_EVENTS):
                    self._has_heard = True
                    delta = deltas.received(cache.objects, event)
                    if delta is not None:
                        self._has_news = True
                        try:
                            cache.apply(delta, deltas.resource_version or "")
                        except Exception as error:
                            self._name_object(error, event)
                            raise
                elif isinstance(event, Bookmark):
                    self._has_heard = True
                    self._bookmark(event)
                else:
                    metrics.error("Watch.Event")
                    raise error_from_status(event.object, doing=f"go on with the watch of {self._name}")
                if cache.stopping:
                    break
        finally:
            cache.lock.release()

    def _name_object(self, error: Exception, event: ObjectEvent[T]) -> None:
        meta = self._cache.metadata(event.object)
        name = f"{meta.namespace}/{meta.name}"
        error.add_note(f"raised while handlers and indexes were notified: {event.type} {name}")
        _log.error("%s: failed to handle %s", self._name, event.type, extra={self._log_field: name})

    def _bookmark(self, bookmark: Bookmark) -> None:
        now = trio.current_time()
        self._heartbeat.marked(now)
        if not self.deltas.marked(bookmark):
            _log.debug("%s: a bookmark without resourceVersion", self._name)
        elif is_older(bookmark.resource_version, self._cache.resource_version):
            # The server lags (F60), repeats itself, or was rolled back. Its version shows which.
            self._is_suspicious = True
        else:
            self._cache.vitals.last_bookmark_at = now
            self._cache.advance(bookmark.resource_version)

    async def _wait_for_subscribers(self, scope: trio.CancelScope) -> None:
        for subscription in self._cache.awaited_subscriptions:
            if subscription.is_full:
                self._heartbeat.held()
                scope.deadline = _NEVER
                with self._cache.vitals.blocked(f"subscriber {subscription.name!r}"):
                    await subscription.room()
