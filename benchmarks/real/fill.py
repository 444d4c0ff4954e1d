"""A namespace full of pods, written through the API as clients write them."""

from __future__ import annotations

import json
from typing import Any

import trio

from benchmarks import pods
from trio_k8swatch import ApiError, Resource, open_client
from trio_k8swatch.connect import Connection

__all__ = ["NAMESPACE", "fill", "one_pod"]

NAMESPACE = "bench"
_WRITERS = 16
_NODE = "nobody"


def one_pod(number: int) -> dict[str, Any]:
    """A pod of about 6 KB, of which 45 % are managedFields, once it is in the server."""
    body: dict[str, Any] = json.loads(pods.pod(number, 1))
    metadata: dict[str, Any] = body["metadata"]
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "generateName"):
        del metadata[field]
    metadata["namespace"] = NAMESPACE
    # A server without a scheduler and without service accounts.
    body["spec"]["nodeName"] = _NODE
    return {"apiVersion": "v1", "kind": "Pod", **body}


async def fill(connection: Connection, count: int) -> None:
    """Write the namespace, and `count` pods with their status."""
    numbers = iter(range(count))
    async with open_client(connection) as client:
        try:
            await client.resource("v1", "namespaces").create(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
            )
        except ApiError as error:
            if error.status.code != 409:
                raise
        resource = client.resource("v1", "pods", namespace=NAMESPACE)
        async with trio.open_nursery() as nursery:
            for _ in range(_WRITERS):
                nursery.start_soon(_write, resource, numbers)


async def _write(resource: Resource[Any], numbers: Any) -> None:
    status = resource.subresource("status")
    for number in numbers:
        pod = one_pod(number)
        await resource.create(pod, field_manager="kube-controller-manager")
        await status.patch(
            pod["metadata"]["name"], {"status": pod["status"]}, type="strategic", field_manager="kubelet"
        )
