"""What can be chosen about a watch."""

from __future__ import annotations

from enum import Enum
from random import Random

import msgspec

from ._backoff_curves import Adaptive, RetryPolicy, TimeRange
from ._errors import ConfigError, K8sWatchError, TooManyRequests
from ._metrics import MetricsConfig

__all__ = ["InitMode", "ListStrategy", "WatchConfig"]


class InitMode(Enum):
    """When the handlers are notified of the objects that exist at the start."""

    SYNC = "sync"
    """Before the body of `open_watch` begins: the store is full and every `add(obj, preexisting=True)` has run."""
    DEFER = "defer"
    """After it began: list and first watch have succeeded and the store is full, but the adds run while the body does.
    Every call that takes the lock waits for them. No handler is called before the body has begun, and other tasks run after
    each call. For handlers that feed a bounded queue which the body drains: one of a few places is enough where taking from
    it is all that the body waits for. Work that waits for more wants `Store.subscribe(policy="block")`."""


class ListStrategy(Enum):
    """How the whole collection is read."""

    AUTO = "auto"
    """Pages, which come compressed; streaming lists where a kubeconfig disables compression and the server says that it is
    Kubernetes 1.34 or later. They cost client and server about as much CPU, and compressed pages are a twentieth of the bytes."""
    PAGES = "pages"
    """Always pages of `ListOptions.page_size`."""
    STREAM = "stream"
    """Streaming lists (KEP-3157), which spare the server memory; pages if it turns out not to support them."""


class WatchConfig(msgspec.Struct, frozen=True):
    """How `open_watch` behaves. The defaults are suitable for programs that run for months against a real cluster."""

    object_name_log_field: str = "object"
    """The key in log records (`extra=`) for the `namespace/name` of an object."""
    metrics: MetricsConfig | None = None
    """From `Metrics(prefix).instance(name)`; None costs nothing."""
    retry_relist_after: RetryPolicy | None = msgspec.field(default_factory=Adaptive)
    """The pause after a failed list. By default it depends on what failed; a `TimeRange` or a `Backoff` applies to all
    failures. None: the failure ends the watch and `open_watch` raises it."""
    retry_watch_after: RetryPolicy | None = msgspec.field(default_factory=Adaptive)
    """The pause after a failed, broken, silent or short-lived watch. As above."""
    retry_at_start: tuple[type[K8sWatchError], ...] = (TooManyRequests,)
    """Failures that are retried without limit before the first list has succeeded. All others, except 5xx (see `start_limit`),
    are raised by `open_watch` at once. `(NotFound,)` waits for a CustomResourceDefinition, `(K8sWatchError,)` for anything."""
    start_limit: float = 30.0
    """Seconds for which 5xx responses are retried before the first list has succeeded, so that a pod may start at the same time
    as the API server. 0: they are raised at once."""
    watch_timeout: TimeRange = msgspec.field(default_factory=lambda: TimeRange(300, 600))
    """Seconds for which the server is asked to keep a watch open; random, so that many watches do not end together."""
    silence_limit: float | None = None
    """Seconds without any data, bookmarks included, after which a watch counts as dead. None: 130 until the first bookmark of
    a watch, and 75 from then on. The API server sends one about every 60 s, and sometimes omits the first."""
    list_strategy: ListStrategy = ListStrategy.AUTO
    stream_progress_limit: float = 10.0
    """Seconds without progress after which a streaming list is abandoned and pages are read instead."""
    replay_unchanged: bool = False
    """In a relist, call `update` also for objects that did not change, as the Go package `pkg/util/watch` does."""
    clear_when_not_served: bool = False
    """When the resource itself no longer exists (a deleted CustomResourceDefinition), deliver deletions of all objects, instead
    of keeping the last known state."""
    detect_mutation: bool = False
    """For tests: end the watch with RuntimeError when an object of the store was changed in place. Costs a copy of every
    object as bytes; only for types that msgspec can encode."""
    rng: Random = msgspec.field(default_factory=Random)
    """The source of all jitter; seed it to make pauses reproducible."""

    def __post_init__(self) -> None:
        strategies = [strategy.value for strategy in ListStrategy]
        # Without a type checker, the plain string may be passed.
        if self.list_strategy not in {*ListStrategy, *strategies}:
            raise ConfigError(f"WatchConfig(list_strategy={self.list_strategy!r}): use one of {', '.join(strategies)}")
        msgspec.structs.force_setattr(self, "list_strategy", ListStrategy(self.list_strategy))
        for name in ("silence_limit", "stream_progress_limit"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"WatchConfig({name}={value}): needs a positive number of seconds")
        if not self.start_limit >= 0:
            raise ConfigError(f"WatchConfig(start_limit={self.start_limit}): needs a number of seconds, or 0 for none")
        if not (isinstance(self.watch_timeout, TimeRange) and isinstance(self.retry_at_start, tuple)):  # pyright: ignore[reportUnnecessaryIsInstance] - not everyone has a type checker
            raise ConfigError("WatchConfig: watch_timeout is a TimeRange, retry_at_start a tuple of error classes")
        if self.watch_timeout.min_seconds < 1:
            raise ConfigError(f"WatchConfig(watch_timeout={self.watch_timeout}): a watch needs at least one second")
