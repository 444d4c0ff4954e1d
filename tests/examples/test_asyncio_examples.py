"""The examples for asyncio programs do what they say, against the fake API server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from aiohttp.test_utils import TestClient, TestServer
from examples_helper import example

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod


def test_fastapi_answers_from_the_store() -> None:
    """Which pods are on a node, as the cluster has it now; unscheduled pods are no error."""
    fake = FakeApiServer()
    fake.create(pod("web-0", node="node-1"))
    fake.create(pod("pending"))

    async def main() -> None:
        app = example("fastapi_pods").make_app(transport=fake.transport())
        async with app.router.lifespan_context(app):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as http:
                assert (await http.get("/nodes/node-1/pods")).json() == ["web-0"]
                assert (await http.get("/readyz")).status_code == 200
                version = fake.create(pod("web-1", node="node-1"))["metadata"]["resourceVersion"]
                await app.state.pods.at_least(version)
                assert (await http.get("/nodes/node-1/pods")).json() == ["web-0", "web-1"]

    asyncio.run(main())


def test_aiohttp_streams_changes() -> None:
    """What is there, then what happens; the server ends with a stream open."""
    fake = FakeApiServer()
    fake.create(pod("web-0"))

    async def main() -> None:
        app = example("aiohttp_pods").make_app(transport=fake.transport())
        async with TestClient(TestServer(app)) as client, client.get("/pods") as response:

            async def event() -> Any:
                line = await response.content.readline()
                await response.content.readline()
                return json.loads(line.removeprefix(b"data: "))

            assert await event() == {"type": "ADDED", "name": "web-0"}
            fake.delete("pods", "web-0")
            assert await event() == {"type": "DELETED", "name": "web-0"}

    asyncio.run(main())
