"""What writes do, by the rules of the API."""

import json

import pytest
import trio
from testing.fake_client import CONFIG_MAPS, PODS, client_for

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import (
    config_map,
    custom_resource_definition,
    deployment,
    metadata,
    pod,
    replica_set,
)

MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest.fixture
def fake():
    return FakeApiServer(seed=2)


@pytest.fixture
async def client(fake):
    async with client_for(fake, headers={"User-Agent": "tester/1.0"}) as client:
        yield client


async def patch(client, path, content, headers=MERGE, **params):
    return await client.patch(path, content=json.dumps(content), headers=headers, params=params)


async def test_the_server_fills_in_what_it_owns(fake, client, autojump_clock):
    """uid, time, generation and the manager; a status that came with it is dropped."""
    sent = {**deployment("web"), "status": {"replicas": 99}}
    made = (await client.post(DEPLOYMENTS, json=sent)).json()

    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert made["metadata"]["managedFields"][0]["manager"] == "tester"
    assert made["status"] == {}
    order = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "labels",
        "managedFields",
    ]
    assert list(made["metadata"]) == order


async def test_generate_name(client, autojump_clock):
    """Five characters, none of which can be mistaken."""
    sent = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "job-"}}
    names = [(await client.post(CONFIG_MAPS, json=sent)).json()["metadata"]["name"] for _ in range(3)]

    assert len(set(names)) == 3
    assert all(len(name) == 9 and not set(name[4:]) & set("aeiou01") for name in names)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"metadata": {}}, 422, "name or generateName is required"),
        ({"metadata": {"name": "x", "namespace": "other"}}, 400, "does not match the namespace sent on the request"),
        ({"metadata": {"name": "x", "resourceVersion": "5"}}, 500, "resourceVersion should not be set"),
        ({"apiVersion": "v2"}, 400, "does not match the expected API version (v1)"),
        ({"kind": "Secret"}, 400, "cannot be handled as a ConfigMap"),
    ],
)
async def test_creates_that_are_refused(client, change, status, words, autojump_clock):
    """With the field, where there is one."""
    response = await client.post(CONFIG_MAPS, json={**config_map("a"), **change})

    assert response.status_code == status
    assert words in response.json()["message"]


async def test_a_namespace_must_be_there(client, autojump_clock):
    """404 names it."""
    response = await client.post("/api/v1/namespaces/none/configmaps", json=config_map("a"))
    assert response.json()["message"] == 'namespaces "none" not found'


async def test_put_with_conflicts_and_preconditions(fake, client, autojump_clock):
    """An old version, another uid, another name."""
    made = fake.create(config_map("a", k="1"))
    fake.patch("configmaps", "a", {"data": {"k": "2"}})
    path = f"{CONFIG_MAPS}/a"

    assert (await client.put(path, json=made)).json()["reason"] == "Conflict"
    other = {**made, "metadata": {"name": "a", "uid": "other"}}
    assert "Precondition failed: UID" in (await client.put(path, json=other)).json()["message"]
    assert (await client.put(f"{CONFIG_MAPS}/b", json=made)).status_code == 400
    assert (await client.put(f"{CONFIG_MAPS}/b", json=config_map("b"))).status_code == 404
    assert (await client.put(path, json={**made, "metadata": {"name": "b"}})).status_code == 400
    assert (await client.put(path, json=config_map("a", k="3"))).json()["data"] == {"k": "3"}


async def test_generation_counts_changes_of_the_spec(fake, client, autojump_clock):
    """Not those of labels or status."""
    fake.create(deployment("web"))
    path = f"{DEPLOYMENTS}/web"
    await patch(client, path, {"metadata": {"labels": {"a": "b"}}})
    await patch(client, f"{path}/status", {"status": {"replicas": 1}})
    assert fake.get("deployments", "web")["metadata"]["generation"] == 1
    await patch(client, path, {"spec": {"replicas": 3}})
    assert fake.get("deployments", "web")["metadata"]["generation"] == 2


