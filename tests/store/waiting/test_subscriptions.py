"""What subscribers are handed, however slow they are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trio
from core_helpers import Thing, broken, thing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_k8swatch import Change, Policy
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._store.deltas import Delta, Drop, Put, RelistDeltas
from trio_k8swatch._store.waiting.change_queues import Newest, OrResync
from trio_k8swatch._store.waiting.subscriptions import Subscription

POLICIES = list(Policy)


class Reader:
    """Somebody who only knows what a subscription has handed out."""

    def __init__(self, policy: Policy, buffer: int, store: dict[str, Thing]) -> None:
        self.policy = policy
        self.subscription: Subscription[Thing] = Subscription("reader", policy, buffer, store)
        self.known: dict[str, Thing] = {}

    async def read(self, count: int) -> None:
        for _ in range(min(count, self.subscription.lag)):
            self.take(await anext(self.subscription))

    def take(self, change: Change[Thing]) -> None:
        key = change.object.metadata.uid
        before = self.known.get(key)
        assert change.old is before
        if change.type == "ADDED":
            assert before is None or (self.policy is Policy.RESYNC and change.preexisting)
        else:
            assert before is not None, f"{change.type} for an object that was never handed out"
        if change.type == "DELETED":
            del self.known[key]
        else:
            self.known[key] = change.object
        names = [obj.metadata.name for obj in self.known.values()]
        assert len(names) == len(set(names)), "two objects hold one name"

    async def read_all(self) -> None:
        while self.subscription.lag:
            await self.read(1)


class World:
    """A store that changes under its readers' eyes. Of each two objects that share a name only one is there at a time."""

    def __init__(self) -> None:
        self.store: dict[str, Thing] = {}
        self.version = 0
        self.readers: list[Reader] = []

    def new(self, uid: int) -> Thing:
        self.version += 1
        return thing(f"name-{uid // 2}", self.version, uid=str(uid))

    def event(self, uid: int, *, present: bool, witnessed: bool) -> None:
        key = str(uid)
        old = self.store.get(key)
        if present:
            if str(uid ^ 1) in self.store:
                return
            delta: Delta[Thing] = Put(key, old, self.new(uid))
            self.store[key] = delta.new
        elif old is None:
            return
        else:
            delta = Drop(key, old, self.new(uid) if witnessed else None)
            del self.store[key]
        self.tell([delta])

    def tell(self, deltas: list[Delta[Thing]]) -> None:
        for reader in self.readers:
            reader.subscription.put(deltas, self.store)

    async def list(self, uids: list[int], slice_size: int, reads: int) -> None:
        """A whole list: swapped at once, told in slices, between which readers read."""
        chosen = {uid // 2: uid for uid in uids}
        relisting: RelistDeltas[Thing] = RelistDeltas(self.store, metadata_of)
        relisting.take([self.new(uid) for uid in chosen.values()])
        deltas = [delta for delta in relisting.deltas() if delta is not None]
        self.store = relisting.objects
        for begin in range(0, len(deltas), slice_size):
            self.tell(deltas[begin : begin + slice_size])
            for reader in self.readers:
                await reader.read(reads)


uids = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), uids, st.booleans(), st.booleans()),
        st.tuples(st.just("list"), st.lists(uids, max_size=6), st.integers(1, 3), st.integers(0, 2)),
        st.tuples(st.just("read"), st.integers(0, 4)),
        st.tuples(st.just("join"), st.sampled_from(POLICIES), st.integers(0, 4)),
    ),
    max_size=30,
)


async def live(script: list[tuple[Any, ...]]) -> None:
    """Go through `script`; in the end every reader knows exactly what the store holds."""
    world = World()
    for policy in POLICIES:
        world.readers.append(Reader(policy, 2, world.store))
    for what, *about in script:
        if what == "event":
            world.event(about[0], present=about[1], witnessed=about[2])
        elif what == "list":
            await world.list(*about)
        elif what == "join":
            world.readers.append(Reader(about[0], about[1], world.store))
        else:
            for reader in world.readers:
                await reader.read(about[0])
        for reader in world.readers:
            assert (reader.subscription.age > 0) <= (reader.subscription.lag > 0)
    for reader in world.readers:
        await reader.read_all()
        assert {key: id(obj) for key, obj in reader.known.items()} == {key: id(obj) for key, obj in world.store.items()}


def run(main: Callable[..., Coroutine[Any, Any, object]], *args: Any) -> None:
    trio.run(main, *args, clock=MockClock(autojump_threshold=0))


@settings(max_examples=400, deadline=None, report_multiple_bugs=False)
@given(steps)
def test_what_a_subscriber_was_handed_adds_up_to_the_store(script: list[tuple[Any, ...]]) -> None:
    """For every policy, whenever it joined, however slowly it reads: no gap, no repeat, no deletion lost."""
    run(live, script)


def _forget_deletions(self: Newest[Thing], key: str, change: Change[Thing]) -> None:
    self._changes[key] = change


def _throw_away(self: OrResync[Thing], key: str, change: Change[Thing]) -> None:
    self._changes.append((key, change))
    if len(self._changes) > self._buffer:
        self._changes.clear()
        self._again = dict.fromkeys(self._store)


