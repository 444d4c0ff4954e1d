"""Replicas share a collection on a real kube-apiserver, with and without KEP-5866."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import trio
from real.control_plane import ControlPlane, NoControlPlane, binaries

from trio_k8swatch import PartialObjectMetadata, open_client
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.shard import ShardStore, open_shard

pytestmark = pytest.mark.real

OBJECTS = 300
TIMES = {"lease_seconds": 6.0, "renew_seconds": 4.0, "retry_seconds": 1.0}


@pytest.mark.parametrize("gate", [False, True])
async def test_replicas_share_a_collection(gate: bool, tmp_path: Path) -> None:
    """The server with the feature filters, and its echo says so; the other is found out, and all is filtered here."""
    try:
        found = binaries(os.environ)
    except NoControlPlane as reason:
        pytest.skip(str(reason))
    extra = ("--feature-gates=ShardedListAndWatch=true",) if gate else ()
    plane = ControlPlane(tmp_path / "plane", found, extra=extra)
    await plane.start()
    try:
        with trio.fail_after(120):
            await shared(plane, gate=gate)
    finally:
        with trio.CancelScope(shield=True):
            await plane.stop()


async def shared(plane: ControlPlane, *, gate: bool) -> None:
    async with open_client(from_kubeconfig(plane.kubeconfig)) as client, trio.open_nursery() as nursery:
        writer: Any = client.resource("v1", "configmaps", namespace="default", type=dict)
        for n in range(OBJECTS):
            await writer.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"one-{n}"}})
        maps = client.resource("v1", "configmaps", namespace="default", type=PartialObjectMetadata)
        stores: dict[str, ShardStore[Any]] = {}
        scopes: dict[str, trio.CancelScope] = {}

        async def replica(who: str, task_status: trio.TaskStatus[None]) -> None:
            with trio.CancelScope() as scope:
                scopes[who] = scope
                async with open_shard(maps, "maps", namespace="default", identity=who, **TIMES) as store:
                    stores[who] = store
                    task_status.started()
                    await trio.sleep_forever()

        async def until_shared(more: int = 0) -> None:
            while True:
                held = [obj.metadata.uid for store in stores.values() for obj in store]
                assert len({*held}) == len(held)
                if len(held) == OBJECTS + more and all(len(store) for store in stores.values()):
                    return
                await trio.sleep(0.1)

        for who in ("a", "b", "c"):
            await nursery.start(replica, who)
        await until_shared()
        assert stores["c"].server_filters is gate
        await writer.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}})
        await until_shared(1)
        scopes["b"].cancel()
        del stores["b"]
        await until_shared(1)
        nursery.cancel_scope.cancel()
