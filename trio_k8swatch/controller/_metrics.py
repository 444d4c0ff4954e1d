"""What Prometheus sees of controllers: the names and labels of controller-runtime, where they mean the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import trio
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ._health import ControllerHealth

__all__ = ["ControllerMetrics"]

_QUEUE_LABELS: Final = ("name", "controller")
_SECONDS: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
_RECONCILE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_RESULTS: Final = ("success", "error", "requeue_after")


class ControllerMetrics(Collector):
    """Metrics of all controllers of a program, in `registry`; for `run_controller(metrics=…)`.

    Those of the queue are `workqueue_*`, those of runs `controller_runtime_*`, labelled by the controller's name, so the
    dashboards made for controller-runtime show them.
    """

    def __init__(self, registry: CollectorRegistry | None = REGISTRY) -> None:
        def counter(name: str, documentation: str, *labels: str) -> Counter:
            return Counter(name, documentation, labels, registry=registry)

        def histogram(name: str, documentation: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, documentation, labels, buckets=buckets, registry=registry)

        self._adds = counter("workqueue_adds_total", "Keys added that did not wait already", *_QUEUE_LABELS)
        self._retries = counter("workqueue_retries_total", "Keys added again after a failure", *_QUEUE_LABELS)
        self._waited = histogram(
            "workqueue_queue_duration_seconds", "Seconds a key waited before its run", _QUEUE_LABELS, _SECONDS
        )
        self._worked = histogram("workqueue_work_duration_seconds", "Seconds a run took", _QUEUE_LABELS, _SECONDS)
        self._runs = counter("controller_runtime_reconcile_total", "Runs, by result", "controller", "result")
        self._errors = counter("controller_runtime_reconcile_errors_total", "Runs that failed", "controller")
        self._terminal = counter(
            "controller_runtime_terminal_reconcile_errors_total", "Failures that are not retried", "controller"
        )
        self._stale = counter(
            "controller_stale_keys_total", "Times a store did not show a key's own writes after 5 s", "controller"
        )
        self._seconds = histogram(
            "controller_runtime_reconcile_time_seconds", "Seconds a run took", ("controller",), _RECONCILE_SECONDS
        )
        self._running: dict[str, tuple[ControllerHealth, trio.abc.Clock]] = {}
        if registry is not None:
            registry.register(self)

    def begin(self, name: str, health: ControllerHealth) -> None:
        """A controller has started: from now on its gauges are shown."""
        self._running[name] = health, trio.lowlevel.current_clock()
        for result in _RESULTS:
            self._runs.labels(name, result)
        for counted in (self._adds, self._retries):
            counted.labels(name, name)
        for errors in (self._errors, self._terminal, self._stale):
            errors.labels(name)

    def end(self, name: str) -> None:
        """It has ended: its counters stay, its gauges go."""
        self._running.pop(name, None)

    def added(self, name: str) -> None:
        """A key was added that did not wait already."""
        self._adds.labels(name, name).inc()

    def retried(self, name: str) -> None:
        """A key was added again after a failure."""
        self._retries.labels(name, name).inc()

    def taken(self, name: str, waited: float) -> None:
        """A run begins."""
        self._waited.labels(name, name).observe(waited)

    def ran(self, name: str, seconds: float, result: str) -> None:
        """A run has ended: success, error or requeue_after."""
        self._worked.labels(name, name).observe(seconds)
        self._seconds.labels(name).observe(seconds)
        self._runs.labels(name, result).inc()

    def failed(self, name: str, *, terminal: bool, stale: bool) -> None:
        """A run, or the wait for what it wrote, has failed."""
        if stale:
            self._stale.labels(name).inc()
            return
        self._errors.labels(name).inc()
        if terminal:
            self._terminal.labels(name).inc()

    def collect(self) -> Iterable[Metric]:
        """What is shown as of now."""

        def gauge(name: str, documentation: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
            return GaugeMetricFamily(name, documentation, labels=list(labels))

        depth = gauge("workqueue_depth", "Keys that wait for a worker", _QUEUE_LABELS)
        oldest = gauge("workqueue_oldest_key_seconds", "For how long the oldest key has waited", _QUEUE_LABELS)
        unfinished = gauge("workqueue_unfinished_work_seconds", "Seconds of runs under way, in sum", _QUEUE_LABELS)
        longest = gauge("workqueue_longest_running_processor_seconds", "Of the longest run under way", _QUEUE_LABELS)
        active = gauge("controller_runtime_active_workers", "Workers with a key", ("controller",))
        workers = gauge("controller_runtime_max_concurrent_reconciles", "Workers", ("controller",))
        for name, (health, clock) in list(self._running.items()):
            now = clock.current_time()
            runs = health.run_seconds(now)
            depth.add_metric([name, name], health.depth)
            oldest.add_metric([name, name], health.oldest_seconds(now))
            unfinished.add_metric([name, name], sum(runs))
            longest.add_metric([name, name], max(runs, default=0.0))
            active.add_metric([name], len(runs))
            workers.add_metric([name], health.workers)
        return [active, depth, longest, oldest, unfinished, workers]

    def describe(self) -> Iterable[Any]:
        """Nothing: what is shown is known when it is collected."""
        return ()
