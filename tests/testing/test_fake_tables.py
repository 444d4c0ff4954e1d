"""What kubectl's tables show, kind by kind."""

from datetime import datetime, timedelta, timezone

import pytest
import trio
from testing.fake_client import client_for

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._printers.cells import duration
from trio_k8swatch.testing.builders import (
    condition,
    config_map,
    custom_resource_definition,
    deployment,
    lease,
    metadata,
    node,
    pod,
    replica_set,
    secret,
    service,
)

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-0.5, "0s"),
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600 + 60, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400 + 3600, "8d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
    ],
)
def test_ages_are_short(seconds, shown):
    """At most two units, as kubectl prints them."""
    assert duration(seconds) == shown


async def rows(fake, path):
    async with client_for(fake) as client:
        table = (await client.get(path, headers=TABLE)).json()
    names = [column["name"] for column in table["columnDefinitions"]]
    assert all(len(row["cells"]) == len(names) for row in table["rows"])
    return [dict(zip(names, row["cells"], strict=True)) for row in table["rows"]]


@pytest.fixture
def fake():
    return FakeApiServer()


async def test_workloads(fake, autojump_clock):
    """Deployments, replica sets, stateful sets, daemon sets, jobs."""
    web = fake.create(
        {**deployment("web", replicas=3, image="i:1"), "status": {"readyReplicas": 2, "updatedReplicas": 1}}
    )
    fake.create(replica_set("web-1", web))
    common = {"apiVersion": "apps/v1", "metadata": {"name": "x"}, "spec": web["spec"]}
    fake.create({**common, "kind": "StatefulSet"})
    fake.create({**common, "kind": "DaemonSet", "status": {"numberReady": 2}})
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"completions": 2}}
    status = {"succeeded": 2, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:01:30Z"}
    fake.create({**job, "status": {**status, "conditions": [condition("Complete", ready=True)]}})

    (one,) = await rows(fake, "/apis/apps/v1/deployments")
    assert [one[name] for name in ("Name", "Ready", "Up-to-date", "Available")] == ["web", "2/3", 1, 0]
    assert [one[name] for name in ("Containers", "Images", "Selector")] == ["app", "i:1", "app=web"]
    (one,) = await rows(fake, "/apis/apps/v1/replicasets")
    assert [one[name] for name in ("Desired", "Current", "Ready")] == [3, 0, 0]
    (one,) = await rows(fake, "/apis/apps/v1/statefulsets")
    assert one["Ready"] == "0/3"
    (one,) = await rows(fake, "/apis/apps/v1/daemonsets")
    assert (one["Ready"], one["Node Selector"]) == (2, "<none>")
    (one,) = await rows(fake, "/apis/batch/v1/jobs")
    assert [one[name] for name in ("Status", "Completions", "Duration")] == ["Complete", "2/2", "90s"]


async def test_core_kinds(fake, autojump_clock):
    """Services, secrets, leases, events, namespaces, config maps."""
    fake.create(service("web", port=8080))
    fake.create(secret("s", data={"k": "dg=="}))
    fake.create(lease("l", holder="me"))
    fake.create(config_map("c", a="1", b="2"))
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Pulled", "message": " hi "}
    event["source"] = {"component": "kubelet", "host": "n1"}
    fake.create({**event, "type": "Normal", "involvedObject": {"kind": "Pod", "name": "p"}})
    fake.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa"}})
    await trio.sleep(300)

    (one,) = await rows(fake, "/api/v1/services")
    assert list(one.values()) == ["web", "ClusterIP", "<none>", "<none>", "8080/TCP", "5m", "app=web"]
    (one,) = await rows(fake, "/api/v1/secrets")
    assert list(one.values()) == ["s", "Opaque", 1, "5m"]
    (one,) = await rows(fake, "/apis/coordination.k8s.io/v1/leases")
    assert list(one.values()) == ["l", "me", "5m"]
    (one,) = await rows(fake, "/api/v1/configmaps")
    assert list(one.values()) == ["c", 2, "5m"]
    (one,) = await rows(fake, "/api/v1/events")
    wide = {"Subobject": "", "Source": "kubelet, n1", "First Seen": "<unknown>", "Count": 1}
    shown = {"Last Seen": "<unknown>", "Type": "Normal", "Reason": "Pulled", "Object": "pod/p", "Message": "hi"}
    assert one == {**shown, **wide, "Name": "e"}
    assert (await rows(fake, "/api/v1/namespaces"))[0] == {"Name": "default", "Status": "Active", "Age": "5m"}
    assert (await rows(fake, "/api/v1/serviceaccounts"))[0] == {"Name": "sa", "Age": "5m"}


def with_state(name, state, **more):
    status = {"name": "app", "ready": False, "restartCount": 0, "state": state, **more}
    obj = pod(name, node="n")
    obj["status"]["containerStatuses"] = [status]
    return obj


async def test_pods(fake, autojump_clock):
    """The status that says most: waiting, ended, terminating, lost."""
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}}
    fake.create(with_state("a", waiting, restartCount=3, lastState=last))
    fake.create(with_state("b", {"terminated": {"exitCode": 2}}))
    fake.create(with_state("c", {"running": {}}, ready=True))
    fake.create({**with_state("d", {"running": {}}), "status": {"phase": "Failed", "reason": "Evicted"}})
    fake.create({**pod("e", node="n"), "metadata": metadata("e", finalizers=("x.io/y",))})
    fake.delete("pods", "e")
    await trio.sleep(30)

    shown = [(one["Name"], one["Ready"], one["Status"], one["Restarts"]) for one in await rows(fake, "/api/v1/pods")]

    assert shown == [
        ("a", "0/1", "CrashLoopBackOff", "3 (30s ago)"),
        ("b", "0/1", "ExitCode:2", "0"),
        ("c", "1/1", "Running", "0"),
        ("d", "0/1", "Evicted", "0"),
        ("e", "0/1", "Terminating", "0"),
    ]


