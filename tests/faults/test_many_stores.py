"""F101: forty stores on one client, and an API server that rolls."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from faults.harness import Cluster, cluster, pod

from trio_k8swatch import WatchConfig


@asynccontextmanager
async def forty_stores(seconds: float) -> AsyncGenerator[Cluster]:
    """A cluster of ten pods, and forty stores of them, up for half a minute; they stay for `seconds` in all."""
    async with cluster() as it:
        for n in range(10):
            it.fake.create(pod(f"pod-{n}"))

        async def one(number: int, task_status) -> None:
            config = WatchConfig(rng=random.Random(number))
            async with it.watch(config=config, inspect_every=10):
                task_status.started()
                await trio.sleep(seconds)

        async with trio.open_nursery() as nursery:
            for number in range(40):
                await nursery.start(one, number)
            await trio.sleep(30)
            yield it


async def test_F101_the_api_server_rolls(autojump_clock):
    """40 stores lose their connections at once: they resume spread over time, and none of them lists."""
    async with forty_stores(400) as it:
        before = it.fake.now
        it.fake.faults.cut_connections("eof")
        it.fake.faults.outage(5.0)
        it.fake.create(pod("meanwhile"))
        await trio.sleep(60)
        calls = it.fake.requests.of(since=before)
        assert not [c for c in calls if c.verb == "list"]
        histogram: dict[int, int] = {}
        for call in calls:
            histogram[int((call.time - before) * 10)] = histogram.get(int((call.time - before) * 10), 0) + 1
        assert max(histogram.values()) <= 16, f"{max(histogram.values())} requests in a tenth of a second"
        it.fake.faults.roll(servers=3, seconds_between=30)
        await trio.sleep(200)
        assert not it.fake.requests.of("list", since=before)


async def test_F101_the_api_server_rolls_and_forgets(autojump_clock):
    """If history is lost as well, all 40 list, once each, and not at the same time."""
    async with forty_stores(200) as it:
        before = it.fake.now
        it.fake.create(pod("meanwhile"))
        it.fake.faults.restart(seconds=5.0, clean=False)
        it.fake.compact()
        await trio.sleep(100)
        lists = it.fake.requests.of("list", since=before)
        assert len([c for c in lists if c.status == 200]) <= 40
        times = sorted(c.time for c in lists)
        if times:
            assert times[-1] - times[0] > 0.5