async def test_status_and_the_rest_are_written_apart(fake, client, autojump_clock):
    """Each by its own path."""
    await client.post(DEPLOYMENTS, json=deployment("web"))
    path = f"{DEPLOYMENTS}/web"
    both = {"spec": {"replicas": 7}, "status": {"replicas": 7}}

    await patch(client, path, both)
    assert fake.get("deployments", "web")["status"] == {}
    await patch(client, f"{path}/status", {"spec": {"replicas": 9}, "status": {"replicas": 8}})
    web = fake.get("deployments", "web")
    assert (web["spec"]["replicas"], web["status"]) == (7, {"replicas": 8})
    assert web["metadata"]["managedFields"][-1]["subresource"] == "status"


async def test_strategic_merge(fake, client, autojump_clock):
    """Containers by name, with the directives; custom resources refuse it."""
    fake.create(deployment("web"))
    spec = {"containers": [{"name": "side", "image": "s"}, {"name": "app", "env": [{"name": "A", "value": "1"}]}]}
    await patch(client, f"{DEPLOYMENTS}/web", {"spec": {"template": {"spec": spec}}}, STRATEGIC)
    containers = fake.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in containers] == ["side", "app"]
    assert containers[1]["image"]
    drop = {"containers": [{"name": "side", "$patch": "delete"}, {"name": "app", "env": [{"$patch": "replace"}]}]}
    await patch(client, f"{DEPLOYMENTS}/web", {"spec": {"template": {"spec": drop}}}, STRATEGIC)
    containers = fake.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert [(one["name"], one.get("env")) for one in containers] == [("app", None)]

    fake.register("example.com/v1", "Foo")
    fake.create({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}})
    response = await patch(client, "/apis/example.com/v1/namespaces/default/foos/x", {}, STRATEGIC)
    assert response.status_code == 415


async def test_json_patch(fake, client, autojump_clock):
    """Its test operation is a precondition."""
    fake.create(config_map("a", k="1"))
    good = [{"op": "test", "path": "/data/k", "value": "1"}, {"op": "add", "path": "/data/l", "value": "2"}]
    bad = [{"op": "test", "path": "/data/k", "value": "9"}]

    assert (await patch(client, f"{CONFIG_MAPS}/a", good, JSON_PATCH)).json()["data"] == {"k": "1", "l": "2"}
    assert (await patch(client, f"{CONFIG_MAPS}/a", bad, JSON_PATCH)).status_code == 422


async def apply(client, obj, manager, **params):
    path = f"{CONFIG_MAPS}/{obj['metadata']['name']}"
    return await patch(client, path, obj, APPLY, fieldManager=manager, **params)


async def test_server_side_apply(fake, client, autojump_clock):
    """Creates, merges, removes what is applied no more, and tells a conflict."""
    assert (await apply(client, config_map("a", x="1", y="2"), "one")).status_code == 201
    assert (await apply(client, config_map("a", z="3"), "two")).status_code == 200
    conflict = await apply(client, config_map("a", x="9", z="3"), "two")
    assert conflict.json()["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.x"}
    ]
    await apply(client, config_map("a", x="9", z="3"), "two", force="true")
    assert fake.get("configmaps", "a")["data"] == {"x": "9", "y": "2", "z": "3"}
    await apply(client, config_map("a"), "one")
    assert fake.get("configmaps", "a")["data"] == {"x": "9", "z": "3"}
    assert (await patch(client, f"{CONFIG_MAPS}/a", config_map("a"), APPLY)).status_code == 422


async def test_an_empty_map_that_was_applied_may_be_filled(fake, client, autojump_clock):
    """Whoever owned it empty, and now something in it, does not take it away."""
    empty = {**config_map("a"), "data": {}}
    for wanted in (config_map("a", x="1"), empty, config_map("a", k="v")):
        assert (await apply(client, wanted, "one")).status_code in {200, 201}
    assert fake.get("configmaps", "a")["data"] == {"k": "v"}


async def test_dry_run_changes_nothing(fake, client, autojump_clock):
    """It answers as if it had."""
    before = fake.resource_version
    made = await client.post(CONFIG_MAPS, json=config_map("a"), params={"dryRun": "All"})
    assert (made.status_code, fake.resource_version, fake.objects("configmaps")) == (201, before, [])


async def test_finalizers_hold_an_object(fake, client, autojump_clock):
    """Marked, then gone with the last of them; a second delete changes nothing."""
    fake.create({**config_map("a"), "metadata": metadata("a", finalizers=("example.com/x",))})
    path = f"{CONFIG_MAPS}/a"
    marked = (await client.delete(path)).json()
    version = fake.resource_version
    await client.delete(path)
    assert marked["metadata"]["deletionTimestamp"]
    assert fake.resource_version == version

    await patch(client, path, {"metadata": {"finalizers": None}})
    assert fake.get("configmaps", "a") is None


