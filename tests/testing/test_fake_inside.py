"""The cluster from the inside: plain calls, copies, and a clock that needs no trio."""

import json

import pytest
import trio
import trio.lowlevel
from testing.fake_client import CONFIG_MAPS, client_for, watching

from trio_k8swatch.testing import FakeApiServer, Refused, builders
from trio_k8swatch.testing.builders import config_map, pod


@pytest.fixture
def fake():
    return FakeApiServer(seed=2)


def test_objects_are_copies(fake):
    """Neither what is handed in nor what is handed out is the cluster's own."""
    mine = config_map("a", k="1")
    made = fake.create(mine)
    mine["data"]["k"] = made["data"]["k"] = "changed"

    assert fake.get("configmaps", "a")["data"] == {"k": "1"}
    assert fake.get("configmaps", "none") is None


def test_versions_count_all_changes_of_the_cluster(fake):
    """One counter for everything; what changes nothing counts nothing."""
    before = int(fake.resource_version)
    made = fake.create(config_map("a", k="1"))
    fake.create(pod("p"))
    again = fake.replace(made)

    assert int(fake.resource_version) == before + 2
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_stale_replace_is_a_conflict(fake):
    """And so is a second create; both say it as the server does."""
    old = fake.create(config_map("a", k="1"))
    fake.patch("configmaps", "a", {"data": {"k": "2"}})

    with pytest.raises(Refused, match="the object has been modified") as caught:
        fake.replace(old)
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    with pytest.raises(Refused, match='configmaps "a" already exists'):
        fake.create(config_map("a"))


def test_names_of_resources(fake):
    """As kubectl takes them; what is not there is said with the way out."""
    assert {fake.kind(name).plural for name in ("pods", "po", "Pod", "pod")} == {"pods"}
    assert fake.kind("deploy") == fake.kind("deployments.apps")
    with pytest.raises(LookupError, match=r"no resource 'crontabs'; fake.register"):
        fake.objects("crontabs")
    with pytest.raises(LookupError, match=r"no kind example.com/v1 Foo; fake.register"):
        fake.create({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}})


def test_namespaces_are_made_on_the_way(fake):
    """From inside; over HTTP they must be there."""
    fake.create(config_map("a", "shop"))
    assert fake.get("namespaces", "shop")["status"] == {"phase": "Active"}


def test_every_builder_makes_what_the_server_takes(fake):
    """And the whole family hangs together."""
    deployment = fake.create(builders.deployment("web", replicas=2))
    replicas = fake.create(builders.replica_set("web-1", deployment))
    fake.create(pod("web-1-a", owner=replicas, labels={"app": "web"}))
    fake.create(builders.node("n", ready=False))
    fake.create(builders.service("web"))
    fake.create(builders.secret("s", data={"k": "dg=="}))
    fake.create(builders.namespace("shop"))
    fake.create(builders.lease("l", holder="me"))
    fake.create(builders.custom_resource_definition("example.com/v1", "Foo", short_names=("fo",)))
    fake.create({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}, "spec": {"any": [1]}})

    assert fake.get("fo", "x")["spec"] == {"any": [1]}
    fake.delete(deployment)
    assert (fake.objects("replicasets"), fake.objects("pods")) == ([], [])


def test_a_dump_is_loaded_as_it_is(fake):
    """uids, versions and all; lists say their items' kind."""
    other = FakeApiServer(seed=9, first_resource_version=5000)
    for name in "ab":
        other.create(config_map(name))
    dump = {"kind": "List", "apiVersion": "v1", "items": json.loads(json.dumps(other.objects("configmaps")))}
    fake.load(dump)

    assert fake.objects("configmaps") == other.objects("configmaps")
    assert fake.resource_version == other.resource_version


async def test_a_dump_is_seen_by_watches(fake, autojump_clock):
    """What is newer than the cluster is news."""
    async with client_for(fake) as client, watching(client) as watch:
        fake.load(
            {**config_map("a"), "metadata": {"name": "a", "namespace": "default", "uid": "1", "resourceVersion": "99"}}
        )
        await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
    assert watch.names == [("ADDED", "a")]


async def test_later_needs_no_task(fake, autojump_clock):
    """An open watch sees it in time; without one, whoever looks next sees it done."""
    fake.after(30, lambda: fake.create(config_map("a")))
    fake.after(60, lambda: fake.create(config_map("b")))
    async with client_for(fake) as client, watching(client) as watch:
        await trio.sleep(45)
    assert [time for time, _ in watch.chunks] == [30]
    await trio.sleep(100)
    assert [one["metadata"]["name"] for one in fake.objects("configmaps")] == ["a", "b"]


def test_the_clock_goes_on_from_run_to_run(fake):
    """A server may outlive an event loop; its time never goes back."""

    async def wait():
        start = fake.now
        await trio.sleep(10)
        return start, fake.now

    times = [trio.run(wait, clock=trio.testing.MockClock(autojump_threshold=0)) for _ in range(2)]
    made = fake.create(config_map("a"))

    assert times == [(0, 10), (10, 20)]
    assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:20Z"


async def test_a_pod_with_a_node_takes_its_time_to_stop(fake, autojump_clock):
    """Marked first, gone when the kubelet is done; with grace zero at once."""
    for name in "ab":
        fake.create(pod(name, node="n"))
    async with client_for(fake) as client, watching(client, "/api/v1/namespaces/default/pods") as watch:
        fake.delete("pods", "a", grace_seconds=None)
        fake.delete("pods", "b")
        await trio.sleep(5)

    assert watch.names[2:] == [("MODIFIED", "a"), ("DELETED", "b"), ("DELETED", "a")]
    assert watch.events[2]["object"]["metadata"]["deletionGracePeriodSeconds"] == 30
    assert watch.chunks[-1][0] == 1


async def test_history_is_limited(autojump_clock):
    """Only so many changes are remembered, and memory is bounded by that."""
    fake = FakeApiServer(history_limit=50)
    first = fake.resource_version
    fake.create(config_map("a"))
    for number in range(500):
        fake.patch("configmaps", "a", {"data": {"n": str(number)}})
    async with client_for(fake) as client:
        too_old = await client.get(CONFIG_MAPS, params={"watch": "true", "resourceVersion": first})
        recent = str(int(fake.resource_version) - 40)
        params = {"watch": "true", "resourceVersion": recent, "timeoutSeconds": 1}
        enough = await client.get(CONFIG_MAPS, params=params)

    assert too_old.json()["object"]["reason"] == "Expired"
    assert enough.text.count("MODIFIED") == 40
    assert len(fake.storage["configmaps"].changes) <= 100
    with pytest.raises(ValueError, match=r"cannot roll back to resourceVersion \d+: only \d+ to \d+ are remembered"):
        fake.faults.roll_back(to=first)
