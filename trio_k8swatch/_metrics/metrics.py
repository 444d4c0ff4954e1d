"""What Prometheus sees of a watch: the Go package's six collectors by name, with more beside them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec
import trio
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from trio_k8swatch._errors import ConfigError

from .counters import Counters
from .families import Families, Look, Watched

__all__ = ["CountingMetrics", "Metrics", "MetricsConfig", "WatchMetrics"]

_PREFIX: Final = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")

_MAX_IDLE_NAMES: Final = 100
"""A program that names its watches after tenants or requests must not grow with every one that it has ever had."""

_FORGOTTEN: Final = "forgotten"

_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
_EVENT_TYPES: Final = _CHANGES | {"BOOKMARK", "ERROR"}


class WatchMetrics:
    """What one watch reports, as it happens. This one reports to nobody, which costs next to nothing."""

    counts: bool = False
    """Whether `event` and `handled` should be called: for every event, for nobody, they would not be free."""

    def begin(self, watched: Watched) -> None:
        """The watch is up: the first list and the first watch request have succeeded."""

    def end(self) -> None:
        """The watch is over, whether it began or not; this comes last."""

    def called(self, method: Literal["List", "StreamingList", "Watch"]) -> None:
        """A request is about to be sent."""

    def relist_requested(self) -> None:
        """A list begins that someone asked for."""

    def event(self, type_: str) -> None:
        """An event was received; it has not been looked at yet."""

    def error(self, source: Literal["List", "Watch", "Watch.Event", "Watch.State"]) -> None:
        """A list failed, a watch request failed, an ERROR event came, or an event contradicted the store."""

    def failing(self, is_failing: bool) -> None:  # noqa: FBT001 - a bit is what it is
        """Whether the last attempt failed."""

    def listed(self, reason: str, seconds: float, body_bytes: int) -> None:
        """A list was committed; `reason` is one of a few words."""

    def reconnected(self, reason: str) -> None:
        """A watch request ended and another will follow; `reason` is one of a few words."""

    def handled(self, seconds: float) -> None:
        """Handlers and subscribers were notified of a change, or of a few together."""


class MetricsConfig(msgspec.Struct, frozen=True):
    """Metrics under one `watcher_instance`, for `WatchConfig.metrics`. Watches of one name add up."""

    metrics: Metrics
    name: str

    def watch(self) -> WatchMetrics:
        """Where one watch reports to; it has to say `end` when it is over."""
        return self.metrics.watch(self.name)


class Metrics(Collector):
    """The collectors of all watches of a program, named `{prefix}_…`, in `registry`.

    Make one and share it: `metrics.instance("pods")` for each watch. A second one of the same prefix in the same
    registry raises ConfigError. Scrapes may come from any thread, and watches may run in several. `clock` yields
    seconds since the epoch.

    Of watches with one name, counts and objects add up, staleness is that of the stalest, the last event the newest.
    Counters stay when a watch ends, `alive_current` and `failing_current` go to 0, and what describes a running watch
    (objects, staleness, subscribers) is no longer shown. Of names under which no watch runs any more a hundred are kept: the
    counts of others go to the name `forgotten`, so that sums over all names never go down.
    """

    def __init__(
        self, prefix: str, registry: CollectorRegistry = REGISTRY, *, clock: Callable[[], float] = time.time
    ) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"metrics cannot begin with {prefix!r}: use letters, digits and '_', no digit first")
        self.prefix = prefix
        self._clock = clock
        self._lock = threading.Lock()
        """Held to join, to leave and to scrape; never to count."""
        self._ended: dict[str, Counters] = {}
        self._running: dict[str, list[CountingMetrics]] = {}
        # Names without a running watch, those that ended longest ago first.
        self._idle: dict[str, None] = {}
        try:
            registry.register(self)
        except ValueError as error:
            raise ConfigError(
                f"the registry has metrics named {prefix}_… already: make one Metrics({prefix!r}) and share it,"
                " or choose another prefix or another registry"
            ) from error

    def instance(self, name: str) -> MetricsConfig:
        """The metrics of the watches that are called `name`."""
        return MetricsConfig(self, name)

    def watch(self, name: str) -> WatchMetrics:
        """Where one watch reports to; it has to say `end` when it is over."""
        watch = CountingMetrics(self._clock, self._leave, name)
        with self._lock:
            self._idle.pop(name, None)
            self._ended.setdefault(name, Counters())
            self._running.setdefault(name, []).append(watch)
        return watch

    def _leave(self, watch: CountingMetrics) -> None:
        # In one step for scrapes: counted in neither place, or in both, a counter would go down and up again.
        with self._lock:
            running = self._running.get(watch.name, [])
            if watch in running:
                running.remove(watch)
                self._ended[watch.name].add(watch.tally)
                if not running:
                    self._rest(watch.name)

    def _rest(self, name: str) -> None:
        """No watch of this name runs. Of too many such names the oldest is counted as one of `_FORGOTTEN`."""
        del self._running[name]
        if name == _FORGOTTEN:
            return
        self._idle[name] = None
        if len(self._idle) > _MAX_IDLE_NAMES:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            self._ended.setdefault(_FORGOTTEN, Counters()).add(self._ended.pop(oldest))

    def describe(self) -> Iterable[Metric]:
        """The families, without values."""
        return Families(self.prefix).in_order()

    def collect(self) -> Iterable[Metric]:
        """The families as they are now."""
        families = Families(self.prefix)
        with self._lock:
            for name in sorted(self._ended):
                running = self._running.get(name, [])
                tally = Counters()
                for part in (self._ended[name], *(watch.tally for watch in running)):
                    tally.add(part)
                families.add_tally(name, tally)
                families.add_looks(name, [look for watch in running if (look := watch.look) is not None])
        return families.in_order()


class CountingMetrics(WatchMetrics):
    """Counts what one watch reports, in the thread of that watch."""

    counts = True

    def __init__(self, clock: Callable[[], float], leave: Callable[[CountingMetrics], None], name: str) -> None:
        self.name = name
        self.tally = Counters()
        self.look: Look | None = None
        """Into the running watch, between `begin` and `end`."""
        self._clock = clock
        self._leave = leave
        self._events = self.tally.counts["events"]

    def begin(self, watched: Watched) -> None:
        """Show the watch, as alive and not failing."""
        self.tally.has_gauges = True
        self.tally.alive = 1
        self.look = Look(watched, trio.lowlevel.current_clock())

    def end(self) -> None:
        """Leave only the counts. May be called twice."""
        self.look = None
        self.tally.alive = self.tally.failing = 0
        self._leave(self)

    def called(self, method: Literal["List", "StreamingList", "Watch"]) -> None:
        """Count a request."""
        self.tally.counts["client_calls"][method] += 1

    def relist_requested(self) -> None:
        """Count a list that was asked for."""
        self.tally.counts["relist_requests"][""] += 1

    def event(self, type_: str) -> None:
        """Count an event. A type that Kubernetes does not have is UNKNOWN: labels must not come from the network."""
        self._events[type_ if type_ in _EVENT_TYPES else "UNKNOWN"] += 1
        if type_ in _CHANGES:
            self.tally.last_event_at = self._clock()

    def error(self, source: Literal["List", "Watch", "Watch.Event", "Watch.State"]) -> None:
        """Count an error."""
        self.tally.counts["errors"][source] += 1

    def failing(self, is_failing: bool) -> None:  # noqa: FBT001 - a bit is what it is
        """Show whether the last attempt failed, also before the watch has begun: it may be stuck there."""
        self.tally.has_gauges |= is_failing
        self.tally.failing = int(is_failing)

    def listed(self, reason: str, seconds: float, body_bytes: int) -> None:
        """Count a list."""
        self.tally.counts["relists"][reason] += 1
        self.tally.counts["list_bytes"][""] += body_bytes
        self.tally.list_seconds.observe(seconds)

    def reconnected(self, reason: str) -> None:
        """Count the end of a watch request."""
        self.tally.counts["watch_reconnects"][reason] += 1

    def handled(self, seconds: float) -> None:
        """Count time spent in handlers."""
        self.tally.handler_seconds.observe(seconds)