async def test_delete_preconditions(fake, client, autojump_clock):
    """uid and resourceVersion, 409 where they do not hold."""
    made = fake.create(config_map("a"))
    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        response = await client.request("DELETE", f"{CONFIG_MAPS}/a", json={"preconditions": wrong})
        assert response.status_code == 409
        assert "in the precondition" in response.json()["message"]
    right = {"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]}
    assert (await client.request("DELETE", f"{CONFIG_MAPS}/a", json={"preconditions": right})).status_code == 200


def family(fake):
    owner = fake.create(deployment("web"))
    middle = fake.create(replica_set("web-1", owner))
    fake.create(pod("web-1-a", owner=middle))


@pytest.mark.parametrize(
    ("policy", "replica_sets", "pods"), [("Background", 0, 0), ("Foreground", 0, 0), ("Orphan", 1, 1)]
)
async def test_dependents(fake, client, policy, replica_sets, pods, autojump_clock):
    """They go with their owner, or are left without it."""
    family(fake)
    await client.delete(f"{DEPLOYMENTS}/web", params={"propagationPolicy": policy})

    assert fake.objects("deployments") == []
    assert (len(fake.objects("replicasets")), len(fake.objects("pods"))) == (replica_sets, pods)
    assert all("ownerReferences" not in one["metadata"] for one in fake.objects("replicasets"))


async def test_an_owner_in_the_foreground_waits_for_its_dependents(fake, client, autojump_clock):
    """And is marked meanwhile."""
    family(fake)
    fake.patch("pods", "web-1-a", {"metadata": {"finalizers": ["example.com/x"]}})
    fake.patch("replicasets", "web-1", {"metadata": {"finalizers": ["example.com/x"]}})
    await client.delete(f"{DEPLOYMENTS}/web", params={"propagationPolicy": "Foreground"})
    assert fake.get("deployments", "web")["metadata"]["finalizers"] == ["foregroundDeletion"]

    fake.patch("replicasets", "web-1", {"metadata": {"finalizers": None}})
    assert fake.get("deployments", "web") is None


async def test_a_dependent_with_another_owner_stays(fake, client, autojump_clock):
    """Only the reference goes."""
    first, second = fake.create(config_map("one")), fake.create(config_map("two"))
    obj = config_map("child")
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": one["metadata"]["name"], "uid": one["metadata"]["uid"]}
        for one in (first, second)
    ]
    fake.create({**obj, "metadata": {"name": "child", "ownerReferences": references}})
    fake.delete(first)
    assert fake.get("configmaps", "child")["metadata"]["ownerReferences"] == references[1:]
    fake.delete(second)
    assert fake.get("configmaps", "child") is None


async def test_delete_collection(fake, client, autojump_clock):
    """What the selector selects, and nothing else."""
    for name in "abc":
        fake.create(config_map(name, labels={"x": name}))
    await client.delete(CONFIG_MAPS, params={"labelSelector": "x in (a,b)"})
    assert [one["metadata"]["name"] for one in fake.objects("configmaps")] == ["c"]
    assert (await client.delete("/api/v1/namespaces")).status_code == 405


async def test_a_terminating_namespace_takes_nothing_new(fake, client, autojump_clock):
    """Until it is empty; then it is gone."""
    fake.create(pod("a", "shop", node="n"))
    await client.delete("/api/v1/namespaces/shop")
    refused = await client.post("/api/v1/namespaces/shop/configmaps", json=config_map("x"))
    assert refused.status_code == 403
    assert "it is being terminated" in refused.json()["message"]
    await trio.sleep(2)
    assert fake.get("pods", "a", namespace="shop") is None
    assert fake.get("namespaces", "shop") is None


async def test_scale_and_binding(fake, client, autojump_clock):
    """Subresources of another kind."""
    fake.create(deployment("web", replicas=2))
    fake.create(pod("p", phase="Pending"))

    scale = (await client.get(f"{DEPLOYMENTS}/web/scale")).json()
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 2})
    await client.put(f"{DEPLOYMENTS}/web/scale", json={**scale, "spec": {"replicas": 5}})
    assert fake.get("deployments", "web")["spec"]["replicas"] == 5

    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "node-a"}}
    assert (await client.post(f"{PODS}/p/binding", json=binding)).status_code == 201
    assert (await client.post(f"{PODS}/p/binding", json=binding)).status_code == 409
    assert fake.get("pods", "p")["spec"]["nodeName"] == "node-a"


CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def test_a_definition_is_served_after_a_while(autojump_clock):
    """404 first, then its collection; with a schema that prunes, defaults and refuses."""
    fake = FakeApiServer(crd_seconds=2)
    properties = {
        "n": {"type": "integer", "minimum": 1, "default": 3},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
    }
    foos = "/apis/example.com/v1/namespaces/default/foos"
    foo = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}}
    async with client_for(fake) as client:
        await client.post(CRD_PATH, json=custom_resource_definition("example.com/v1", "Foo", properties=properties))
        assert (await client.get(foos)).status_code == 404
        await trio.sleep(2)
        assert (await client.get(foos)).json()["items"] == []

        made = (await client.post(foos, json={**foo, "spec": {"unknown": 1, "mode": "a"}})).json()
        assert made["spec"] == {"mode": "a", "n": 3}
        wrong = await client.put(f"{foos}/x", json={**made, "spec": {"n": 0, "mode": "c", "tags": ["long", 1]}})
        assert [cause["field"] for cause in wrong.json()["details"]["causes"]] == [
            "spec.n",
            "spec.mode",
            "spec.tags[0]",
            "spec.tags[1]",
        ]
        await client.delete(f"{CRD_PATH}/foos.example.com")
        assert (await client.get(foos)).status_code == 404


async def test_versions_of_a_definition(fake, client, autojump_clock):
    """One object, read in each version that is served."""
    definition = custom_resource_definition("example.com/v1", "Foo")
    second = {**definition["spec"]["versions"][0], "name": "v2", "storage": False, "deprecated": True}
    definition["spec"]["versions"].append(second)
    fake.create(definition)
    fake.create({"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}})

    response = await client.get("/apis/example.com/v2/namespaces/default/foos/x")

    assert response.json()["apiVersion"] == "example.com/v2"
    assert "is deprecated" in response.headers["Warning"]


async def test_yaml_bodies(client, autojump_clock):
    """A timestamp in YAML stays a string."""
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {t: 2026-01-01T00:00:00Z}\n"
    made = await client.post(CONFIG_MAPS, content=body, headers={"Content-Type": "application/yaml"})
    assert made.json()["data"] == {"t": "2026-01-01T00:00:00Z"}


async def test_server_side_apply_of_lists_with_keys(fake, client, autojump_clock):
    """Containers by name, environment by name, finalizers as a set: each manager has its own items."""
    path = f"{DEPLOYMENTS}/web"

    async def apply_as(manager, containers, finalizers):
        head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "finalizers": finalizers}}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
        body = {**head, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}}
        response = await patch(client, path, body, APPLY, fieldManager=manager)
        assert response.is_success, response.text

    def containers():
        found = fake.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
        return {one["name"]: [env["name"] for env in one.get("env", [])] for one in found}

    one = {"name": "app", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    await apply_as("one", [one], ["x.io/one"])
    await apply_as(
        "two", [{"name": "app", "env": [{"name": "C", "value": "3"}]}, {"name": "side", "image": "s"}], ["x.io/two"]
    )
    assert containers() == {"app": ["A", "B", "C"], "side": []}
    assert set(fake.get("deployments", "web")["metadata"]["finalizers"]) == {"x.io/one", "x.io/two"}

    await apply_as("one", [{**one, "env": one["env"][:1]}], [])
    await apply_as("two", [{"name": "app", "env": [{"name": "C", "value": "3"}]}], [])
    assert containers() == {"app": ["A", "C"]}
    assert fake.get("deployments", "web")["metadata"].get("finalizers", []) == []
    managers = [entry["manager"] for entry in fake.get("deployments", "web")["metadata"]["managedFields"]]
    assert managers == ["one", "two"]


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"type": "string"}, 3, 'spec.v in body must be of type string: "integer"'),
        ({"type": "integer"}, True, 'must be of type integer: "boolean"'),
        ({"type": "integer", "maximum": 5}, 6, "should be less than or equal to 5"),
        ({"type": "string", "minLength": 2}, "a", "should be at least 2 chars long"),
        ({"type": "string", "maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "pattern": "^a+$"}, "b", "should match '^a+$'"),
        ({"type": "string", "enum": ["x"]}, "y", 'Unsupported value: "y": supported values: "x"'),
        ({"type": "object", "required": ["k"]}, {}, "spec.v.k: Required value"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"k": 1},
            'spec.v.k: Invalid value: "integer"',
        ),
    ],
)
async def test_schemas_refuse(fake, client, schema, value, words, autojump_clock):
    """In the words of the real server's validation."""
    fake.create(custom_resource_definition("example.com/v1", "Foo", properties={"v": schema}))
    foo = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}, "spec": {"v": value}}

    response = await client.post("/apis/example.com/v1/namespaces/default/foos", json=foo)

    assert response.status_code == 422
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "nullable": True}, None),
        ({"x-kubernetes-int-or-string": True}, "50%"),
        ({"x-kubernetes-int-or-string": True}, 5),
        ({"type": "number"}, 1.5),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"any": {"thing": [1]}}),
        ({"type": "object", "additionalProperties": True}, {"k": 1}),
        ({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "boolean"}}}}, [{"a": True}]),
    ],
)
async def test_schemas_let_through(fake, client, schema, value, autojump_clock):
    """Unchanged."""
    fake.create(custom_resource_definition("example.com/v1", "Foo", properties={"v": schema}))
    foo = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "x"}, "spec": {"v": value}}

    made = (await client.post("/apis/example.com/v1/namespaces/default/foos", json=foo)).json()

    assert made["spec"] == {"v": value}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{CONFIG_MAPS}/a", 405),
        ("PUT", CONFIG_MAPS, 405),
        ("BREW", CONFIG_MAPS, 405),
        ("POST", "/api/v1/configmaps", 405),
        ("GET", "/api/v1/configmaps/a", 404),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", f"{CONFIG_MAPS}/a/b/c", 404),
        ("GET", f"{CONFIG_MAPS}/a/nothing", 404),
        ("GET", f"{PODS}/a/log", 501),
        ("GET", "/openapi/v2", 501),
        ("GET", "/apis/example.com/v1", 404),
        ("GET", "/apis/apps/v2", 404),
    ],
)
async def test_paths_that_lead_nowhere(client, method, path, status, autojump_clock):
    """405 where it cannot be done, 404 where nothing is, 501 where a real server has something."""
    assert (await client.request(method, path)).status_code == status


