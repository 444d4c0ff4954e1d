"""The fake, seen through httpx: the shortest way through every part."""

import json

import httpx
import pytest
import trio

from trio_k8swatch.testing import FakeApiServer


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def fake():
    return FakeApiServer(seed=1)


@pytest.fixture
async def client(fake):
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake", timeout=None) as client:
        yield client


PATH = "/api/v1/namespaces/default/configmaps"


async def test_a_list_shows_what_was_created(fake, client, autojump_clock):
    """Objects made from the inside are there from the outside."""
    fake.create(config_map("b", k="2"))
    fake.create(config_map("a", k="1"))

    body = (await client.get(PATH)).json()

    assert [item["metadata"]["name"] for item in body["items"]] == ["a", "b"]
    assert body["metadata"]["resourceVersion"] == fake.resource_version


async def test_a_watch_sends_live_events_one_chunk_each(fake, client, autojump_clock):
    """Whoever watches hears of each change once, at once."""
    events = []
    async with trio.open_nursery() as nursery:

        async def watch():
            nonlocal events
            params = {"watch": "true", "resourceVersion": fake.resource_version, "timeoutSeconds": "10"}
            async with client.stream("GET", PATH, params=params) as response:
                async for chunk in response.aiter_raw():
                    events += [(trio.current_time(), json.loads(chunk)["type"])]

        start = trio.current_time()
        nursery.start_soon(watch)
        await trio.sleep(1)
        fake.create(config_map("a", k="1"))
        await trio.sleep(1)
        fake.patch("configmaps", "a", {"data": {"k": "2"}})
        await trio.sleep(1)
        fake.delete("configmaps", "a")

    assert events == [(start + 1, "ADDED"), (start + 2, "MODIFIED"), (start + 3, "DELETED")]
    assert trio.current_time() == start + 10


async def test_a_watch_from_a_compacted_version_is_one_error_event(fake, client, autojump_clock):
    """410 is HTTP 200 and an ERROR event."""
    version = fake.resource_version
    fake.create(config_map("a"))
    fake.compact()

    response = await client.get(PATH, params={"watch": "true", "resourceVersion": version})

    assert response.status_code == 200
    assert response.json()["object"]["code"] == 410


async def test_half_open_silences_an_open_watch(fake, client, autojump_clock):
    """A frozen watch hears nothing more, and a new one is well."""
    fake.create(config_map("a"))
    params = {"watch": "true"}
    async with client.stream("GET", PATH, params=params) as response:
        chunks = response.aiter_raw()
        await chunks.__anext__()
        fake.faults.half_open()
        with trio.move_on_after(1000) as scope:
            fake.create(config_map("b"))
            await chunks.__anext__()
        assert scope.cancelled_caught
    assert (await client.get(PATH)).status_code == 200


async def test_a_socket_serves_the_same(fake):
    """A real socket answers lists and watches."""
    fake.create(config_map("a"))
    with trio.fail_after(5):
        async with fake.serve() as url, httpx.AsyncClient(base_url=url) as client:
            body = (await client.get(PATH)).json()
            assert [item["metadata"]["name"] for item in body["items"]] == ["a"]
            params = {"watch": "true"}
            with trio.CancelScope() as reading:
                async with client.stream("GET", PATH, params=params) as response:
                    async for line in response.aiter_lines():
                        assert json.loads(line)["type"] == "ADDED"
                        reading.cancel()


@pytest.mark.skipif(httpx.__name__ == "httpx2", reason="respx replaces the transports of httpx only")
async def test_respx_serves_the_same(fake, respx_mock, autojump_clock):
    """A respx router answers lists and watches."""
    fake.create(config_map("a"))
    fake.mount(respx_mock, base_url="https://cluster.test/prefix")
    async with httpx.AsyncClient(base_url="https://cluster.test/prefix") as client:
        body = (await client.get(PATH)).json()
        assert [item["metadata"]["name"] for item in body["items"]] == ["a"]
        response = await client.get(PATH, params={"watch": "true", "timeoutSeconds": "3"})
        assert response.json()["type"] == "ADDED"
