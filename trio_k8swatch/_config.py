"""What can be chosen about a watch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from random import Random

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
    """Streaming lists where the server says that it is Kubernetes 1.34 or later, pages otherwise. Only a cluster that was
    found as kubectl finds it is asked; for a server named by `base_url`, and in tests, it means pages."""
    PAGES = "pages"
    """Always pages of `ListOptions.page_size`."""
    STREAM = "stream"
    """Streaming lists (KEP-3157); pages once the server has shown that it cannot."""


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """How `open_watch` behaves. Every field has a default that is right for months against a real cluster."""

    object_name_log_field: str = "object"
    """The key in log records (`extra=`) under which `namespace/name` of an object stands."""
    metrics: MetricsConfig | None = None
    """From `Metrics(prefix).instance(name)`; None costs nothing."""
    retry_relist_after: RetryPolicy | None = field(default_factory=Adaptive)
    """The pause after a failed list: by default as long as what failed asks for, with a `TimeRange` or a `Backoff` that,
    whatever failed. None: the failure ends the watch and `open_watch` raises it."""
    retry_watch_after: RetryPolicy | None = field(default_factory=Adaptive)
    """The pause after a failed, broken, silent or short-lived watch. As above."""
    retry_at_start: tuple[type[K8sWatchError], ...] = (TooManyRequests,)
    """Which failures to sit out for as long as they last before the first list has succeeded; any other but 5xx (see
    `start_limit`) comes out of `open_watch` at once. `(NotFound,)` waits for a CustomResourceDefinition,
    `(K8sWatchError,)` for anything."""
    start_limit: float = 30.0
    """For how many seconds a server that answers 5xx is tried again before the first list has succeeded, so that a pod that
    starts while the API server does is not in vain. 0: not at all."""
    watch_timeout: TimeRange = field(default_factory=lambda: TimeRange(300, 600))
    """For how many seconds the server is asked to keep a watch open; random, so that many watches do not end together."""
    silence_limit: float | None = None
    """Seconds without a byte, bookmarks included, after which a watch is taken for dead. None: 130 until a watch has brought
    its first bookmark, and 75 from then on. The API server sends one about every 60 s, and leaves out the first now and
    then."""
    list_strategy: ListStrategy = ListStrategy.AUTO
    stream_progress_limit: float = 10.0
    """Seconds that a streaming list may stand still before pages are read instead."""
    replay_unchanged: bool = False
    """Call `update` in a relist for objects that did not change, too, as the Go package `pkg/util/watch` does."""
    clear_when_not_served: bool = False
    """When the resource itself is gone (a deleted CustomResourceDefinition): deliver deletions for everything, instead of
    keeping the last known state."""
    detect_mutation: bool = False
    """For tests: end the watch with RuntimeError when an object of the store was changed in place. Costs a copy of every
    object as bytes; only for types that msgspec can encode."""
    rng: Random = field(default_factory=Random)
    """Where all jitter comes from; give it a seed and the watch repeats itself."""

    def __post_init__(self) -> None:
        strategies = [strategy.value for strategy in ListStrategy]
        # Who comes without a type checker may write the word.
        if self.list_strategy not in {*ListStrategy, *strategies}:
            raise ConfigError(f"WatchConfig(list_strategy={self.list_strategy!r}): use one of {', '.join(strategies)}")
        object.__setattr__(self, "list_strategy", ListStrategy(self.list_strategy))
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
