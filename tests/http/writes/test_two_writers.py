"""Writers that interleave lose nothing of each other's."""

from random import Random

import pytest
import trio

from trio_k8swatch import open_client
from trio_k8swatch.testing import FakeApiServer

INTERLEAVINGS = 1000


class Unsteady:
    """Puts a random wait before and after each request, so that each seed is another interleaving."""

    def __init__(self, transport, rng):
        self.transport, self.rng = transport, rng

    def __getattr__(self, name):
        return getattr(self.transport, name)

    async def __aenter__(self):
        await self.transport.__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self.transport.__aexit__(*exc)

    async def handle_async_request(self, request):
        await trio.sleep(self.rng.random() * 0.1)
        response = await self.transport.handle_async_request(request)
        await trio.sleep(self.rng.random() * 0.1)
        return response


async def test_finalizers_of_two_writers_are_all_kept_and_all_removed(autojump_clock):
    rng = Random(7)
    fake = FakeApiServer()
    async with open_client(transport=Unsteady(fake.transport(), rng)) as client:
        maps = client.resource("v1", "configmaps", namespace="default")
        for number in range(INTERLEAVINGS // 2):
            obj = await maps.create({"metadata": {"name": f"m{number}"}})
            await both(maps.add_finalizer, obj)
            assert sorted((await maps.get(f"m{number}")).metadata.finalizers) == ["example.com/a", "example.com/b"]
            await both(maps.remove_finalizer, obj)
            assert (await maps.get(f"m{number}")).metadata.finalizers == ()
    assert conflicts(fake) > INTERLEAVINGS // 10


async def both(verb, obj):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verb, obj, "example.com/a")
        nursery.start_soon(verb, obj, "example.com/b")


async def test_no_increment_of_two_writers_is_lost(autojump_clock):
    rng = Random(8)
    fake = FakeApiServer()

    def increment(obj):
        obj["data"]["n"] = str(int(obj["data"]["n"]) + 1)

    async def writer(maps):
        for _ in range(INTERLEAVINGS // 2):
            await maps.update("counter", increment, attempts=30)

    async with open_client(transport=Unsteady(fake.transport(), rng)) as client:
        maps = client.resource("v1", "configmaps", namespace="default")
        await maps.create({"metadata": {"name": "counter"}, "data": {"n": "0"}})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer, maps)
            nursery.start_soon(writer, maps)
        assert (await maps.get("counter"))["data"] == {"n": str(INTERLEAVINGS)}
    assert conflicts(fake) > INTERLEAVINGS // 10


def conflicts(fake):
    return sum(call.status == 409 for call in fake.requests)


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_a_cancelled_write_leaves_nothing_behind(autojump_clock, steps):
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        maps = client.resource("v1", "configmaps", namespace="default")
        await maps.create({"metadata": {"name": "m"}, "data": {}})
        before = trio.lowlevel.current_statistics().tasks_living

        async def use():
            await maps.update("m", lambda obj: obj.setdefault("data", {}).update(x="1"))
            await maps.delete("m")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(use)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert client.next_attempt_at is None
        await maps.delete("m", missing_ok=True)
