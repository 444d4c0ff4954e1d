"""A long life in short: many events, many broken connections, random faults, and what memory has to say about it."""

from __future__ import annotations

import gc
import random
import tracemalloc
from dataclasses import dataclass, field

import trio
import trio.testing
from faults.harness import Cluster, Longest, Watched, cluster, pod
from soak.memory import growth_of, run_traced

from trio_k8swatch import WatchConfig
from trio_k8swatch.testing import FakeApiServer

OBJECTS = 200
EVENTS_A_STEP = 10
STEP_SECONDS = 30.0
KEPT_ATTEMPTS = 50
FAULTS = (
    "close_watch", "cut_watch", "cut_line", "half_open", "reset", "gone", "error_event", "garbage", "too_many_requests",
    "unauthorized", "server_error", "cut_connections", "restart", "forget_history", "hang", "expired_list",
)  # fmt: skip


@dataclass
class Figures:
    """What a soak has seen. Memory is what Python holds, in bytes, after a collection, at equal distances."""

    events: int = 0
    reconnects: int = 0
    lists: int = 0
    virtual_hours: float = 0.0
    memory: list[int] = field(default_factory=list)
    last_number: int = -1

    @property
    def growth(self) -> float:
        """The last third of the measurements against the first after the warm-up, as a factor."""
        return growth_of(self.memory)


def soak(*, events: int, reconnects: int, samples: int = 30, seed: int = 102) -> Figures:
    """That many events at least, spread over that many breaks of the watch, in virtual time."""
    figures = Figures()
    run_traced(_soak, figures, events, reconnects, samples, seed)
    return figures


async def _soak(figures: Figures, events: int, reconnects: int, samples: int, seed: int) -> None:
    rng = random.Random(seed)
    # A short memory of the server's own, and a log that is forgotten: it is the client that is weighed.
    fake = FakeApiServer(seed=seed, history_limit=200)
    for n in range(OBJECTS):
        fake.create(pod(f"pod-{n:03}"))
    async with cluster(fake) as it:
        async with it.watch(config=WatchConfig(rng=Longest(seed)), inspect_every=60.0) as w:
            steps = events // EVENTS_A_STEP
            for step in range(steps):
                if step % max(1, steps // samples) == 0:
                    await _weigh(figures, it, w)
                for _ in range(EVENTS_A_STEP):
                    _change(fake, rng)
                if figures.reconnects < reconnects and rng.random() < 1.1 * reconnects / steps:
                    fake.faults.draw(*FAULTS)
                    fake.faults.close_connections()
                    figures.reconnects += 1
                await trio.sleep(rng.uniform(0, STEP_SECONDS))
            fake.faults.clear()
            await w.settled(within=2500)
            await _weigh(figures, it, w)
            figures.virtual_hours = trio.current_time() / 3600


def _change(fake: FakeApiServer, rng: random.Random) -> None:
    name = f"pod-{rng.randrange(OBJECTS):03}"
    there = fake.get("pods", name) is not None
    if not there:
        fake.create(pod(name, rng.choice(["web", "db"])))
    elif rng.random() < 0.1:
        fake.delete("pods", name)
    else:
        fake.patch("pods", name, {"status": {"phase": f"phase-{rng.randrange(1000)}"}})


async def _weigh(figures: Figures, it: Cluster, w: Watched) -> None:
    attempts = w.witness.attempts
    figures.events += sum(attempt.events for attempt in attempts)
    figures.lists += sum(attempt.is_list for attempt in attempts if attempt.number > figures.last_number)
    figures.last_number = attempts[-1].number
    w.witness.check_pace(w.curve, relists=0)
    # What the harness has written down is not the library's memory; the newest is needed to judge what follows.
    for attempt in attempts:
        attempt.events = 0
    del attempts[:-KEPT_ATTEMPTS]
    w.book.told.clear()
    calls = [call for call in it.fake.requests if call.ended is None and call.status is not None]
    it.fake.requests.clear()
    for call in calls:
        it.fake.requests.append(call)
    gc.collect()
    figures.memory.append(tracemalloc.get_traced_memory()[0])
