"""Random histories of a server, with random faults, run against the whole stack in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import trio
import trio.testing
from faults.harness import Cluster, Longest, Watched, by_key, cluster, pod
from hypothesis import strategies as st

from trio_k8swatch import InitMode, ListOptions, ListStrategy, Policy, WatchConfig
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.faults._random import MENU

NAMES = ("a", "b", "c", "d")
APPS = ("web", "db")
PAUSES = (0.0, 0.01, 0.5, 3.0, 20.0, 75.0, 400.0)
QUIET_SECONDS = 2500.0
"""The worst that the menu holds: outages, hangs and silence on top of a back-off at its ceiling, several in a row."""


@dataclass(frozen=True)
class Setup:
    """What a watch is like during one schedule."""

    seed: int
    selector: bool
    page_size: int | None
    strategy: ListStrategy
    init_mode: InitMode
    replay: bool

    @property
    def config(self) -> WatchConfig:
        return WatchConfig(rng=Longest(self.seed), list_strategy=self.strategy, replay_unchanged=self.replay)


Step = tuple[str, Any]

setups = st.builds(
    Setup,
    seed=st.integers(0, 2**16),
    selector=st.booleans(),
    page_size=st.sampled_from([None, 2, 3, 500]),
    strategy=st.sampled_from([ListStrategy.PAGES, ListStrategy.STREAM]),
    init_mode=st.sampled_from(list(InitMode)),
    replay=st.booleans(),
)
_name = st.sampled_from(NAMES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.tuples(_name, st.sampled_from(APPS))),
        st.tuples(st.just("touch"), _name),
        st.tuples(st.just("label"), st.tuples(_name, st.sampled_from(APPS))),
        st.tuples(st.just("delete"), _name),
        st.tuples(st.just("recreate"), st.tuples(_name, st.sampled_from(APPS))),
        st.tuples(st.just("elsewhere"), st.none()),
        st.tuples(st.just("compact"), st.none()),
        st.tuples(st.just("fault"), st.sampled_from(sorted(MENU))),
        st.tuples(st.just("pause"), st.sampled_from(PAUSES)),
        st.tuples(st.just("ask"), st.sampled_from(["relist", "at_least"])),
        st.tuples(st.just("quiet"), st.none()),
    ),
    min_size=1,
    max_size=30,
)


def run(setup: Setup, schedule: Sequence[Step]) -> None:
    """One schedule from beginning to end, in no time."""
    trio.run(_run, setup, schedule, clock=trio.testing.MockClock(autojump_threshold=0))


async def _run(setup: Setup, schedule: Sequence[Step]) -> None:
    fake = FakeApiServer(seed=setup.seed)
    for name in NAMES[:2]:
        fake.create(pod(name))
    options = ListOptions(label_selector="app=web" if setup.selector else None, page_size=setup.page_size)

    def server() -> dict[str, Any]:
        objects = fake.objects("pods")
        return by_key([o for o in objects if not setup.selector or o["metadata"]["labels"].get("app") == "web"])

    async with cluster(fake) as it:
        async with it.watch(
            config=setup.config,
            options=options,
            init_mode=setup.init_mode,
            server=server,
            inspect_every=7.0,
            settle=False,
        ) as w:
            async with trio.open_nursery() as nursery:
                followers = [WatchHandler(w, policy) for policy in Policy]
                for follower in followers:
                    await nursery.start(follower.follow)
                asked = await _play(it, w, schedule, nursery, followers)
                await _quiet(w, followers)
                with trio.fail_after(QUIET_SECONDS):
                    for done in asked:
                        await done.wait()
                nursery.cancel_scope.cancel()


async def _play(
    it: Cluster, w: Watched, schedule: Sequence[Step], nursery: trio.Nursery, followers: list[WatchHandler]
) -> list[trio.Event]:
    numbers = iter(range(10_000))
    asked: list[trio.Event] = []
    for what, value in schedule:
        match what:
            case "pause":
                await trio.sleep(value)
            case "quiet":
                await _quiet(w, followers)
            case "fault":
                it.fake.faults.draw(value)
            case "ask":
                asked.append(trio.Event())
                nursery.start_soon(_ask, w, value, it.fake.resource_version, asked[-1])
            case _:
                _write(it.fake, what, value, next(numbers))
    return asked


def _write(fake: FakeApiServer, what: str, value: Any, number: int) -> None:
    name = value[0] if isinstance(value, tuple) else value
    is_there = name is not None and fake.get("pods", name) is not None
    match what:
        case "put" if not is_there:
            fake.create(pod(*value))
        case "touch" if is_there:
            fake.patch("pods", name, {"status": {"phase": f"phase-{number}"}})
        case "label" if is_there:
            fake.patch("pods", name, {"metadata": {"labels": {"app": value[1]}}})
        case "delete" if is_there:
            fake.delete("pods", name)
        case "recreate" if is_there:
            fake.delete("pods", name)
            fake.create(pod(*value))
        case "elsewhere":
            fake.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c-{number}"}})
        case "compact":
            fake.compact()
        case _:
            # Nothing to do to an object that is not there, or is there already.
            pass


async def _ask(w: Watched, what: str, version: str, done: trio.Event) -> None:
    if what == "relist":
        await w.relist()
    else:
        w.relists += 1
        await w.store.at_least(version)
        assert int(w.store.resource_version) >= int(version)
    done.set()


async def _quiet(w: Watched, followers: list[WatchHandler]) -> None:
    await w.settled(within=QUIET_SECONDS)
    await trio.testing.wait_all_tasks_blocked()
    expected = {obj.metadata.uid: obj for obj in w.store.items()}
    for follower in followers:
        assert follower.state == expected, f"the {follower.policy} subscriber has another state than the store"


class WatchHandler:
    """A subscriber that adds up what it is told, and checks that it can be added up."""

    def __init__(self, watched: Watched, policy: Policy) -> None:
        self.policy = policy
        self.state: dict[str, Any] = {}
        self._store = watched.store

    async def follow(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with self._store.subscribe(policy=self.policy, buffer=2) as changes:
            task_status.started()
            async for change in changes:
                uid = change.object.metadata.uid
                if change.type == "ADDED":
                    assert uid not in self.state or change.preexisting, "(v) added twice"
                    self.state[uid] = change.object
                elif change.type == "MODIFIED":
                    assert uid in self.state, "(v) an update of what was never added"
                    self.state[uid] = change.object
                else:
                    assert self.state.pop(uid, None) is not None, "(v) a deletion of what was never added, or twice"
