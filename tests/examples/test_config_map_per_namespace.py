"""The smallest controller does its work, through outages and lost history, against the fake API server."""

from __future__ import annotations

import trio
from examples_helper import example

from trio_k8swatch import open_client
from trio_k8swatch.testing import FakeApiServer


def namespace(name: str, **labels: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def teams(fake: FakeApiServer) -> dict[str, object]:
    return {obj["metadata"]["namespace"]: obj["data"] for obj in fake.objects("configmaps")}


async def test_it_creates_repairs_and_removes(autojump_clock, nursery) -> None:
    """What the label says is there; what others change is put right; without the label it goes."""
    fake = FakeApiServer()
    fake.create(namespace("shop", **{"example.com/team": "red"}))
    fake.create(namespace("other"))
    async with open_client(transport=fake.transport()) as client:
        nursery.start_soon(example("config_map_per_namespace").control, client)
        await trio.sleep(1)
        assert teams(fake) == {"shop": {"team": "red"}}

        fake.patch("configmaps", "team", {"data": {"team": "blue"}}, namespace="shop")
        fake.patch("namespaces", "other", {"metadata": {"labels": {"example.com/team": "green"}}})
        await trio.sleep(1)
        assert teams(fake) == {"shop": {"team": "red"}, "other": {"team": "green"}}

        fake.faults.cut_watch()
        fake.compact()
        fake.delete("configmaps", "team", namespace="shop")
        fake.patch("namespaces", "other", {"metadata": {"labels": {"example.com/team": None}}})
        await trio.sleep(120)
        assert teams(fake) == {"shop": {"team": "red"}}
        nursery.cancel_scope.cancel()
