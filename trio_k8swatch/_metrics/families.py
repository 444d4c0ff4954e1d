"""How a scrape shows what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from .counters import Counters, Histogram

__all__ = ["Families", "Look", "Watched"]

_INSTANCE: Final = "watcher_instance"

# Name without prefix and `_total` → the label it has beside the instance, help.
_COUNTERS: Final = {
    "client_calls": ("method", "Calls to the API server, by method: List, StreamingList or Watch"),
    "errors": ("source", "Errors, by source: List, Watch, Watch.Event or Watch.State"),
    "events": ("type", "Watch events received, by type; ERROR and BOOKMARK are types too"),
    "list_bytes": ("", "Bytes read from the bodies of lists, decompressed"),
    "relist_requests": ("", "Lists begun because the program asked; requests that share a list count once"),
    "relists": ("reason", "Lists committed, by reason"),
    "watch_reconnects": ("reason", "Watch requests that ended with another to follow, by reason"),
}
_GAUGES: Final = {
    "alive_current": ("", "Watches running, failing ones included"),
    "failing_current": ("", "Watches that failed and have not caught up since"),
    "failing_reason_current": ("reason", "Of those, how many for which reason"),
    "last_event_timestamp_seconds": ("", "When an object last changed, in seconds since the epoch"),
    "objects": ("", "Objects held"),
    "staleness_seconds": ("", "Seconds since the server last confirmed the stalest running watch"),
    "subscriber_lag": ("subscriber", "Changes that wait for the subscriber"),
    "subscriber_oldest_seconds": ("subscriber", "For how long the subscriber has not been done with all changes"),
}
_HISTOGRAMS: Final = {
    "handler_seconds": "Seconds taken by handlers, for each change or batch of changes",
    "list_duration_seconds": "Seconds taken by lists, from the first request to the commit",
}


class _Vitals(Protocol):
    @property
    def confirmed_at(self) -> float | None: ...
    @property
    def failing(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...


class _Queue(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def lag(self) -> int: ...
    @property
    def waiting_since(self) -> float | None: ...


class Watched(Protocol):
    """What a scrape looks at in a running watch, from whatever thread it is in. Times are `trio.current_time()`."""

    @property
    def objects(self) -> Mapping[str, object]:
        """What is held now."""
        ...

    @property
    def vitals(self) -> _Vitals:
        """Of which `confirmed_at` is when the server last bore the copy out, and `reason` why it is `failing`."""
        ...

    @property
    def subscriptions(self) -> tuple[_Queue, ...]:
        """Who has subscribed: its name, how many changes wait for it, and since when there have been any."""
        ...


class Look:
    """A running watch as it is now, from any thread: trio's clock can be read where `trio.current_time()` cannot."""

    def __init__(self, watched: Watched, clock: trio.abc.Clock) -> None:
        self._watched = watched
        self._clock = clock

    def objects(self) -> int:
        return len(self._watched.objects)

    def staleness(self) -> float:
        confirmed = self._watched.vitals.confirmed_at
        return float("inf") if confirmed is None else max(0.0, self._clock.current_time() - confirmed)

    def failing_reason(self) -> str | None:
        vitals = self._watched.vitals
        return vitals.reason if vitals.failing else None

    def subscribers(self) -> Iterable[tuple[str, int, float]]:
        for queue in self._watched.subscriptions:
            since = queue.waiting_since
            yield queue.name, queue.lag, 0.0 if since is None else max(0.0, self._clock.current_time() - since)


class Families:
    """One scrape, being filled in."""

    def __init__(self, prefix: str) -> None:
        self._counters = {
            name: CounterMetricFamily(f"{prefix}_{name}", documentation, labels=_labels(label))
            for name, (label, documentation) in _COUNTERS.items()
        }
        self._gauges = {
            name: GaugeMetricFamily(f"{prefix}_{name}", documentation, labels=_labels(label))
            for name, (label, documentation) in _GAUGES.items()
        }
        self._histograms = {
            name: HistogramMetricFamily(f"{prefix}_{name}", documentation, labels=_labels(""))
            for name, documentation in _HISTOGRAMS.items()
        }

    def in_order(self) -> list[Metric]:
        families = {**self._counters, **self._gauges, **self._histograms}
        return [families[name] for name in sorted(families)]

    def add_tally(self, name: str, tally: Counters) -> None:
        for family, counts in tally.counts.items():
            for label, count in sorted(counts.items()):
                self._counters[family].add_metric([label, name] if label else [name], count)
        if tally.has_gauges:
            self._gauge("alive_current", name, tally.alive)
            self._gauge("failing_current", name, tally.failing)
        if tally.last_event_at is not None:
            self._gauge("last_event_timestamp_seconds", name, tally.last_event_at)
        self._histogram("list_duration_seconds", name, tally.list_seconds)
        self._histogram("handler_seconds", name, tally.handler_seconds)

    def add_looks(self, name: str, looks: list[Look]) -> None:
        if not looks:
            return
        self._gauge("objects", name, sum(look.objects() for look in looks))
        self._gauge("staleness_seconds", name, max(look.staleness() for look in looks))
        reasons = Counter(reason for look in looks if (reason := look.failing_reason()) is not None)
        for reason in sorted(reasons):
            self._gauges["failing_reason_current"].add_metric([reason, name], reasons[reason])
        lags: dict[str, int] = {}
        oldest: dict[str, float] = {}
        for subscriber, lag, seconds in (row for look in looks for row in look.subscribers()):
            lags[subscriber] = lags.get(subscriber, 0) + lag
            oldest[subscriber] = max(oldest.get(subscriber, 0.0), seconds)
        for subscriber in sorted(lags):
            self._gauges["subscriber_lag"].add_metric([subscriber, name], lags[subscriber])
            self._gauges["subscriber_oldest_seconds"].add_metric([subscriber, name], oldest[subscriber])

    def _gauge(self, family: str, name: str, value: float) -> None:
        self._gauges[family].add_metric([name], value)

    def _histogram(self, family: str, name: str, histogram: Histogram) -> None:
        self._histograms[family].add_metric([name], histogram.buckets(), histogram.total)


def _labels(label: str) -> list[str]:
    return [label, _INSTANCE] if label else [_INSTANCE]