async def test_nodes(fake, autojump_clock):
    """Ready or not, with roles, and cordoned."""
    fake.create(node("a", labels={"node-role.kubernetes.io/control-plane": ""}))
    fake.create(node("b", ready=False))
    fake.patch("nodes", "a", {"spec": {"unschedulable": True}})

    shown = [(one["Name"], one["Status"], one["Roles"]) for one in await rows(fake, "/api/v1/nodes")]

    assert shown == [("a", "Ready,SchedulingDisabled", "control-plane"), ("b", "NotReady", "<none>")]


async def test_columns_of_custom_resources(fake, autojump_clock):
    """By JSON path: fields, quoted fields, indexes, filters, dates."""
    definition = custom_resource_definition("example.com/v1", "Foo")
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Quoted", "type": "string", "jsonPath": ".spec['a.b']"},
        {"name": "Escaped", "type": "string", "jsonPath": r".spec.a\.b"},
        {"name": "First", "type": "string", "jsonPath": ".spec.list[0].name", "priority": 1},
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Since", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        {"name": "Missing", "type": "string", "jsonPath": ".spec.none.of[3].this"},
    ]
    fake.create(definition)
    spec = {"size": 3, "a.b": "x", "list": [{"name": "one"}]}
    status = {"conditions": [condition("Other", ready=False), condition("Ready", ready=True)]}
    foo = {"apiVersion": "example.com/v1", "kind": "Foo", "metadata": {"name": "f"}}
    fake.create({**foo, "spec": spec, "status": status})
    await trio.sleep(10)

    (one,) = await rows(fake, "/apis/example.com/v1/foos")

    assert list(one.values()) == ["f", 3, "x", "x", "one", "True", "10s", None]


def test_the_epoch_is_the_callers(fake):
    """Timestamps begin where the caller says."""
    epoch = datetime(2030, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    made = FakeApiServer(epoch=epoch).create(config_map("a"))
    assert made["metadata"]["creationTimestamp"] == "2030-05-01T12:00:00Z"
