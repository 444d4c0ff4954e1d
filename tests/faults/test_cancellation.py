"""F94: whatever is going on, it may be cancelled at that very step."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import trio
import trio.testing
from faults.harness import Cluster, Watched, cluster, longest, pod

from trio_k8swatch import InitMode, ListOptions, ListStrategy, WatchStopped

OBJECTS = 300
"""More than are told of in one slice, so that there are checkpoints inside a commit."""


class AtStep(trio.abc.Instrument):
    """Does something just before the n-th step that any task takes from now on."""

    def __init__(self, step: int, action: Callable[[], object]) -> None:
        self.steps = 0
        self._step = step
        self._action = action

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self._step:
            self._action()


def fill(it: Cluster) -> None:
    for n in range(OBJECTS):
        it.fake.create(pod(f"pod-{n:03}"))


async def scenario(it: Cluster, w: Watched) -> None:
    """A bit of everything: events, subscriptions, questions, a cut, a pause, a relist with many changes."""
    async with trio.open_nursery() as nursery:

        async def follow() -> None:
            async with w.store.subscribe(policy="block", buffer=OBJECTS) as changes:
                async for _ in changes:
                    pass

        async def wait() -> None:
            await w.store.wait_for(lambda o: o.metadata.name == "new-2")

        nursery.start_soon(follow)
        nursery.start_soon(wait)
        await trio.sleep(1)
        for n in range(3):
            it.fake.create(pod(f"new-{n}"))
        await w.store.at_least(it.fake.resource_version)
        await w.store.nop_update(w.store.items()[0].metadata.uid)
        async with w.store.locked():
            await trio.sleep(0.1)
        it.fake.faults.cut_connections()
        it.fake.faults.status(503)
        await trio.sleep(3)
        it.fake.faults.half_open()
        for n in range(260):
            it.fake.delete("pods", f"pod-{n:03}")
        await w.relist()
        nursery.cancel_scope.cancel()


async def steps_of(init_mode: InitMode, strategy: ListStrategy, step: int, how: str) -> int:
    """Run the scenario and cancel it, or stop the watch, before a step; how many steps there were until the end."""
    async with cluster() as it:
        fill(it)
        instrument: AtStep | None = None
        with trio.CancelScope() as scope:

            def act() -> None:
                if how == "cancel" or not it.watched or not hasattr(it.watched[-1], "store"):
                    scope.cancel()
                else:
                    it.watched[-1].store.stop()

            instrument = AtStep(step, act)
            trio.lowlevel.add_instrument(instrument)
            try:
                config = longest(list_strategy=strategy)
                options = ListOptions(page_size=150)
                async with it.watch(config=config, init_mode=init_mode, options=options, settle=False) as w:
                    try:
                        await scenario(it, w)
                    except* WatchStopped:
                        assert how == "stop"
            finally:
                trio.lowlevel.remove_instrument(instrument)
        for watched in it.watched:
            if hasattr(watched, "store"):
                assert watched.store.stopped
                watched.check_indexes()
                if watched.book.going is None and watched.book.known.keys() == set(watched.store._cache.objects):
                    watched.book.check(watched.store)
        return instrument.steps


STRIDE = int(os.environ.get("K8SWATCH_SWEEP_STRIDE", "11"))
"""1 sweeps every step, which takes five minutes; the eight sweeps begin at different steps."""


def sweep(init_mode: InitMode, strategy: ListStrategy, how: str) -> int:
    def one(step: int) -> int:
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(steps_of, init_mode, strategy, step, how, clock=clock)

    total = one(10**9)
    begin = 1 + (len(init_mode.value) + 3 * len(strategy.value) + 5 * len(how)) % STRIDE
    for step in range(begin, total + 1, STRIDE):
        one(step)
    return total


@pytest.mark.parametrize("how", ["cancel", "stop"])
@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.STREAM])
@pytest.mark.parametrize("init_mode", list(InitMode))
def test_F94_cancelled_at_every_step(init_mode, strategy, how):
    """Cancelled at any checkpoint: all invariants hold, nothing is left behind, and only Cancelled is raised."""
    assert sweep(init_mode, strategy, how) > 100
