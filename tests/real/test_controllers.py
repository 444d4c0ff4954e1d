"""The controllers of examples/ against a real API server. Nobody collects garbage there: there is no controller manager."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from examples_helper import example
from real.control_plane import ControlPlane

from trio_k8swatch import ApiClient, ApiError, open_client
from trio_k8swatch.connect import from_kubeconfig

pytestmark = pytest.mark.real


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    with trio.fail_after(30):
        while not await condition():
            await trio.sleep(0.1)


def definition(group: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def define(client: ApiClient, group: str, kind: str, plural: str) -> Any:
    """A custom resource, when it is served."""
    await client.resource("apiextensions.k8s.io/v1", "customresourcedefinitions").create(
        definition(group, kind, plural)
    )
    custom = client.resource(f"{group}/v1", plural, namespace="default", type=dict)

    async def is_served() -> bool:
        try:
            await custom.list()
        except ApiError:
            return False
        return True

    await until(is_served)
    return custom


async def test_a_config_map_per_namespace(plane: ControlPlane) -> None:
    """Made, repaired, and removed with the label."""
    async with open_client(from_kubeconfig(plane.kubeconfig)) as client, trio.open_nursery() as nursery:
        namespaces = client.resource("v1", "namespaces")
        maps = client.resource("v1", "configmaps", namespace="shop")
        await namespaces.create({"metadata": {"name": "shop", "labels": {"example.com/team": "red"}}})
        nursery.start_soon(example("config_map_per_namespace").control, client)

        async def data() -> list[Any]:
            return [one["data"] for one in (await maps.list()).items if one.metadata.name == "team"]

        async def is_red() -> bool:
            return await data() == [{"team": "red"}]

        await until(is_red)
        await maps.patch("team", {"data": {"team": "blue"}})
        await until(is_red)
        await maps.delete("team")
        await until(is_red)
        await namespaces.patch("shop", {"metadata": {"labels": {"example.com/team": None}}})

        async def is_gone() -> bool:
            return await data() == []

        await until(is_gone)
        nursery.cancel_scope.cancel()


async def test_the_autoscaler(plane: ControlPlane) -> None:
    """A machine gets the CPUs that its pod uses."""
    autoscaler = example("autoscaler")
    async with open_client(from_kubeconfig(plane.kubeconfig)) as client, trio.open_nursery() as nursery:
        machines = await define(client, "vm.neon.tech", "VirtualMachine", "virtualmachines")
        cpus = {"min": 1, "use": 2, "max": 8}
        machine = await machines.create(
            {
                "apiVersion": "vm.neon.tech/v1",
                "kind": "VirtualMachine",
                "metadata": {"name": "vm"},
                "spec": {"guest": {"cpus": cpus}},
            }
        )
        nursery.start_soon(autoscaler.autoscale, client, "default")
        owner = {
            "apiVersion": "vm.neon.tech/v1",
            "kind": "VirtualMachine",
            "name": "vm",
            "uid": machine["metadata"]["uid"],
        }
        metadata = {"name": "vm", "annotations": {autoscaler.USAGE_ANNOTATION: "3.2"}, "ownerReferences": [owner]}
        spec = {"containers": [{"name": "vm", "image": "vm:1"}]}
        await client.resource("v1", "pods", namespace="default").create({"metadata": metadata, "spec": spec})

        async def is_scaled() -> bool:
            return bool((await machines.get("vm"))["spec"]["guest"]["cpus"] == cpus | {"use": 4})

        await until(is_scaled)
        nursery.cancel_scope.cancel()


async def test_the_operator_with_children_and_a_finalizer(plane: ControlPlane) -> None:
    """Both children are there and repaired; the object goes when its data is erased."""
    operator, done = example("repository_operator"), []

    class Storage:
        async def reserve(self, uid: str, size: str) -> None:
            done.append("reserve")

        async def erase(self, uid: str) -> None:
            done.append("erase")

    async with open_client(from_kubeconfig(plane.kubeconfig)) as client, trio.open_nursery() as nursery:
        repositories = await define(client, "git.example.com", "Repository", "repositories")
        nursery.start_soon(operator.operate, client, Storage(), "default")
        await repositories.create(
            {
                "apiVersion": "git.example.com/v1",
                "kind": "Repository",
                "metadata": {"name": "linux"},
                "spec": {"size": "1Gi", "replicas": 2},
            }
        )
        services = client.resource("v1", "services", namespace="default")
        deployments = client.resource("apps/v1", "deployments", namespace="default")

        async def names(resource: Any) -> list[str]:
            return [one.metadata.name for one in (await resource.list()).items]

        async def is_complete() -> bool:
            return "linux" in await names(services) and [
                one["spec"]["replicas"] for one in (await deployments.list()).items
            ] == [2]

        await until(is_complete)
        await services.delete("linux")
        await deployments.patch("linux", {"spec": {"replicas": 5}})
        await until(is_complete)
        await repositories.delete("linux")

        async def is_gone() -> bool:
            return not (await repositories.list()).items

        await until(is_gone)
        assert done[-1] == "erase"
        nursery.cancel_scope.cancel()
