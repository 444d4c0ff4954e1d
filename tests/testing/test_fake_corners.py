"""Corners: requests that are wrong, and writes that meet each other."""

import json

import pytest
from testing.fake_client import CONFIG_MAPS, PODS, client_for

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map, deployment, metadata, pod, replica_set

STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


@pytest.fixture
def fake():
    return FakeApiServer(seed=2)


@pytest.fixture
async def client(fake):
    async with client_for(fake) as client:
        yield client


@pytest.mark.parametrize(
    ("parameters", "status", "words"),
    [
        ({"continue": "eyJ2IjoxfQ", "resourceVersion": "5"}, 400, "not allowed when using continue"),
        ({"continue": "x", "resourceVersionMatch": "Exact"}, 422, "forbidden when continue is provided"),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422, "is forbidden for resourceVersion"),
        ({"continue": "!"}, 400, "continue key is not valid"),
        ({"watch": "true", "resourceVersionMatch": "Exact"}, 422, "unless sendInitialEvents is provided"),
        ({"resourceVersion": "99999", "resourceVersionMatch": "Exact"}, 504, "Too large resource version"),
    ],
)
async def test_parameters_that_contradict_each_other(client, parameters, status, words, autojump_clock):
    """As the real server sees it."""
    response = await client.get(CONFIG_MAPS, params=parameters)

    assert response.status_code == status
    assert words in response.text


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[1]", "application/json", 400),
        ("a: [", "application/yaml", 400),
        ("x", "application/vnd.kubernetes.protobuf", 501),
        ('{"metadata": 3}', "application/json", 400),
    ],
)
async def test_bodies_that_are_wrong(client, content, content_type, status, autojump_clock):
    """400, or 501 for what only a real server reads."""
    response = await client.post(CONFIG_MAPS, content=content, headers={"Content-Type": content_type})

    assert response.status_code == status
    assert response.json()["kind"] == "Status"


async def test_directives_of_strategic_merge(fake, client, autojump_clock):
    """Order, removal from plain lists, replacement, and what is retained."""
    fake.create(deployment("web"))
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 2}}
    fake.patch("deployments", "web", {"metadata": {"finalizers": ["x.io/a", "x.io/b"]}, "spec": {"strategy": rolling}})
    path = "/apis/apps/v1/namespaces/default/deployments/web"

    async def patch(content):
        response = await client.patch(path, content=json.dumps(content), headers=STRATEGIC)
        assert response.is_success, response.text
        return fake.get("deployments", "web")

    web = await patch({"metadata": {"finalizers": ["x.io/c"]}})
    assert web["metadata"]["finalizers"] == ["x.io/a", "x.io/b", "x.io/c"]
    web = await patch({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x.io/a"]}})
    assert web["metadata"]["finalizers"] == ["x.io/b", "x.io/c"]
    web = await patch({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}})
    assert web["spec"]["strategy"] == {"type": "Recreate"}
    web = await patch(
        {"spec": {"strategy": {"$patch": "replace", "rollingUpdate": {"maxSurge": 5, "maxUnavailable": 0}}}}
    )
    assert web["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 5, "maxUnavailable": 0}
    containers = [{"name": "one", "image": "1"}, {"name": "two", "image": "2"}]
    order = [{"name": "two"}, {"name": "app"}, {"name": "one"}]
    spec = {"containers": containers, "$setElementOrder/containers": order}
    web = await patch({"spec": {"template": {"spec": spec}}})
    assert [one["name"] for one in web["spec"]["template"]["spec"]["containers"]] == ["two", "app", "one"]
    web = await patch({"spec": {"strategy": None, "template": {"spec": {"securityContext": {"$patch": "delete"}}}}})
    assert web["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert web["spec"]["template"]["spec"]["securityContext"] == {}


async def test_eviction(fake, client, autojump_clock):
    """Allowed without a budget, or with room in it."""
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}}
    fake.create(
        {
            **budget,
            "spec": {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 0, "desiredHealthy": 2, "currentHealthy": 2},
        }
    )
    for name, app in (("a", "web"), ("b", "other")):
        fake.create(pod(name, labels={"app": app}))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction"}

    refused = await client.post(f"{PODS}/a/eviction", json=eviction)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "needs 2 healthy pods and has 2 currently" in refused.json()["details"]["causes"][0]["message"]
    assert (await client.post(f"{PODS}/b/eviction", json=eviction)).status_code == 201
    fake.patch("poddisruptionbudgets", "b", {"status": {"disruptionsAllowed": 1}})
    assert (await client.post(f"{PODS}/a/eviction", json=eviction)).status_code == 201
    assert fake.objects("pods") == []


async def test_deletes_that_only_try(fake, client, autojump_clock):
    """Dry runs, wrong bodies, old words for orphans."""
    owner = fake.create(deployment("web"))
    fake.create(replica_set("web-1", owner))
    path = "/apis/apps/v1/namespaces/default/deployments/web"

    assert (await client.delete(path, params={"dryRun": "All"})).status_code == 200
    assert (await client.request("DELETE", path, content="{")).status_code == 400
    assert len(fake.objects("deployments")) == 1
    await client.delete(path, params={"orphanDependents": "true"})
    assert len(fake.objects("replicasets")) == 1


async def test_an_owner_in_the_foreground_with_a_finalizer_of_its_own(fake, client, autojump_clock):
    """The garbage collector takes its finalizer away, and the other one still holds."""
    owner = fake.create({**config_map("owner"), "metadata": metadata("owner", finalizers=("x.io/mine",))})
    child = {**config_map("child"), "metadata": metadata("child", owner=owner, finalizers=("x.io/held",))}
    fake.create(child)
    await client.delete(f"{CONFIG_MAPS}/owner", params={"propagationPolicy": "Foreground"})
    assert fake.get("configmaps", "owner")["metadata"]["finalizers"] == ["x.io/mine", "foregroundDeletion"]

    fake.patch("configmaps", "child", {"metadata": {"finalizers": None}})
    assert fake.get("configmaps", "child") is None
    assert fake.get("configmaps", "owner")["metadata"]["finalizers"] == ["x.io/mine"]
    fake.patch("configmaps", "owner", {"metadata": {"finalizers": None}})
    assert fake.get("configmaps", "owner") is None


async def test_scale_by_patch(fake, client, autojump_clock):
    """And nothing below zero."""
    fake.create(deployment("web", replicas=2))
    path = "/apis/apps/v1/namespaces/default/deployments/web/scale"
    merge = {"Content-Type": "application/merge-patch+json"}

    scaled = await client.patch(path, content='{"spec":{"replicas":4}}', headers=merge)
    refused = await client.patch(path, content='{"spec":{"replicas":-1}}', headers=merge)

    assert scaled.json()["spec"] == {"replicas": 4}
    assert refused.status_code == 422
    assert fake.get("deployments", "web")["spec"]["replicas"] == 4
