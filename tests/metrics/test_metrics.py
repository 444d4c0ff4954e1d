"""Metrics: a scrape is text, and counters only go up (semantics.md 1.10, A3, B18, B19, B29)."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as PlainCounter

from trio_k8swatch import HandlerFuncs, ListStrategy, TimeRange, WatchConfig, open_client, open_watch
from trio_k8swatch._errors import ConfigError
from trio_k8swatch._metrics.counters import COUNTERS, Counters, Histogram
from trio_k8swatch._metrics.metrics import Metrics, WatchMetrics
from trio_k8swatch.testing import FakeApiServer


@dataclass
class FakeVitals:
    confirmed_at: float | None = None
    failing: bool = False
    reason: str | None = None


@dataclass
class FakeQueue:
    name: str
    lag: int = 0
    waiting_since: float | None = None


@dataclass
class FakeWatched:
    objects: dict[str, object] = field(default_factory=dict)
    vitals: FakeVitals = field(default_factory=FakeVitals)
    subscriptions: tuple[FakeQueue, ...] = ()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics("agent_watchers", registry, clock=lambda: 1_700_000_000.25)


def scraped(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def rows(registry: CollectorRegistry, *families: str) -> list[str]:
    """The samples of some families, without their common prefix."""
    names = tuple(f"agent_watchers_{family}" for family in families)
    return [line.removeprefix("agent_watchers_") for line in scraped(registry).splitlines() if line.startswith(names)]


def values(registry: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


# The text


EXPECTED_SCRAPE = """\
# HELP agent_watchers_alive_current Watches running, failing ones included
# TYPE agent_watchers_alive_current gauge
agent_watchers_alive_current{watcher_instance="pods"} 1.0
# HELP agent_watchers_client_calls_total Calls to the API server, by method: List, StreamingList or Watch
# TYPE agent_watchers_client_calls_total counter
agent_watchers_client_calls_total{method="List",watcher_instance="pods"} 2.0
agent_watchers_client_calls_total{method="Watch",watcher_instance="pods"} 1.0
# HELP agent_watchers_errors_total Errors, by source: List, Watch, Watch.Event or Watch.State
# TYPE agent_watchers_errors_total counter
agent_watchers_errors_total{source="List",watcher_instance="pods"} 1.0
agent_watchers_errors_total{source="Watch",watcher_instance="pods"} 1.0
agent_watchers_errors_total{source="Watch.Event",watcher_instance="pods"} 1.0
agent_watchers_errors_total{source="Watch.State",watcher_instance="pods"} 1.0
# HELP agent_watchers_events_total Watch events received, by type; ERROR and BOOKMARK are types too
# TYPE agent_watchers_events_total counter
agent_watchers_events_total{type="ADDED",watcher_instance="pods"} 2.0
agent_watchers_events_total{type="BOOKMARK",watcher_instance="pods"} 1.0
agent_watchers_events_total{type="DELETED",watcher_instance="pods"} 1.0
agent_watchers_events_total{type="ERROR",watcher_instance="pods"} 1.0
agent_watchers_events_total{type="MODIFIED",watcher_instance="pods"} 1.0
# HELP agent_watchers_failing_current Watches that failed and have not caught up since
# TYPE agent_watchers_failing_current gauge
agent_watchers_failing_current{watcher_instance="pods"} 0.0
# HELP agent_watchers_failing_reason_current Of those, how many for which reason
# TYPE agent_watchers_failing_reason_current gauge
# HELP agent_watchers_handler_seconds Seconds taken by handlers, for each change or batch of changes
# TYPE agent_watchers_handler_seconds histogram
agent_watchers_handler_seconds_bucket{le="1e-05",watcher_instance="pods"} 0.0
agent_watchers_handler_seconds_bucket{le="0.0001",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="0.001",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="0.01",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="0.1",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="1.0",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="10.0",watcher_instance="pods"} 1.0
agent_watchers_handler_seconds_bucket{le="+Inf",watcher_instance="pods"} 2.0
agent_watchers_handler_seconds_count{watcher_instance="pods"} 2.0
agent_watchers_handler_seconds_sum{watcher_instance="pods"} 20.0001
# HELP agent_watchers_last_event_timestamp_seconds When an object last changed, in seconds since the epoch
# TYPE agent_watchers_last_event_timestamp_seconds gauge
agent_watchers_last_event_timestamp_seconds{watcher_instance="pods"} 1.70000000025e+09
# HELP agent_watchers_list_bytes_total Bytes read from the bodies of lists, decompressed
# TYPE agent_watchers_list_bytes_total counter
agent_watchers_list_bytes_total{watcher_instance="pods"} 4096.0
# HELP agent_watchers_list_duration_seconds Seconds taken by lists, from the first request to the commit
# TYPE agent_watchers_list_duration_seconds histogram
agent_watchers_list_duration_seconds_bucket{le="0.01",watcher_instance="pods"} 0.0
agent_watchers_list_duration_seconds_bucket{le="0.05",watcher_instance="pods"} 1.0
agent_watchers_list_duration_seconds_bucket{le="0.1",watcher_instance="pods"} 1.0
agent_watchers_list_duration_seconds_bucket{le="0.5",watcher_instance="pods"} 1.0
agent_watchers_list_duration_seconds_bucket{le="1.0",watcher_instance="pods"} 1.0
agent_watchers_list_duration_seconds_bucket{le="5.0",watcher_instance="pods"} 1.0
agent_watchers_list_duration_seconds_bucket{le="10.0",watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_bucket{le="30.0",watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_bucket{le="60.0",watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_bucket{le="300.0",watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_bucket{le="+Inf",watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_count{watcher_instance="pods"} 2.0
agent_watchers_list_duration_seconds_sum{watcher_instance="pods"} 6.0625
# HELP agent_watchers_objects Objects held
# TYPE agent_watchers_objects gauge
agent_watchers_objects{watcher_instance="pods"} 2.0
# HELP agent_watchers_relist_requests_total Lists begun because the program asked; requests that share a list count once
# TYPE agent_watchers_relist_requests_total counter
agent_watchers_relist_requests_total{watcher_instance="pods"} 1.0
# HELP agent_watchers_relists_total Lists committed, by reason
# TYPE agent_watchers_relists_total counter
agent_watchers_relists_total{reason="initial",watcher_instance="pods"} 1.0
agent_watchers_relists_total{reason="requested",watcher_instance="pods"} 1.0
# HELP agent_watchers_staleness_seconds Seconds since the server last confirmed the stalest running watch
# TYPE agent_watchers_staleness_seconds gauge
agent_watchers_staleness_seconds{watcher_instance="pods"} 12.0
# HELP agent_watchers_subscriber_lag Changes that wait for the subscriber
# TYPE agent_watchers_subscriber_lag gauge
agent_watchers_subscriber_lag{subscriber="audit",watcher_instance="pods"} 7.0
agent_watchers_subscriber_lag{subscriber="idle",watcher_instance="pods"} 0.0
# HELP agent_watchers_subscriber_oldest_seconds For how long the subscriber has not been done with all changes
# TYPE agent_watchers_subscriber_oldest_seconds gauge
agent_watchers_subscriber_oldest_seconds{subscriber="audit",watcher_instance="pods"} 10.0
agent_watchers_subscriber_oldest_seconds{subscriber="idle",watcher_instance="pods"} 0.0
# HELP agent_watchers_watch_reconnects_total Watch requests that ended with another to follow, by reason
# TYPE agent_watchers_watch_reconnects_total counter
agent_watchers_watch_reconnects_total{reason="closed",watcher_instance="pods"} 1.0
"""


async def test_scrape_is_this_text(autojump_clock: object, registry: CollectorRegistry, metrics: Metrics) -> None:
    """All families of a watch, as text: the names, labels and label values of the Go package among them."""
    now = trio.current_time()
    watch = metrics.instance("pods").watch()
    for method in ("List", "List", "Watch"):
        watch.called(method)
    watch.listed("initial", 0.0625 - 0.0125, 1024)
    watch.begin(
        FakeWatched(
            objects={"a": 1, "b": 2},
            vitals=FakeVitals(confirmed_at=now),
            subscriptions=(FakeQueue("idle"), FakeQueue("audit", 7, now + 2)),
        )
    )
    for type_ in ("ADDED", "MODIFIED", "DELETED", "ADDED", "BOOKMARK", "ERROR"):
        watch.event(type_)
    for source in ("List", "Watch", "Watch.Event", "Watch.State"):
        watch.error(source)
    watch.relist_requested()
    watch.listed("requested", 6.0125, 3072)
    watch.reconnected("closed")
    watch.handled(0.0001)
    watch.handled(20)
    await trio.sleep(12)
    assert scraped(registry) == EXPECTED_SCRAPE


def test_before_any_watch_there_are_no_samples(registry: CollectorRegistry, metrics: Metrics) -> None:
    """The families are announced with help and type, as an empty vector of the Go package is not, and hold nothing."""
    del metrics
    assert values(registry) == {}


def test_no_created_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    """The Go package has none, and a row for each counter that never changes is waste."""
    metrics.instance("pods").watch().called("List")
    assert [line for line in rows(registry, "client_calls") if "created" in line] == []
    assert rows(registry, "client_calls") == ['client_calls_total{method="List",watcher_instance="pods"} 1.0']


def test_unknown_event_types_share_one_label(registry: CollectorRegistry, metrics: Metrics) -> None:
    """What the network sends cannot multiply the series."""
    watch = metrics.instance("pods").watch()
    for number in range(1000):
        watch.event(f"SURPRISE{number}")
    assert rows(registry, "events") == ['events_total{type="UNKNOWN",watcher_instance="pods"} 1000.0']


@pytest.mark.parametrize("type_", ["BOOKMARK", "ERROR", "SURPRISE"])
def test_only_changes_of_objects_are_last_events(registry: CollectorRegistry, metrics: Metrics, type_: str) -> None:
    """A bookmark says that nothing happened."""
    watch = metrics.instance("pods").watch()
    watch.event(type_)
    assert rows(registry, "last_event") == []
    watch.event("MODIFIED")
    assert rows(registry, "last_event") == ['last_event_timestamp_seconds{watcher_instance="pods"} 1.70000000025e+09']


# A real watch


def pod(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "example"}]},
    }


STALENESS = ("agent_watchers_staleness_seconds", (("watcher_instance", "pods"),))
SEED_ROWS = ("alive_current", "client_calls", "errors", "events", "failing_current", "relist_requests")
SEED_ROWS_AT_THE_END = [
    'alive_current{watcher_instance="pods"} 1.0',
    # The first and the one asked for.
    'client_calls_total{method="List",watcher_instance="pods"} 2.0',
    # After each list, after the server closed one, and after it refused that.
    'client_calls_total{method="Watch",watcher_instance="pods"} 4.0',
    'errors_total{source="Watch",watcher_instance="pods"} 1.0',
    'events_total{type="ADDED",watcher_instance="pods"} 1.0',
    'events_total{type="DELETED",watcher_instance="pods"} 1.0',
    'events_total{type="MODIFIED",watcher_instance="pods"} 1.0',
    'failing_current{watcher_instance="pods"} 0.0',
    'relist_requests_total{watcher_instance="pods"} 1.0',
]


async def test_a_watch_reports_itself(autojump_clock: object, registry: CollectorRegistry, metrics: Metrics) -> None:
    """The six collectors of the Go package and those beside them, through a life with a relist and an outage."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    config = WatchConfig(metrics=metrics.instance("pods"), retry_watch_after=TimeRange(5, 5))
    handlers = HandlerFuncs(add=lambda *_: None)
    async with open_client(transport=fake.transport()) as client:
        pods = client.resource("v1", "pods")
        async with open_watch(pods, config=config, handlers=handlers) as store:
            fake.create(pod("b"))
            fake.patch("pods", "b", {"metadata": {"labels": {"x": "y"}}}, namespace="default")
            fake.delete("pods", "b", namespace="default")
            await trio.sleep(1)
            await store.relist()
            async with store.subscribe(name="audit"):
                await trio.sleep(2)
                assert rows(registry, "objects", "subscriber", "relists", "watch_reconnects", "staleness") == [
                    'objects{watcher_instance="pods"} 1.0',
                    'relists_total{reason="initial",watcher_instance="pods"} 1.0',
                    'relists_total{reason="requested",watcher_instance="pods"} 1.0',
                    'staleness_seconds{watcher_instance="pods"} 2.0',
                    'subscriber_lag{subscriber="audit",watcher_instance="pods"} 1.0',
                    'subscriber_oldest_seconds{subscriber="audit",watcher_instance="pods"} 2.0',
                    'watch_reconnects_total{reason="requested",watcher_instance="pods"} 1.0',
                ]
            with fake.faults.unavailable(on="watch", times=1), fake.faults.close_watch():
                await trio.sleep(4)
                assert rows(registry, "failing") == [
                    'failing_current{watcher_instance="pods"} 1.0',
                    'failing_reason_current{reason="unavailable",watcher_instance="pods"} 1.0',
                ]
            await trio.sleep(10)
            assert rows(registry, *SEED_ROWS) == SEED_ROWS_AT_THE_END
            assert store.health.staleness == values(registry)[STALENESS]
    assert rows(registry, "alive", "failing", "objects") == [
        'alive_current{watcher_instance="pods"} 0.0',
        'failing_current{watcher_instance="pods"} 0.0',
    ]


# Alive and failing


async def test_failing_appears_as_zero_once_the_watch_begins(registry: CollectorRegistry, metrics: Metrics) -> None:
    """A dashboard sees "not failing", not "no data"."""
    watch = metrics.instance("pods").watch()
    assert rows(registry, "alive", "failing") == []
    watch.begin(FakeWatched())
    assert rows(registry, "alive", "failing") == [
        'alive_current{watcher_instance="pods"} 1.0',
        'failing_current{watcher_instance="pods"} 0.0',
    ]


def test_stuck_before_it_begins_is_visible(registry: CollectorRegistry, metrics: Metrics) -> None:
    """B19: a watch that retries its first list is failing and not alive."""
    metrics.instance("pods").watch().failing(True)
    assert rows(registry, "alive", "failing") == [
        'alive_current{watcher_instance="pods"} 0.0',
        'failing_current{watcher_instance="pods"} 1.0',
    ]


async def test_failing_is_a_bit_of_each_watch(registry: CollectorRegistry, metrics: Metrics) -> None:
    """A3: failing thrice is failing once, and one watch's recovery is not another's."""
    one, two = metrics.instance("pods").watch(), metrics.instance("pods").watch()
    one.begin(FakeWatched())
    two.begin(FakeWatched())
    for _ in range(3):
        one.failing(True)
    two.failing(True)
    assert rows(registry, "failing") == ['failing_current{watcher_instance="pods"} 2.0']
    two.failing(False)
    two.failing(False)
    assert rows(registry, "failing") == ['failing_current{watcher_instance="pods"} 1.0']


async def test_the_end_leaves_counts_and_zeros(registry: CollectorRegistry, metrics: Metrics) -> None:
    """B27: a watch that ends while it fails is neither alive nor failing, and holds nothing."""
    watch = metrics.instance("pods").watch()
    watch.begin(FakeWatched(objects={"a": 1}, subscriptions=(FakeQueue("audit"),)))
    watch.event("ADDED")
    watch.failing(True)
    watch.end()
    watch.end()
    assert rows(registry, "alive", "failing", "events", "objects", "staleness", "subscriber") == [
        'alive_current{watcher_instance="pods"} 0.0',
        'events_total{type="ADDED",watcher_instance="pods"} 1.0',
        'failing_current{watcher_instance="pods"} 0.0',
    ]


def test_a_watch_that_never_began_can_end(registry: CollectorRegistry, metrics: Metrics) -> None:
    """What it counted until then stays."""
    watch = metrics.instance("pods").watch()
    watch.error("List")
    watch.end()
    assert rows(registry, "alive", "errors") == ['errors_total{source="List",watcher_instance="pods"} 1.0']


# Adding up


async def test_two_watches_of_one_name_add_up(autojump_clock: object, registry: CollectorRegistry) -> None:
    """Counts, objects and lags are sums; staleness and age are the worst, the last event is the newest."""
    times = iter([50.0, 40.0])
    metrics = Metrics("agent_watchers", registry, clock=lambda: next(times))
    now = trio.current_time()
    for seconds, lag in ((5, 1), (1, 2)):
        watch = metrics.instance("pods").watch()
        watch.begin(
            FakeWatched(
                objects=dict.fromkeys("abc"),
                vitals=FakeVitals(now - seconds),
                subscriptions=(FakeQueue("audit", lag, now - lag),),
            )
        )
        watch.event("ADDED")
        watch.listed("initial", 1, 10)
    assert rows(registry, "alive", "events", "objects", "last", "list_bytes", "stal", "subscriber") == [
        'alive_current{watcher_instance="pods"} 2.0',
        'events_total{type="ADDED",watcher_instance="pods"} 2.0',
        'last_event_timestamp_seconds{watcher_instance="pods"} 50.0',
        'list_bytes_total{watcher_instance="pods"} 20.0',
        'objects{watcher_instance="pods"} 6.0',
        'staleness_seconds{watcher_instance="pods"} 5.0',
        'subscriber_lag{subscriber="audit",watcher_instance="pods"} 3.0',
        'subscriber_oldest_seconds{subscriber="audit",watcher_instance="pods"} 2.0',
    ]
    assert 'list_duration_seconds_sum{watcher_instance="pods"} 2.0' in rows(registry, "list_duration")


async def test_two_names_are_two_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    """In the order of their names, so that two scrapes can be compared."""
    for name in ("pods", "nodes"):
        metrics.instance(name).watch().begin(FakeWatched())
    assert rows(registry, "alive") == [
        'alive_current{watcher_instance="nodes"} 1.0',
        'alive_current{watcher_instance="pods"} 1.0',
    ]


async def test_never_confirmed_is_infinitely_stale(registry: CollectorRegistry, metrics: Metrics) -> None:
    """As in `Health`."""
    metrics.instance("pods").watch().begin(FakeWatched())
    assert rows(registry, "staleness") == ['staleness_seconds{watcher_instance="pods"} +Inf']


# Registration


def test_a_prefix_twice_says_what_to_do(registry: CollectorRegistry, metrics: Metrics) -> None:
    """One line with the way out, and the first one goes on working."""
    with pytest.raises(ConfigError) as caught:
        Metrics("agent_watchers", registry)
    assert str(caught.value) == (
        "the registry has metrics named agent_watchers_… already: make one Metrics('agent_watchers') and share it,"
        " or choose another prefix or another registry"
    )
    metrics.instance("pods").watch().called("List")
    assert len(rows(registry, "client_calls")) == 1


def test_a_name_that_someone_else_took_is_noticed(registry: CollectorRegistry) -> None:
    """Also when it is a single metric of another library."""
    PlainCounter("other_events", "of another library", registry=registry)
    with pytest.raises(ConfigError, match="named other_… already"):
        Metrics("other", registry)


def test_two_prefixes_and_two_registries_live_side_by_side(registry: CollectorRegistry, metrics: Metrics) -> None:
    """The same prefix may be used in another registry, and another prefix in the same."""
    del metrics
    Metrics("scheduler", registry).instance("pods").watch().called("List")
    Metrics("agent_watchers", CollectorRegistry()).instance("pods").watch().called("List")
    assert len(values(registry)) == len([key for key in values(registry) if key[0].startswith("scheduler_")])


def test_unregistered_metrics_make_room(registry: CollectorRegistry, metrics: Metrics) -> None:
    """All names are given back, so a program may begin anew."""
    registry.unregister(metrics)
    Metrics("agent_watchers", registry)


@pytest.mark.parametrize("prefix", ["", "my-agent", "1st", "agent watchers", "agent\n"])
def test_a_prefix_must_be_a_name(registry: CollectorRegistry, prefix: str) -> None:
    """Refused where it is given, not at the first scrape."""
    with pytest.raises(ConfigError, match="metrics cannot begin with"):
        Metrics(prefix, registry)


def test_reporting_to_nobody() -> None:
    """B29: without metrics every call is there and does nothing."""
    nobody = WatchMetrics()
    nobody.begin(FakeWatched())
    nobody.called("List")
    nobody.relist_requested()
    nobody.event("ADDED")
    nobody.error("List")
    nobody.failing(True)
    nobody.listed("initial", 1, 1)
    nobody.reconnected("closed")
    nobody.handled(1)
    nobody.end()
    assert vars(nobody) == {}
    assert not nobody.counts


def test_somebody_wants_handlers_timed(metrics: Metrics) -> None:
    """Only then the watch reads the clock around them."""
    assert metrics.instance("pods").watch().counts


# Threads


async def test_scrapes_from_threads_while_watches_count(
    registry: CollectorRegistry, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrapes from other threads see every counter go up only, while watches come, count new labels, and go."""
    add = Counters.add

    def slow_add(mine: Counters, other: Counters) -> None:
        time.sleep(0.0005)  # opens wide the moment in which an ending watch is counted nowhere, or twice
        add(mine, other)

    monkeypatch.setattr(Counters, "add", slow_add)
    interval = sys.getswitchinterval()
    done = threading.Event()
    failures: list[object] = []
    scrapes = 0

    def scrape() -> None:
        nonlocal scrapes
        before: dict[object, float] = {}
        while not done.is_set():
            now = {key: value for key, value in values(registry).items() if is_counter(key[0])}
            failures.extend(key for key in before if now.get(key, -1.0) < before[key])
            before = now
            scrapes += 1

    threads = [threading.Thread(target=scrape) for _ in range(2)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for number in range(100):
            watch = metrics.instance("pods").watch()
            watched = FakeWatched()
            watch.begin(watched)
            watch.listed(f"reason {number}", 1, 10)
            for count in range(20):
                watch.event("ADDED")
                watch.handled(0.5)
                watched.objects[str(count)] = count
                watched.subscriptions = (*watched.subscriptions, FakeQueue(str(count)))
            watch.end()
    finally:
        done.set()
        for thread in threads:
            await trio.to_thread.run_sync(thread.join)
        sys.setswitchinterval(interval)
    assert failures == []
    assert scrapes > 2
    assert rows(registry, "events") == ['events_total{type="ADDED",watcher_instance="pods"} 2000.0']


def test_watches_in_several_threads_lose_no_count(registry: CollectorRegistry, metrics: Metrics) -> None:
    """Each counts for itself, without a lock; they meet in the scrape."""

    def count() -> None:
        watch = metrics.instance("pods").watch()
        for _ in range(20_000):
            watch.event("ADDED")
        watch.end()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert rows(registry, "events") == ['events_total{type="ADDED",watcher_instance="pods"} 80000.0']


# Properties


def is_counter(name: str) -> bool:
    return name.endswith(("_total", "_bucket", "_count", "_sum"))


ACTIONS = {
    "call": lambda watch: watch.called("List"),
    "event": lambda watch: watch.event("ADDED"),
    "odd event": lambda watch: watch.event("ODD"),
    "error": lambda watch: watch.error("Watch"),
    "list": lambda watch: watch.listed("expired", 2.5, 100),
    "relist": lambda watch: watch.relist_requested(),
    "reconnect": lambda watch: watch.reconnected("closed"),
    "handle": lambda watch: watch.handled(0.003),
    "fail": lambda watch: watch.failing(True),
    "recover": lambda watch: watch.failing(False),
    "end": lambda watch: watch.end(),
}


@given(st.lists(st.tuples(st.sampled_from(["pods", "nodes"]), st.integers(0, 2), st.sampled_from(sorted(ACTIONS)))))
def test_counters_only_go_up(steps: list[tuple[str, int, str]]) -> None:
    """Whatever watches of one or more names do, end and begin again: no counter falls or goes away, none is lost."""
    registry = CollectorRegistry()
    metrics = Metrics("agent_watchers", registry)
    watches: dict[tuple[str, int], WatchMetrics] = {}
    done: Counter[tuple[str, str]] = Counter()
    before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for name, number, action in steps:
        if (name, number) not in watches:
            watches[name, number] = metrics.watch(name)
        ACTIONS[action](watches[name, number])
        if action == "end":
            del watches[name, number]
        done[name, action] += 1
        now = {key: value for key, value in values(registry).items() if is_counter(key[0])}
        assert all(now[key] >= value for key, value in before.items())
        before = now
    for name in ("pods", "nodes"):
        instance = ("watcher_instance", name)
        for action, key in (
            ("event", ("agent_watchers_events_total", (("type", "ADDED"), instance))),
            ("list", ("agent_watchers_relists_total", (("reason", "expired"), instance))),
            ("handle", ("agent_watchers_handler_seconds_count", (instance,))),
        ):
            assert before.get(key, 0.0) == done[name, action]


@given(st.lists(st.floats(0, 1000)), st.lists(st.floats(0, 1000)))
def test_histograms_agree_with_counting(one: list[float], two: list[float]) -> None:
    """A bucket holds what is at most its bound; two histograms together are the histogram of both."""
    bounds = (0.1, 1.0, 10.0)
    parts = (Histogram(bounds), Histogram(bounds))
    for part, seen in zip(parts, (one, two), strict=True):
        for value in seen:
            part.observe(value)
    together = Histogram(bounds)
    for part in parts:
        together.add(part)
    seen = one + two
    assert together.buckets() == [
        *((str(bound), sum(value <= bound for value in seen)) for bound in bounds),
        ("+Inf", len(seen)),
    ]
    assert together.total == pytest.approx(sum(seen))


def test_every_counter_has_help(metrics: Metrics) -> None:
    """What is tallied is what is shown."""
    described = {
        family.name.removeprefix("agent_watchers_") for family in metrics.describe() if family.type == "counter"
    }
    assert described == set(COUNTERS)


def test_R19_names_of_ended_watches_are_bounded_and_nothing_counted_is_lost() -> None:
    """A program that names watches after tenants would grow with each of them; sums over all names never go down."""
    registry = CollectorRegistry()
    metrics = Metrics("x", registry)

    def samples() -> dict[str, float]:
        return {
            sample.labels["watcher_instance"]: sample.value
            for family in metrics.collect()
            for sample in family.samples
            if sample.name == "x_client_calls_total"
        }

    running = metrics.watch("running")
    running.called("List")
    total = 1.0
    for n in range(500):
        watch = metrics.watch(f"tenant-{n}")
        watch.called("List")
        total += 1
        watch.end()
        watch.end()
        if n % 50 == 0:
            assert sum(samples().values()) == total
    shown = samples()
    assert sum(shown.values()) == total
    assert len(shown) == 102
    assert shown["forgotten"] == 400
    assert shown["running"] == shown["tenant-499"] == shown["tenant-400"] == 1
    assert "tenant-399" not in shown
    again = metrics.watch("tenant-400")
    again.called("List")
    metrics.watch("one more").end()
    assert samples()["tenant-400"] == 2, "a name that is used again goes on from where it was"


def test_R19_a_watch_may_be_called_as_those_that_were_forgotten() -> None:
    """Then it adds to them."""
    metrics = Metrics("x", CollectorRegistry())
    watch = metrics.watch("forgotten")
    watch.called("List")
    for n in range(102):
        other = metrics.watch(str(n))
        other.called("List")
        other.end()
    watch.end()
    found = [
        sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.name == "x_client_calls_total" and sample.labels["watcher_instance"] == "forgotten"
    ]
    assert found == [3]


@pytest.mark.parametrize("transform", [None, lambda obj: obj])
async def test_R25_a_streaming_list_is_counted_as_what_it_is(
    transform: Any, autojump_clock: object, registry: CollectorRegistry, metrics: Metrics
) -> None:
    """As a request of its own method, and with the bytes that it took up to its end, not those of the watch behind it."""
    fake = FakeApiServer()
    for number in range(20):
        fake.create(pod(f"pod-{number}"))
    config = WatchConfig(metrics=metrics.instance("pods"), list_strategy=ListStrategy.STREAM)
    async with open_client(transport=fake.transport()) as client:
        pods = client.resource("v1", "pods")
        async with open_watch(pods, config=config, transform=transform) as store:
            [listed] = rows(registry, "list_bytes")
            assert rows(registry, "client_calls") == [
                'client_calls_total{method="StreamingList",watcher_instance="pods"} 1.0'
            ]
            least = sum(len(obj.raw) for obj in store)
            assert least < float(listed.split()[-1]) < 2 * least
            fake.create(pod("another"))
            await store.wait_until(lambda s: len(s) == 21)
            assert rows(registry, "list_bytes") == [listed]
