"""The operator with children and a finalizer brings about what repositories ask for, in any weather."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from examples_helper import example
from replicas import WEATHER, Replica, controlling

from trio_k8swatch import ApiClient
from trio_k8swatch.testing import FakeApiServer

OPERATOR = example("repository_operator")


class Storage:
    """Data by uid; may fail."""

    def __init__(self) -> None:
        self.reserved: dict[str, str] = {}
        self.erased: list[str] = []
        self.fails = False

    async def reserve(self, uid: str, size: str) -> None:
        await trio.sleep(0.1)
        self.reserved[uid] = size

    async def erase(self, uid: str) -> None:
        await trio.sleep(0.1)
        if self.fails:
            raise OSError("no storage")
        self.reserved.pop(uid, None)
        self.erased.append(uid)


@pytest.fixture
def fake() -> FakeApiServer:
    fake = FakeApiServer()
    fake.register("git.example.com/v1", "Repository", plural="repositories")
    return fake


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def operate(storage: Storage) -> Any:
    async def operate(client: ApiClient) -> None:
        await OPERATOR.operate(client, storage)

    return operate


def repository(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "git.example.com/v1",
        "kind": "Repository",
        "metadata": metadata,
        "spec": {"size": "1Gi"} | spec,
    }


def names(fake: FakeApiServer, plural: str) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in fake.objects(plural))


def uid_of(fake: FakeApiServer, name: str) -> str:
    return next(obj["metadata"]["uid"] for obj in fake.objects("repositories") if obj["metadata"]["name"] == name)


async def test_children_are_made_owned_and_repaired(autojump_clock, fake, storage, operate) -> None:
    """And follow the spec."""
    fake.create(repository("linux", replicas=2))
    async with controlling(fake, operate):
        await trio.sleep(2)
        [deployment] = fake.objects("deployments")
        [owner] = deployment["metadata"]["ownerReferences"]
        assert owner["uid"] == uid_of(fake, "linux")
        assert deployment["spec"]["replicas"] == 2
        assert storage.reserved == {owner["uid"]: "1Gi"}

        fake.delete("services", "linux")
        fake.patch("deployments", "linux", {"spec": {"replicas": 7}})
        await trio.sleep(2)
        assert names(fake, "services") == ["linux"]
        assert fake.objects("deployments")[0]["spec"]["replicas"] == 2

        fake.patch("repositories", "linux", {"spec": {"replicas": 3}})
        await trio.sleep(2)
        assert fake.objects("deployments")[0]["spec"]["replicas"] == 3


async def test_it_comes_to_rest(autojump_clock, fake, operate) -> None:
    """What is right is left alone: nothing is asked for any more."""
    fake.create(repository("linux"))
    async with controlling(fake, operate):
        await trio.sleep(5)
        calls = len(fake.requests.of("get")) + sum(len(fake.requests.of(verb)) for verb in ("patch", "create"))
        await trio.sleep(30)
        assert len(fake.requests.of("get")) + sum(len(fake.requests.of(verb)) for verb in ("patch", "create")) == calls


async def test_data_is_erased_before_the_object_goes(autojump_clock, fake, storage, operate) -> None:
    """As long as that fails, the object stays."""
    fake.create(repository("linux"))
    async with controlling(fake, operate):
        await trio.sleep(2)
        uid, storage.fails = uid_of(fake, "linux"), True
        fake.delete("repositories", "linux")
        await trio.sleep(60)
        assert names(fake, "repositories") == ["linux"]
        storage.fails = False
        await trio.sleep(300)
        assert names(fake, "repositories") == []
        assert storage.erased == [uid]
        assert storage.reserved == {}


async def test_a_repository_that_is_wrong_is_not_tried_again(autojump_clock, fake, storage, operate) -> None:
    """Until somebody changes it."""
    fake.create(repository("linux", replicas=-1))
    async with controlling(fake, operate):
        await trio.sleep(600)
        assert storage.reserved == {}
        fake.patch("repositories", "linux", {"spec": {"replicas": 1}})
        await trio.sleep(2)
        assert names(fake, "deployments") == ["linux"]


@pytest.mark.parametrize("strike", WEATHER)
async def test_it_makes_up_for_what_it_missed(autojump_clock, fake, storage, operate, strike) -> None:
    """An outage, lost history, writes that fail: in the end all is as asked for, and no data is forgotten."""
    fake.create(repository("linux"))
    fake.create(repository("old"))
    async with controlling(fake, operate):
        await trio.sleep(2)
        old = uid_of(fake, "old")
        strike(fake)
        fake.delete("repositories", "old")
        fake.create(repository("new", replicas=5))
        fake.delete("deployments", "linux")
        await trio.sleep(900)
        assert names(fake, "repositories") == ["linux", "new"]
        assert {"linux", "new"} <= {*names(fake, "deployments")}
        assert storage.reserved.keys() == {uid_of(fake, "linux"), uid_of(fake, "new")}
        assert old in storage.erased


async def test_another_replica_finishes_what_the_leader_began(autojump_clock, fake, storage, operate, nursery) -> None:
    """The leader crashes between the finalizer and the children."""
    replicas = [Replica(fake, name) for name in ("one", "two")]
    for replica in replicas:
        nursery.start_soon(partial(replica.run, operate))
    await trio.sleep(5)
    [leader] = [replica for replica in replicas if replica.leads]
    fake.create(repository("linux"))
    await trio.sleep(0.05)
    leader.crash()
    await trio.sleep(25)
    assert names(fake, "deployments") == ["linux"]
    assert storage.reserved.keys() == {uid_of(fake, "linux")}
    nursery.cancel_scope.cancel()
