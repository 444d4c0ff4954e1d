"""The laws of a whole watch, whatever happens in the cluster and whatever goes wrong on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import trio
from core_helpers import Thing, broken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from simulated_server import SimulatedServer
from trio.testing import MockClock

from trio_k8swatch import (
    FlatNameIndex,
    HandlerFuncs,
    IndexedStore,
    KeyIndex,
    NameIndex,
    Store,
    TimeRange,
    WatchConfig,
    open_watch,
)
from trio_k8swatch._store.deltas import Put, RelistDeltas, WatchDeltas
from trio_k8swatch._store.indexes import registered_indexes as registrations_module
from trio_k8swatch._store.notifier import Notifier

NAMES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of watches have much to say."""
    caplog.set_level(logging.CRITICAL, "trio_k8swatch")


class Witness:
    """Believes only what handlers say, and checks at each call that it makes sense."""

    def __init__(self) -> None:
        self.known: dict[str, Thing] = {}
        self.dead: set[str] = set()
        self.store: Store[Thing] | None = None
        self.indexes: list[tuple[Any, Callable[[], Any]]] = []

    def handlers(self) -> HandlerFuncs[Thing]:
        return HandlerFuncs(add=self.add, update=self.update, delete=self.delete)

    def add(self, obj: Thing, preexisting: bool) -> None:
        uid = obj.metadata.uid
        assert uid not in self.known, "added twice"
        assert uid not in self.dead, "added after its deletion"
        assert preexisting is (self.store is None)
        self.known[uid] = obj
        self.look()

    def update(self, old: Thing, new: Thing) -> None:
        assert self.known[old.metadata.uid] is old, "an update from a state that was never told"
        assert new.metadata.uid == old.metadata.uid
        self.known[new.metadata.uid] = new
        self.look()

    def delete(self, obj: Thing, may_be_stale: bool) -> None:
        assert self.known.pop(obj.metadata.uid) is obj, "a deletion in another state than the last"
        self.dead.add(obj.metadata.uid)
        self.look()

    def look(self) -> None:
        names = [obj.metadata.name for obj in self.known.values()]
        assert len(names) == len(set(names)), "two objects hold one name"
        if self.store is not None:
            for index, contents in self.indexes:
                assert contents() == self.rebuilt(index, contents), "an index is not what a rebuild would be"

    def rebuilt(self, index: Any, contents: Callable[[], Any]) -> Any:
        """What `contents` would be of a fresh index of the same kind."""
        assert self.store is not None
        fresh = index.fresh()
        for obj in self.store:
            fresh.add(obj)
        kept = dict(vars(index))
        index.adopt(fresh)
        try:
            return contents()
        finally:
            vars(index).update(kept)

    def index(self, store: Store[Thing]) -> list[IndexedStore[Thing, Any]]:
        by_name, flat, by_value = (
            NameIndex[Thing](),
            FlatNameIndex[Thing](),
            KeyIndex[Thing, int](lambda obj: obj.value),
        )
        self.indexes = [
            (by_name, lambda: [by_name.get("default", name) for name in NAMES]),
            (flat, lambda: [flat.get(name) for name in NAMES]),
            (by_value, lambda: {key: sorted(o.metadata.uid for o in by_value.get(key)) for key in by_value}),
        ]
        return [IndexedStore(store, index) for index, _ in self.indexes]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["mark", "compact", "cut", "end", "repeat", "relist", "down", "up"])),
        st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.005, 0.5, 3.0])),
    ),
    max_size=40,
)


async def live(script: list[tuple[Any, ...]], seed: int) -> None:
    server, witness = SimulatedServer(), Witness()
    server.put("a", 0)
    second = TimeRange(0.5, 1)
    config = WatchConfig(retry_relist_after=second, retry_watch_after=second, rng=Random(seed))
    async with open_watch(server, handlers=witness.handlers(), config=config) as store:
        witness.store = store
        indexed = witness.index(store)
        for what, *about in script:
            if what == "sleep":
                await trio.sleep(about[0])
            elif what == "relist":
                store.request_relist()
            elif what in {"down", "up"}:
                server.is_down = what == "down"
            else:
                getattr(server, what)(*about)
        server.is_down = False
        await store.relist()
        assert {o.metadata.uid: o for o in store} == server.things
        await trio.sleep(3)
        server.put("c", 2)
        await store.at_least(str(server.version))
        assert {o.metadata.uid: o for o in store} == server.things == witness.known
        witness.look()
        del indexed


async def live_soon(script: list[tuple[Any, ...]], seed: int) -> None:
    with trio.fail_after(600):
        await live(script, seed)


def run(script: list[tuple[Any, ...]], seed: int) -> None:
    trio.run(live_soon, script, seed, clock=MockClock(autojump_threshold=0))


# A name that is freed and taken again out of sight, then an update and a deletion in sight: enough for every rule below.
EVENTFUL: list[tuple[Any, ...]] = [
    *[("down",), ("cut",), ("sleep", 0.5), ("delete", "a"), ("put", "a", 1), ("compact",), ("up",), ("sleep", 3.0)],
    *[("put", "a", 2), ("sleep", 0.5), ("delete", "a"), ("sleep", 0.5)],
]


@settings(max_examples=250, deadline=None, report_multiple_bugs=False)
@example(EVENTFUL, 0)
@given(steps, st.integers(0, 9))
def test_a_watch_tells_the_truth_in_the_right_order(script: list[tuple[Any, ...]], seed: int) -> None:
    """In the end the store is the server's; each object was added, updated, deleted once; no name had two owners; and
    at every call of a handler each index was what a rebuild would have been."""
    run(script, seed)


# By a handler, by the block, or by both at once.
NOTICED = (AssertionError, LookupError, trio.TooSlowError, ExceptionGroup)


def _no_order(self: RelistDeltas[Thing]) -> Any:
    return reversed(list(real_deltas(self)))


def _never_old(self: WatchDeltas[Thing], known: Any, event: Any) -> Any:
    delta = real_received(self, known, event)
    return Put(delta.key, None, delta.new) if isinstance(delta, Put) else delta


real_deltas, real_received = RelistDeltas.deltas, WatchDeltas.received


@pytest.mark.parametrize(
    ("owner", "member", "wrong"),
    [
        (RelistDeltas, "deltas", _no_order),
        (RelistDeltas, "deltas", lambda self: iter([d for d in real_deltas(self) if isinstance(d, Put)])),
        (WatchDeltas, "received", _never_old),
        (Notifier, "_handle_drop", lambda self, delta: None),
    ],
    ids=["adds before deletes", "no deletes", "no updates", "deletions are not told"],
)
def test_the_laws_fail_when_a_rule_is_broken(owner: type, member: str, wrong: Callable[..., Any]) -> None:
    """So it would be noticed."""
    with broken(owner, **{member: wrong}), pytest.raises(NOTICED):
        run(EVENTFUL, 0)


def _no_update_first(index: Any, delta: Any) -> None:
    if not isinstance(delta, Put):
        index.delete(delta.final or delta.old)
    elif delta.old is None:
        index.add(delta.new)
    else:
        index.update(delta.old, delta.new)


@pytest.mark.parametrize(
    "take_in", [_no_update_first, lambda index, delta: None], ids=["deletions without update", "indexes stand still"]
)
def test_the_laws_fail_when_indexes_are_not_told(take_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An index would be asked to delete what it never held."""
    monkeypatch.setattr(registrations_module, "_take_in", take_in)
    with pytest.raises(NOTICED):
        test_a_watch_tells_the_truth_in_the_right_order()