async def test_kubectl_changes_sides(client, autojump_clock):
    """What it applied on the client, and is so still, is its own; other managers conflict with it as with any."""
    last = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1", "b": "1"}}
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    made = {**last, "metadata": {"name": "a", "annotations": {annotation: json.dumps(last)}}}
    await client.post(CONFIG_MAPS, json=made, params={"fieldManager": "kubectl-client-side-apply"})
    path, changed = f"{CONFIG_MAPS}/a", {**last, "data": {"a": "2"}}

    refused = await patch(client, path, changed, APPLY, fieldManager="other")
    assert (refused.status_code, refused.json()["details"]["causes"][0]["field"]) == (409, ".data.a")
    taken = (await patch(client, path, changed, APPLY, fieldManager="kubectl")).json()
    assert taken["data"]["a"] == "2"
    assert json.loads(taken["metadata"]["annotations"][annotation]) == changed
    # What it does not name any more it has not changed: b is the client side's as before.
    again = await patch(client, path, {**last, "data": {"b": "9"}}, APPLY, fieldManager="kubectl")
    assert again.status_code == 409


async def test_nobody_is_known_to_have_written_what_was_there(fake, client, autojump_clock):
    """The first who applies finds it in the hands of `before-first-apply`."""
    fake.create(config_map("a", k="1"))
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "2"}}
    refused = await patch(client, f"{CONFIG_MAPS}/a", obj, APPLY, fieldManager="one")

    assert refused.status_code == 409
    assert 'conflict with "before-first-apply" using v1: .data.k' in refused.json()["message"]
    forced = await patch(client, f"{CONFIG_MAPS}/a", obj, APPLY, fieldManager="one", force="true")
    assert [one["manager"] for one in forced.json()["metadata"]["managedFields"]] == ["one", "before-first-apply"]
