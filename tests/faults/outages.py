"""One outage in virtual time: some watches of one client, a server that goes away and comes back, and what that cost."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any, Literal

import trio
import trio.testing
from faults.harness import by_key, pod

from trio_k8swatch import HandlerFuncs, Store, WatchConfig, open_client, open_watch
from trio_k8swatch._object_meta import key_of, metadata_of
from trio_k8swatch.testing import FakeApiServer

Kind = Literal["refused", "silent", "unavailable", "forgetful"]

WARM_SECONDS = 30.0
AFTER_SECONDS = 40.0
WORST_SECONDS = 5.0
BURST = 12
SECONDS_FOR_EACH = 1.5
"""The least pause between two attempts, once they have grown to three seconds with half of that as jitter."""


@dataclass(frozen=True)
class Outage:
    """What happens. `kind`: connections are refused; headers never come; every watch gets 503; or refused, and the server
    has lost its history when it is back."""

    watches: int
    seconds: float
    seed: int
    kind: Kind = "refused"


@dataclass
class Course:
    """What was seen."""

    outage: Outage
    lags: list[float] = field(default_factory=list)
    """Of each watch, from the server's return until its handler was told of something written at that moment."""
    during: int = 0
    """Requests in the outage."""
    lists: int = 0
    """After its beginning."""
    most_lists_at_once: int = 0

    @property
    def worst(self) -> float:
        return max(self.lags)

    @property
    def middle(self) -> float:
        return median(self.lags)

    def check(self) -> None:
        """Hold it to the bars of docs/explanation/recovery."""
        outage = self.outage
        assert len(self.lags) == outage.watches, f"{outage}: {outage.watches - len(self.lags)} never came back"
        assert self.worst <= WORST_SECONDS, f"{outage}: back after {self.worst:.1f} s"
        budget = BURST + outage.seconds / SECONDS_FOR_EACH
        if outage.kind == "unavailable":
            budget *= outage.watches
        assert self.during <= budget, f"{outage}: {self.during} requests in the outage"
        assert self.most_lists_at_once <= 4
        assert self.lists == (outage.watches if outage.kind == "forgetful" else 0), f"{outage}: {self.lists} lists"


class Watcher:
    """One watch, and what its handlers are told."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.told_at: dict[str, float] = {}
        self.store: Store[Any] | None = None

    def add(self, obj: Any, preexisting: bool) -> None:
        meta = metadata_of(obj)
        self.told_at[meta.name] = trio.current_time()
        if not preexisting:
            self.versions.append(int(meta.resource_version or 0))


def run(outage: Outage) -> Course:
    """The whole course, in no time."""
    return trio.run(_run, outage, clock=trio.testing.MockClock(autojump_threshold=0))


async def _run(outage: Outage) -> Course:
    fake, rng = FakeApiServer(seed=outage.seed), Random(outage.seed)
    for number in range(3):
        fake.create(pod(f"before-{number}"))
    watchers = [Watcher() for _ in range(outage.watches)]
    async with AsyncExitStack() as stack:
        url = "https://kubernetes.test"
        client = await stack.enter_async_context(
            open_client(transport=fake.transport(), base_url=url, rng=Random(rng.random()))
        )
        pods = client.resource("v1", "pods")
        for watcher in watchers:
            watcher.store = await stack.enter_async_context(
                open_watch(pods, handlers=HandlerFuncs(add=watcher.add), config=WatchConfig(rng=Random(rng.random())))
            )
        await trio.sleep(WARM_SECONDS + rng.random() * 60)
        return await _course(fake, rng, outage, watchers)


async def _course(fake: FakeApiServer, rng: Random, outage: Outage, watchers: list[Watcher]) -> Course:
    began, course = fake.now, Course(outage)
    faults = fake.faults
    if outage.kind == "silent":
        fault = faults.hang(math.inf, times=None)
    elif outage.kind == "unavailable":
        fault = faults.status(503, on="watch", times=None)
    else:
        fault = faults.refuse()
    faults.cut_connections("eof" if rng.random() < 0.5 else "reset")
    for number in range(5):
        await trio.sleep(outage.seconds / 5)
        fake.create(pod(f"during-{number}"))
    fault.remove()
    if outage.kind == "forgetful":
        fake.compact()
    course.during = len(fake.requests.of(since=began))
    healed = trio.current_time()
    fake.create(pod("healed"))
    await trio.sleep(AFTER_SECONDS)
    fake.create(pod("later"))
    await trio.sleep(1.0)
    course.lags = [w.told_at["healed"] - healed for w in watchers if "healed" in w.told_at]
    lists = fake.requests.of("list", since=began)
    course.lists = len(lists)
    course.most_lists_at_once = _at_once(lists)
    for watcher in watchers:
        _check(fake, watcher, in_order=outage.kind != "forgetful")
    return course


def _check(fake: FakeApiServer, watcher: Watcher, *, in_order: bool) -> None:
    """Nothing is lost, nothing is told twice, and what a watch brings is told in its order."""
    assert watcher.store is not None
    ours = {key_of(metadata_of(obj)): metadata_of(obj).resource_version for obj in watcher.store.items()}
    theirs = {key: obj["metadata"]["resourceVersion"] for key, obj in by_key(fake.objects("pods")).items()}
    assert ours == theirs
    assert len(watcher.versions) == len(set(watcher.versions)) == 7
    assert not in_order or watcher.versions == sorted(watcher.versions)


def _at_once(calls: list[Any]) -> int:
    edges = sorted([(c.time, 1) for c in calls] + [(c.ended if c.ended is not None else c.time, -1) for c in calls])
    most = now = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most
