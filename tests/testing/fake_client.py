"""The least client that can talk to the fake: httpx, and lists of events."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import httpx
import trio

PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def client_for(fake, **options):
    return httpx.AsyncClient(transport=fake.transport(), base_url="http://fake", timeout=None, **options)


class Watch:
    """What one watch has sent so far, and how it ended."""

    def __init__(self):
        self.chunks = []
        self.error = None
        self.status = None
        self.headers = None
        self.ended = None

    @property
    def body(self):
        return b"".join(data for _, data in self.chunks)

    @property
    def events(self):
        return [json.loads(line) for line in self.body.split(b"\n")[:-1] if line.strip()]

    @property
    def types(self):
        return [event["type"] for event in self.events]

    @property
    def names(self):
        return [(e["type"], e["object"]["metadata"].get("name")) for e in self.events if "metadata" in e["object"]]


@asynccontextmanager
async def watching(client, path=CONFIG_MAPS, **params):
    """Read a watch in the background for as long as the block lasts."""
    watch = Watch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_watch, client, path, params, watch)
        await trio.testing.wait_all_tasks_blocked()
        yield watch
        nursery.cancel_scope.cancel()


async def read_watch(client, path, params, watch):
    start = trio.current_time()
    params = {"watch": "true", **{key: str(value) for key, value in params.items()}}
    try:
        async with client.stream("GET", path, params=params) as response:
            watch.status, watch.headers = response.status_code, response.headers
            async for chunk in response.aiter_raw():
                watch.chunks.append((trio.current_time() - start, chunk))
    except httpx.TransportError as error:
        watch.error = error
    watch.ended = trio.current_time() - start


async def listed(client, path=CONFIG_MAPS, **params):
    """Names of all pages."""
    names = []
    token = ""
    while True:
        body = (await client.get(path, params={**params, "continue": token})).json()
        names += [item["metadata"]["name"] for item in body.get("items") or []]
        token = body["metadata"].get("continue", "")
        if not token:
            return names
