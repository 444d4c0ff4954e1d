"""What is done to the network and the server, and for how long."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import trio
from faults.chaos import ChaosProxy

from trio_k8swatch.testing import FakeApiServer


@dataclass
class World:
    """What a scenario may touch."""

    fake: FakeApiServer
    proxy: ChaosProxy
    rng: Random
    servers: list[int]
    """Ports of the servers behind the proxy's address."""
    healed: Callable[[], None]
    """To be called when a fault is over."""


@dataclass(frozen=True)
class Bars:
    """What is still good."""

    worst: float = 5.0
    median: float = 2.0
    requests: float = math.inf
    """While faults are on."""
    lists: int = 0
    """For each watch."""


@dataclass(frozen=True)
class Scenario:
    """One kind of weather."""

    name: str
    weather: Callable[[World], Awaitable[None]]
    bars: Bars = Bars()
    watches: int = 3
    silence_limit: float | None = None


@contextmanager
def fault(world: World, **settings: object) -> Iterator[None]:
    """The proxy is so, for a while."""
    before = {name: getattr(world.proxy, name) for name in settings}
    for name, value in settings.items():
        setattr(world.proxy, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(world.proxy, name, value)
        world.healed()


async def single_resets(world: World) -> None:
    """A connection is reset now and then."""
    for _ in range(4):
        await trio.sleep(world.rng.uniform(2.0, 3.5))
        world.proxy.reset_all()
        world.healed()


async def resets_every_six_seconds(world: World) -> None:
    """A proxy that never lets anything live for long."""
    for _ in range(5):
        await trio.sleep(6.0)
        world.proxy.reset_all()
        world.healed()


async def resets_for_five_minutes(world: World) -> None:
    """The same for so long that no budget lasts."""
    for _ in range(50):
        await trio.sleep(6.0)
        world.proxy.reset_all()
        world.healed()


async def refused(world: World) -> None:
    """The server is away, behind a proxy that resets."""
    for seconds in (1.0, 4.0, 10.0):
        await trio.sleep(2.0)
        with fault(world, refusing=True):
            world.proxy.reset_all()
            await trio.sleep(seconds)
        await trio.sleep(6.0)


async def forty_watches(world: World) -> None:
    """The same with forty watches."""
    for _ in range(3):
        await trio.sleep(1.0)
        with fault(world, refusing=True):
            world.proxy.reset_all()
            await trio.sleep(8.0)
        await trio.sleep(5.0)


async def stalled(world: World) -> None:
    """Packets vanish; connections stay."""
    for seconds in (6.0, 9.0):
        await trio.sleep(2.0)
        with fault(world, stalled=True):
            await trio.sleep(seconds)
        world.proxy.reset_all()
        await trio.sleep(7.0)


async def rolled(world: World) -> None:
    """Two servers behind one address: one is stopped, the other takes over, some seconds of refusals in between."""
    for turn in range(3):
        await trio.sleep(2.0)
        with fault(world, refusing=True):
            world.proxy.target = world.servers[(turn + 1) % 2]
            world.proxy.reset_all()
            await trio.sleep(world.rng.uniform(1.0, 3.0))
        await trio.sleep(5.0)


async def compacted(world: World) -> None:
    """History is gone when the server is back."""
    for _ in range(2):
        await trio.sleep(2.0)
        with fault(world, refusing=True):
            world.proxy.reset_all()
            await trio.sleep(3.0)
            world.fake.compact()
        await trio.sleep(6.0)


async def refusals(world: World) -> None:
    """410, 429, 500, 502, 503 and an ERROR event, in front of a server that is well."""
    faults = world.fake.faults
    for strike in (
        faults.gone,
        lambda: faults.status(500, on="watch", times=2),
        lambda: faults.status(502, on="watch", times=3),
        lambda: faults.too_many_requests(retry_after=1, times=1),
        lambda: faults.status(503, on="watch", times=4),
        lambda: faults.error_event(500),
    ):
        await trio.sleep(1.0)
        strike()
        world.fake.faults.cut_connections()
        await trio.sleep(2.0)
        world.healed()
        await trio.sleep(4.0)


async def thrown_out(world: World) -> None:
    """Let in and thrown out at once, for half a minute: never a storm."""
    with world.fake.faults.close_watch(times=None):
        world.fake.faults.close_connections()
        await trio.sleep(30.0)


SCENARIOS = [
    Scenario("single resets", single_resets, Bars(worst=1.0, median=1.0)),
    Scenario("reset every 6 s", resets_every_six_seconds),
    Scenario("refused for 1, 4, 10 s", refused),
    Scenario("refused three times 8 s, 40 watches", forty_watches, Bars(requests=40), watches=40),
    Scenario("stalled for 6, 9 s", stalled, silence_limit=3.0),
    Scenario("two servers rolled", rolled, Bars(lists=1)),
    Scenario("history lost while away", compacted, Bars(lists=2)),
    Scenario("410, 429, 5xx", refusals, Bars(lists=2)),
    Scenario("thrown out at once, 30 s", thrown_out, Bars(worst=math.inf, median=math.inf, requests=60)),
]

LONG = [Scenario("reset every 6 s, five minutes", resets_for_five_minutes)]
"""Only if they are asked for: `--long`."""
