"""F88, F93: subscribers, slow, late and many."""

from __future__ import annotations

import trio
import trio.testing
from faults.harness import cluster, pod

from trio_k8swatch import Policy


async def test_F88_a_subscriber_sleeps_for_ten_minutes(autojump_clock):
    """The watch continues; the subscriber's lag is visible; with `block` the watch waits, and nothing is lost."""
    for policy in Policy:
        async with cluster() as it:
            async with it.watch(inspect_every=20) as w:
                async with w.store.subscribe(policy=policy, buffer=5) as changes:
                    for n in range(20):
                        it.fake.create(pod(f"pod-{n}"))
                    await trio.sleep(600)
                    assert len(w.store) == (20 if policy is not Policy.BLOCK else len(w.store))
                    assert changes.age >= 590
                    assert changes.lag > 5
                    names = set()
                    with trio.move_on_after(5):
                        async for change in changes:
                            names.add(change.object.metadata.name)
                    assert len(names) == 20
                await w.settled()
                assert len(w.lists) == 1


async def test_F93_subscribers_late_and_twice(autojump_clock):
    """First the existing objects, then the changes: no gap, no duplicates, independent of other subscribers; leaving early is fine."""
    async with cluster() as it:
        for n in range(10):
            it.fake.create(pod(f"pod-{n}"))
        async with it.watch(inspect_every=10) as w:
            states: list[dict[str, str]] = []

            async def follow(policy: Policy) -> None:
                state: dict[str, str] = {}
                states.append(state)
                async with w.store.subscribe(policy=policy) as changes:
                    async for change in changes:
                        uid, version = change.object.metadata.uid, change.object.metadata.resource_version
                        assert (change.type == "ADDED") == (uid not in state) or change.preexisting
                        if change.type == "DELETED":
                            del state[uid]
                        else:
                            assert state.get(uid) != version
                            state[uid] = version

            async def leave() -> None:
                async with w.store.subscribe() as changes:
                    async for _ in changes:
                        async with w.store.subscribe():
                            break

            async with trio.open_nursery() as nursery:
                for n in range(10):
                    nursery.start_soon(follow, list(Policy)[n % 3])
                    nursery.start_soon(leave)
                    it.fake.create(pod(f"new-{n}"))
                    it.fake.patch("pods", f"pod-{n}", {"status": {"phase": "Running"}})
                    it.fake.delete("pods", f"new-{n}")
                    await trio.sleep(0.5)
                    if n == 5:
                        it.fake.faults.gone()
                await w.settled()
                await trio.sleep(1)
                expected = {o.metadata.uid: o.metadata.resource_version for o in w.store.items()}
                assert states == [expected] * 10
                nursery.cancel_scope.cancel()
            assert len(w.store._cache.subscriptions) == 0
