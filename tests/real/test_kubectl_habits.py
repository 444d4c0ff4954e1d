"""The forty invocations of tests/cli/test_kubectl_habits.py, kubectl and the command line side by side, on a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from cli.test_kubectl_habits import CRONTAB, KUBECTL, OBJECTS, compare
from real.control_plane import ControlPlane

from trio_k8swatch import ApiClient, NotFound, open_client
from trio_k8swatch.connect import from_kubeconfig

pytestmark = [pytest.mark.real, pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")]

PLURALS = {"Namespace": "namespaces", "Node": "nodes", "Pod": "pods", "Service": "services", "ConfigMap": "configmaps"}
PLURALS |= {"Deployment": "deployments", "CustomResourceDefinition": "customresourcedefinitions", "CronTab": "crontabs"}


async def create(client: ApiClient, obj: dict[str, Any]) -> None:
    namespace = obj["metadata"].get("namespace")
    await client.resource(obj["apiVersion"], PLURALS[obj["kind"]], namespace=namespace).create(obj)


async def test_forty_invocations_show_what_kubectl_shows(plane: ControlPlane, tmp_path: Path) -> None:
    """Whatever the server makes of the objects, both show the same of it."""
    with trio.fail_after(300):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            for obj in OBJECTS:
                await create(client, obj)
            while True:
                try:
                    await create(client, CRONTAB)
                    break
                except NotFound:
                    await trio.sleep(0.2)
        await compare(["--kubeconfig", str(plane.kubeconfig)], tmp_path)
