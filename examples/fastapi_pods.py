"""A FastAPI service that answers from a store: which pods run on a node.

Run: uvicorn fastapi_pods:app (or `fastapi run fastapi_pods.py`), then GET /nodes/node-1/pods.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response

from trio_k8swatch import DynamicObject, KeyIndex, State, aio


def node_of(pod: DynamicObject) -> str | None:
    """The node of a pod; None while it is not scheduled."""
    node: str | None = pod.get("spec", {}).get("nodeName")
    return node


def make_app(**connect: Any) -> FastAPI:
    """The application; `connect` goes to `open_client`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with aio.open_client(**connect) as client, aio.open_watch(client.resource("v1", "pods")) as store:
            app.state.pods = store
            app.state.by_node = aio.IndexedStore(store, KeyIndex(node_of))
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/nodes/{node}/pods")
    async def pods_of(node: str, request: Request) -> list[str]:  # pyright: ignore[reportUnusedFunction] - a route
        return sorted(pod.metadata.name for pod in request.app.state.by_node.index.get(node))

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - a route
        return Response(status_code=200 if request.app.state.pods.health.state is State.LIVE else 503)

    return app


app = make_app()