@pytest.mark.parametrize(
    ("owner", "member", "wrong"),
    [
        (Newest, "put", _forget_deletions),
        (OrResync, "put", _throw_away),
        (Subscription, "put", lambda self, deltas, store: None),
    ],
    ids=["the newest change replaces a waiting one", "a resync without deletions", "nothing after the beginning"],
)
def test_the_law_of_subscriptions_fails_when_its_rule_is_broken(
    owner: type, member: str, wrong: Callable[..., Any]
) -> None:
    """So it would be noticed."""
    with broken(owner, **{member: wrong}), pytest.raises((AssertionError, LookupError)):
        test_what_a_subscriber_was_handed_adds_up_to_the_store()


A1, A2, A3 = (thing("a", version) for version in (1, 2, 3))


def changes(subscription: Subscription[Thing]) -> list[Change[Thing]]:
    """What waits, taken out."""
    return [subscription._queue.pop() for _ in range(subscription.lag)]


async def test_block_hands_out_every_change() -> None:
    """A deletion that was witnessed is an update to the final state first, as for handlers (H5)."""
    subscription: Subscription[Thing] = Subscription("s", Policy.BLOCK, 9, {"uid-of-a": A1})
    subscription.put([Put("uid-of-a", A1, A2)], {})
    subscription.put([Drop("uid-of-a", A2, A3)], {})
    assert changes(subscription) == [
        Change("ADDED", A1, preexisting=True),
        Change("MODIFIED", A2, A1),
        Change("MODIFIED", A3, A2),
        Change("DELETED", A3, A3),
    ]


async def test_coalesce_takes_the_reader_from_where_it_was_to_where_the_store_is() -> None:
    """In one change for each object."""

    def after(*deltas: Delta[Thing], known: bool = True) -> list[Change[Thing]]:
        subscription: Subscription[Thing] = Subscription("s", Policy.COALESCE, 9, {"uid-of-a": A1} if known else {})
        changes(subscription)
        subscription.put(deltas, {})
        return changes(subscription)

    put, back, gone = Put("uid-of-a", A1, A2), Put("uid-of-a", None, A3), Drop("uid-of-a", A2, None)
    assert after(put) == [Change("MODIFIED", A2, A1)]
    assert after(put, gone) == [Change("DELETED", A2, A1, may_be_stale=True)]
    assert after(put, gone, back) == [Change("MODIFIED", A3, A1)]
    assert after(Put("uid-of-a", None, A1), put, known=False) == [Change("ADDED", A2)]
    assert after(Put("uid-of-a", None, A1), put, gone, known=False) == []


async def test_a_change_that_nobody_saw_leaves_no_age_behind(autojump_clock: MockClock) -> None:
    """Nothing waits, so nothing is late; and the mock clock's zero is a time like any other."""
    subscription: Subscription[Thing] = Subscription("s", Policy.COALESCE, 9, {})
    subscription.put([Put("uid-of-a", None, A1)], {})
    await trio.sleep(2)
    subscription.put([Put("uid-of-a", A1, A2)], {})
    assert subscription.age == 2
    subscription.put([Drop("uid-of-a", A2, None)], {})
    await trio.sleep(2)
    assert (subscription.lag, subscription.age) == (0, 0)


async def test_block_gives_room_when_the_reader_has_read(autojump_clock: MockClock) -> None:
    """Up to the buffer, and at once when the subscription ends."""
    subscription: Subscription[Thing] = Subscription("s", Policy.BLOCK, 1, {"a": A1, "b": A2, "c": A3})
    seen: list[object] = []

    async def watch() -> None:
        await subscription.room()
        seen.append("room")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        for _ in range(2):
            await trio.sleep(1)
            seen.append((await anext(subscription)).object)
        await trio.sleep(1)
        subscription.put([Put("d", None, A1)], {})
        nursery.start_soon(watch)
        await trio.sleep(1)
        subscription.close()
    assert seen == [A1, A2, "room", "room"]


@pytest.mark.parametrize("policy", [Policy.COALESCE, Policy.RESYNC])
async def test_only_block_ever_holds_up_the_watch(policy: Policy, autojump_clock: MockClock) -> None:
    """However much waits."""
    subscription: Subscription[Thing] = Subscription("s", policy, 0, {"a": A1, "b": A2})
    assert not subscription.is_full
    with trio.fail_after(1):
        await subscription.room()


async def test_a_subscription_ends_after_what_had_come(autojump_clock: MockClock) -> None:
    """For everybody who iterates over it, also for two tasks at once."""
    subscription: Subscription[Thing] = Subscription("s", Policy.BLOCK, 9, {"a": A1})
    got: list[Thing] = []

    async def read() -> None:
        async for change in subscription:
            got.append(change.object)

    with trio.fail_after(9):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            nursery.start_soon(read)
            await trio.sleep(1)
            subscription.put([Put("b", None, A2)], {})
            await trio.sleep(1)
            subscription.close()
    assert got == [A1, A2]


async def test_a_change_that_is_not_handed_out_is_not_lost(autojump_clock: MockClock) -> None:
    """Cancelling a wait takes nothing out."""
    subscription: Subscription[Thing] = Subscription("s", Policy.BLOCK, 9, {"a": A1})
    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(subscription)
    assert (await anext(subscription)).object is A1
