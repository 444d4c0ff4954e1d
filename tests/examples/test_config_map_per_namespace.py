"""The smallest controller does its work, through outages and lost history, against the fake API server."""

from __future__ import annotations

import pytest
import trio
from examples_helper import example
from replicas import WEATHER, Replica, controlling

from trio_k8swatch import open_client
from trio_k8swatch.testing import FakeApiServer

CONTROL = example("config_map_per_namespace").control


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
        nursery.start_soon(CONTROL, client)
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


@pytest.mark.parametrize("strike", WEATHER)
async def test_it_makes_up_for_what_it_missed(autojump_clock, strike) -> None:
    """An outage, lost history, writes that fail: in the end every Namespace is right, by one write that succeeded."""
    fake = FakeApiServer()
    for name in ("repaired", "removed"):
        fake.create(namespace(name, **{"example.com/team": "red"}))
    async with controlling(fake, CONTROL):
        await trio.sleep(1)
        before = len(fake.requests.of("create"))
        strike(fake)
        fake.patch("configmaps", "team", {"data": {"team": "blue"}}, namespace="repaired")
        fake.patch("namespaces", "removed", {"metadata": {"labels": {"example.com/team": None}}})
        fake.create(namespace("new", **{"example.com/team": "green"}))
        await trio.sleep(600)
        assert teams(fake) == {"repaired": {"team": "red"}, "new": {"team": "green"}}

    assert len([call for call in fake.requests.of("create")[before:] if call.status == 201]) == 1
    for verb in ("patch", "delete"):
        assert len([call for call in fake.requests.of(verb) if call.status == 200]) == 1


async def test_another_replica_goes_on_when_the_leader_crashes(autojump_clock, nursery) -> None:
    """Within the lease and a retry."""
    fake = FakeApiServer()
    fake.create(namespace("shop", **{"example.com/team": "red"}))
    replicas = [Replica(fake, name) for name in ("one", "two")]
    for replica in replicas:
        nursery.start_soon(replica.run, CONTROL)
    await trio.sleep(5)
    [leader] = [replica for replica in replicas if replica.leads]
    leader.crash()
    fake.patch("namespaces", "shop", {"metadata": {"labels": {"example.com/team": "green"}}})
    await trio.sleep(1)
    assert teams(fake) == {"shop": {"team": "red"}}
    await trio.sleep(20)
    assert teams(fake) == {"shop": {"team": "green"}}
    nursery.cancel_scope.cancel()
