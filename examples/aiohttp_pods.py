"""An aiohttp service that streams changes of pods as server-sent events.

Run: python examples/aiohttp_pods.py, then curl -N localhost:8080/pods.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from trio_k8swatch import DynamicObject, aio

STORE = web.AppKey("store", aio.Store[DynamicObject])


async def pods(request: web.Request) -> web.StreamResponse:
    """Every pod, then every change, for as long as the client listens."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async with request.app[STORE].subscribe() as changes:
        async for change in changes:
            line = json.dumps({"type": change.type, "name": change.object.metadata.name})
            await response.write(f"data: {line}\n\n".encode())
    return response


def make_app(**connect: Any) -> web.Application:
    """The application; `connect` goes to `open_client`."""

    async def watching(app: web.Application) -> AsyncIterator[None]:
        async with aio.open_client(**connect) as client, aio.open_watch(client.resource("v1", "pods")) as store:
            app[STORE] = store
            yield

    app = web.Application()
    app.cleanup_ctx.append(watching)
    app.router.add_get("/pods", pods)
    return app


if __name__ == "__main__":
    web.run_app(make_app())
