"""Runs the scenarios, prints a table, and says by its exit status whether all bars were met.

`python -m chaos [--seeds 1] [--only WORDS] [--long]`, with `tests` on the path; `nox -s chaos` does that.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import trio
from faults.chaos import chaos
from faults.harness import pod

from chaos.scenarios import LONG, SCENARIOS, Scenario, World
from trio_k8swatch import ApiClient, HandlerFuncs, WatchConfig, connect, open_client, open_watch
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch.testing import FakeApiServer

WRITE_SECONDS = 0.1
"""Between two writes: a lag is known to so much."""

HEAL_SECONDS = 4.5


@dataclass
class Lags:
    """When things were written, when each watch was told, and when the last fault was over by then."""

    written: dict[str, float] = field(default_factory=dict)
    told: list[dict[str, float]] = field(default_factory=list)
    healed: list[float] = field(default_factory=list)

    def heal(self) -> None:
        self.healed.append(trio.current_time())

    def all(self) -> list[float]:
        """Of each fault and each watch: from its end until the watch was told of anything written after its end."""
        lags: list[float] = []
        for number, heal in enumerate(self.healed):
            until = self.healed[number + 1] if number + 1 < len(self.healed) else math.inf
            after = [name for name, time in self.written.items() if heal <= time < until]
            for told in self.told:
                times = [told[name] for name in after if name in told]
                if after:
                    lags.append(min(times) - heal if times else math.inf)
        return lags


@dataclass
class Row:
    """One line of the table."""

    scenario: Scenario
    lags: list[float]
    during: int
    after: int
    lists: int
    resumptions: int
    is_complete: bool

    @property
    def worst(self) -> float:
        return max(self.lags, default=0.0)

    @property
    def middle(self) -> float:
        return median(self.lags) if self.lags else 0.0

    @property
    def is_good(self) -> bool:
        bars = self.scenario.bars
        return (
            self.is_complete
            and self.worst <= bars.worst
            and self.middle <= bars.median
            and self.during <= bars.requests
            and self.lists <= bars.lists * self.scenario.watches
        )

    def __str__(self) -> str:
        verdict = "ok" if self.is_good else "MISSED" if self.is_complete else "LOST"
        return (
            f"{self.scenario.name:33}{self.middle:7.1f} {self.worst:6.1f} {self.during:8} {self.after:6}"
            f" {self.lists:6} {self.resumptions:7}  {verdict}"
        )


HEADER = f"{'scenario':33}{'median':>7} {'worst':>6} {'requests':>8} {'after':>6} {'lists':>6} {'resumed':>7}"


@asynccontextmanager
async def client_of(url: str, ca: str, seed: int) -> AsyncGenerator[ApiClient]:
    """A client that trusts that authority."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ca.pem")
        await trio.Path(path).write_text(ca)
        connection = connect.to(url, certificate_authority=path)
        async with open_client(connection, silence_limit=10.0, rng=Random(seed)) as client:
            yield client


async def run(scenario: Scenario, seed: int) -> Row:
    """One scenario from beginning to end."""
    fake, lags, rng = FakeApiServer(seed=seed), Lags(), Random(seed)
    fake.create(pod("first"))
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(fake.serve(tls=True)) for _ in range(2)]
        proxy, url = await stack.enter_async_context(chaos(servers[0]))
        client = await stack.enter_async_context(client_of(url, f"{servers[0].ca}{servers[1].ca}", seed))
        resource = client.resource("v1", "pods")
        stores = []
        for number in range(scenario.watches):
            told: dict[str, float] = {}
            lags.told.append(told)

            def add(obj: Any, preexisting: bool, told: dict[str, float] = told) -> None:
                told[metadata_of(obj).name] = trio.current_time()

            config = WatchConfig(silence_limit=scenario.silence_limit, rng=Random(seed * 1000 + number))
            handlers = HandlerFuncs[Any](add=add)
            stores.append(await stack.enter_async_context(open_watch(resource, handlers=handlers, config=config)))
        began = fake.now
        world = World(fake, proxy, rng, [int(one.rpartition(":")[2]) for one in servers], lags.heal)
        during = await _weathered(scenario, world, lags, proxy)
        ours = [{obj.metadata.uid for obj in store.items()} for store in stores]
        theirs = {obj["metadata"]["uid"] for obj in fake.objects("pods")}
        calls = fake.requests.of(since=began)
        watches = [call for call in calls if call.verb == "watch"]
        calls_to_list = [call for call in watches if "sendInitialEvents" in call.query and call.status == 200]
        if scenario.bars.worst == math.inf:
            # The proxy lets everything through; connections that end in order are used again.
            during = len(calls)
        return Row(
            scenario,
            lags.all(),
            during=during,
            after=max(0, proxy.connections - scenario.watches - during),
            lists=len([call for call in calls if call.verb == "list"]) + len(calls_to_list),
            resumptions=len([call for call in watches if call.status == 200]) - len(calls_to_list),
            is_complete=all(mine == theirs for mine in ours) or scenario.bars.worst == math.inf,
        )


async def _weathered(scenario: Scenario, world: World, lags: Lags, proxy: Any) -> int:
    """Write all the time, with the weather over it; the connections that were tried while a fault was on."""
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            number = 0
            while True:
                name = f"pod-{number}"
                lags.written[name] = trio.current_time()
                world.fake.create(pod(name))
                number += 1
                await trio.sleep(WRITE_SECONDS)

        tried = 0

        async def count() -> None:
            nonlocal tried
            before = proxy.connections
            while True:
                await trio.sleep(0.005)
                now = proxy.connections
                if proxy.refusing or proxy.stalled:
                    tried += now - before
                before = now

        nursery.start_soon(write)
        nursery.start_soon(count)
        await scenario.weather(world)
        await trio.sleep(HEAL_SECONDS)
        nursery.cancel_scope.cancel()
    await trio.sleep(0.5)
    return tried


async def main(seeds: int, only: str, scenarios: list[Scenario]) -> int:
    """All scenarios, one after the other; 0 if all bars were met."""
    print(HEADER)
    bad = 0
    for scenario in scenarios:
        if only in scenario.name:
            for seed in range(1, seeds + 1):
                row = await run(scenario, seed)
                bad += not row.is_good
                print(row, flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how often each scenario is run (default 1)")
    parser.add_argument("--only", default="", help="only scenarios with these words in their names")
    parser.add_argument("--long", action="store_true", help="also those that take five minutes")
    arguments = parser.parse_args()
    chosen = [*SCENARIOS, *LONG] if arguments.long else SCENARIOS
    sys.exit(trio.run(main, arguments.seeds, arguments.only, chosen))
