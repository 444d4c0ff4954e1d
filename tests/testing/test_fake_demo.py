"""The demonstration: in motion at once, alike for the same seed, with nothing that does not belong."""

import json
import random

import trio

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.demo import APPS, demo_cluster


async def history(seed, seconds, speed=1.0):
    """(time, type, key, phase) of each change to pods and nodes."""
    fake = FakeApiServer(seed=seed)
    start = trio.current_time()
    changes = []
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: demo_cluster(fake, rng=random.Random(seed), speed=speed, task_status=task_status)
        )
        for name in ("pods", "nodes"):
            fake.storage[name].listen(
                lambda change: changes.append(
                    (
                        round(trio.current_time() - start, 6),
                        change.type,
                        change.key,
                        change.new.object["status"].get("phase"),
                    )
                )
            )
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return fake, changes


async def test_it_moves_at_once_and_keeps_moving(autojump_clock):
    """The first change within 0.2 s, several a second, and in the end as many pods as are wanted."""
    fake, changes = await history(1, 60)

    assert changes[0][0] < 0.2
    assert len(changes) > 3 * 60
    assert sum(APPS.values()) <= len(fake.objects("pods")) <= 2 * sum(APPS.values())


async def test_the_same_seed_is_the_same_story(autojump_clock):
    """In the same order at the same times; twice as fast, at half the times."""
    _, first = await history(7, 12)
    _, second = await history(7, 12)
    _, fast = await history(7, 6, speed=2.0)
    _, other = await history(8, 12)

    assert first == second
    assert [change[1:] for change in fast] == [change[1:] for change in first]
    assert first != other


async def test_a_pod_lives_as_pods_do(autojump_clock):
    """Pending, Running, Terminating, gone: and a node goes away and comes back."""
    _, changes = await history(3, 60)
    lives = {}
    for _, kind, key, phase in changes:
        lives.setdefault(key, []).append((kind, phase))
    whole = [life for life in lives.values() if life[0][0] == "ADDED" and life[-1][0] == "DELETED"]

    assert whole
    assert all(life[0] == ("ADDED", "Pending") and ("MODIFIED", "Running") in life for life in whole)
    assert any(key[1].startswith("worker-") for key in lives)


async def test_pods_are_of_real_size(autojump_clock):
    """About five kilobytes, so that what is shown is what it would cost."""
    fake, _ = await history(1, 10)

    sizes = [len(json.dumps(pod)) for pod in fake.objects("pods")]

    assert min(sizes) > 3500
    assert sum(sizes) / len(sizes) > 4500
