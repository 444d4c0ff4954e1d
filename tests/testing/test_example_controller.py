"""The example of the how-to, led through what a year of production has in store, in less than a second."""

import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from trio_k8swatch import TimeRange, WatchConfig, open_client
from trio_k8swatch.testing.assertions import assert_calls, assert_nothing_open, assert_paced
from trio_k8swatch.testing.builders import node, pod

sys.path.append(str(Path(__file__).parents[2] / "examples"))

from controller_under_test import DEFAULT, RETRY_SECONDS, ZONE, label_pods


@pytest.fixture
def fake(fake_apiserver):
    for number, zone in enumerate("abc"):
        fake_apiserver.create(node(f"node-{zone}", labels={ZONE: zone}))
        fake_apiserver.create(pod(f"pod-{number}", node=f"node-{zone}"))
    return fake_apiserver


@asynccontextmanager
async def controller(fake, config=DEFAULT):
    """The controller at work for as long as the block lasts."""
    async with (
        open_client(base_url="http://fake", transport=fake.transport()) as client,
        httpx.AsyncClient(base_url="http://fake", transport=fake.transport()) as http,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(label_pods, client, http, config)
        yield
        nursery.cancel_scope.cancel()


def zones(fake):
    return [one["metadata"].get("labels", {}).get(ZONE) for one in fake.objects("pods")]


async def test_every_pod_gets_the_zone_of_its_node(fake, autojump_clock):
    """Those that are there, those that come, and those whose node moves."""
    async with controller(fake):
        await trio.sleep(1)
        assert zones(fake) == ["a", "b", "c"]

        fake.create(pod("pod-3", node="node-a"))
        fake.patch("nodes", "node-b", {"metadata": {"labels": {ZONE: "z"}}})
        await trio.sleep(1)
        assert zones(fake) == ["a", "z", "c", "a"]

    assert_calls(fake, "patch", "pods", times=5)
    assert_nothing_open(fake)


async def test_an_outage(fake, autojump_clock):
    """It waits, asks at a decent pace, and makes up for what it missed."""
    async with controller(fake):
        await trio.sleep(1)
        down = fake.now
        fake.faults.cut_connections()
        fake.faults.outage(seconds=600)
        fake.create(pod("pod-3", node="node-b"))
        await trio.sleep(700)
        assert zones(fake) == ["a", "b", "c", "b"]

    assert_calls(fake, "watch", "pods", at_most=375, since=down)
    assert_calls(fake, "list", "pods", times=1)


async def test_writes_that_fail(fake, autojump_clock):
    """A write is tried again, not at once, until it succeeds."""
    fake.faults.status(503, on="write", times=3)
    async with controller(fake):
        await trio.sleep(60)
        assert zones(fake) == ["a", "b", "c"]

    calls = assert_calls(fake, "patch", "pods", times=6)
    assert calls.times[-1] >= RETRY_SECONDS


async def test_an_expired_history(fake, autojump_clock):
    """What happened while nobody listened is found by a list."""
    async with controller(fake):
        await trio.sleep(1)
        fake.faults.outage(seconds=30)
        fake.faults.cut_connections()
        fake.delete("pods", "pod-0")
        fake.create(pod("pod-9", node="node-c"))
        fake.faults.forget_history()
        await trio.sleep(120)
        assert zones(fake) == ["b", "c", "c"]

    assert_calls(fake, "list", "pods", times=2)


async def test_a_rolled_api_server(fake, autojump_clock):
    """All connections are cut three times; nothing is listed again, nothing is lost."""
    async with controller(fake):
        await trio.sleep(1)
        fake.faults.roll(servers=3, seconds_between=30)
        for number in range(3, 12):
            fake.create(pod(f"pod-{number}", node="node-a"))
            await trio.sleep(10)
        await trio.sleep(60)
        assert None not in zones(fake)

    assert_calls(fake, "list", "pods", times=1)


async def test_ten_days_of_bad_weather(autojump_clock):
    """Whatever comes, in whatever order: in the end every pod is right, and nobody was hurried."""
    from trio_k8swatch.testing import FakeApiServer

    # A bookmark a minute is most of what ten quiet days consist of; with one an hour they pass in a second.
    fake = FakeApiServer(seed=1, bookmark_seconds=3600)
    config = WatchConfig(watch_timeout=TimeRange(3600, 7200), silence_limit=4000)
    for zone in "abc":
        fake.create(node(f"node-{zone}", labels={ZONE: zone}))
    async with controller(fake, config):
        weather = fake.faults.random(every_seconds=3600)
        for number in range(240):
            fake.create(pod(f"pod-{number}", node=f"node-{'abc'[number % 3]}"))
            if number % 3 == 2:
                fake.delete("pods", f"pod-{number - 2}")
            await trio.sleep(3600)
        weather.stop()
        fake.faults.clear()
        await trio.sleep(9000)
        assert None not in zones(fake)

    assert len(weather.drawn) > 100
    assert_paced(fake, "list", "pods", seconds=0.01)
