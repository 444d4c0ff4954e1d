"""Every verb that writes, and how to see whether it was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from trio_k8swatch import ApiClient, DynamicObject, ListOptions
from trio_k8swatch.testing import FakeApiServer

Maps = Any
Verb = Callable[["Bench"], Awaitable[object]]


class Bench:
    """A client, and two ConfigMaps and a Deployment to write to."""

    def __init__(self, client: ApiClient) -> None:
        self.maps = client.resource("v1", "configmaps", namespace="default")
        self.deployments = client.resource("apps/v1", "deployments", namespace="default")
        self.old: DynamicObject | None = None

    async def laid_out(self) -> Bench:
        self.old = await self.maps.create({"metadata": {"name": "a", "finalizers": ["x.io/old"]}, "data": {"n": "1"}})
        await self.maps.create({"metadata": {"name": "b", "labels": {"x": "y"}}})
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "nginx"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        await self.deployments.create({"metadata": {"name": "web"}, "spec": spec})
        return self

    async def replace(self) -> object:
        assert self.old is not None
        return await self.maps.replace({**self.old.to_dict(), "data": {"n": "2"}})

    async def add_finalizer(self) -> object:
        assert self.old is not None
        return await self.maps.add_finalizer(self.old, "x.io/new")

    async def remove_finalizer(self) -> object:
        assert self.old is not None
        return await self.maps.remove_finalizer(self.old, "x.io/old")


APPLIED = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"n": "1"}}

VERBS: dict[str, Verb] = {
    "create": lambda it: it.maps.create({"metadata": {"name": "new"}}),
    "replace": Bench.replace,
    "patch": lambda it: it.maps.patch("a", {"data": {"n": "2"}}),
    "patch, json": lambda it: it.maps.patch("a", [{"op": "replace", "path": "/data/n", "value": "2"}], type="json"),
    "apply": lambda it: it.maps.apply(APPLIED, field_manager="m"),
    "update": lambda it: it.maps.update("a", lambda obj: obj["data"].update(n="2")),
    "delete": lambda it: it.maps.delete("b"),
    "delete_all": lambda it: it.maps.delete_all(ListOptions(label_selector="x=y")),
    "scale": lambda it: it.deployments.subresource("scale").patch("web", {"spec": {"replicas": 3}}),
    "status": lambda it: it.deployments.subresource("status").patch("web", {"status": {"replicas": 3}}),
    "add_finalizer": Bench.add_finalizer,
    "remove_finalizer": Bench.remove_finalizer,
}


def state(fake: FakeApiServer) -> list[tuple[str, str]]:
    """All objects that are written to, by name and version."""
    found = [*fake.objects("configmaps"), *fake.objects("deployments")]
    return [(obj["metadata"]["name"], obj["metadata"]["resourceVersion"]) for obj in found]


def writes(fake: FakeApiServer) -> int:
    """How many requests to write there were."""
    return sum(call.method != "GET" for call in fake.requests)
