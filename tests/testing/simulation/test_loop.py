"""A simulated cluster in virtual time: workloads reach what they are meant to, and what nobody owns goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map, deployment, metadata, node, owner_reference, pod

Object = dict[str, Any]


@pytest.fixture
def fake(autojump_clock: MockClock) -> FakeApiServer:
    made = FakeApiServer()
    made.simulate()
    return made


def workload(kind: str, name: str = "db", version: str = "apps/v1", **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    body = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return {"apiVersion": version, "kind": kind, "metadata": metadata(name, "default"), "spec": body}


def job(name: str = "import", *, annotations: Object | None = None, **spec: Any) -> Object:
    made = workload("Job", name, "batch/v1", **spec)
    del made["spec"]["selector"]
    made["spec"]["template"]["metadata"]["annotations"] = annotations or {}
    made["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    return made


def image(version: int) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"app:{version}"}]}}}}


def names(objects: Iterable[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]


def ready_pods(fake: FakeApiServer) -> int:
    return sum(1 for one in fake.objects("pods") if "podIP" in one["status"])


def status(fake: FakeApiServer, resource: str, name: str) -> Object:
    found = fake.get(resource, name)
    assert found is not None
    return found["status"]


def conditions(fake: FakeApiServer, resource: str, name: str) -> dict[str, str]:
    return {one["type"]: one.get("reason", "") for one in status(fake, resource, name).get("conditions", [])}


async def test_nothing_moves_without_a_simulation(autojump_clock: MockClock) -> None:
    """Off by default."""
    fake = FakeApiServer()
    fake.create(deployment("web"))
    await trio.sleep(60)
    assert (fake.objects("replicasets.apps"), fake.objects("pods"), fake.objects("nodes")) == ([], [], [])


async def test_a_deployment_comes_up_and_its_status_says_so(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Replica set, pods, nodes, conditions; and then nothing is written any more."""
    fake.create(deployment("web", replicas=4))
    await trio.sleep(5)
    assert status(fake, "deployments.apps", "web")["availableReplicas"] == 4
    assert conditions(fake, "deployments.apps", "web")["Progressing"] == "NewReplicaSetAvailable"
    assert {one["spec"]["nodeName"] for one in fake.objects("pods")} == {"worker-1", "worker-2", "worker-3"}
    version = fake.resource_version
    await trio.sleep(3600)
    assert (ready_pods(fake), fake.resource_version) == (4, version)


async def test_a_rollout_never_goes_below_what_must_be_available(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """Four replicas: at least three available, at most five that are not leaving."""
    fake.create(deployment("web", replicas=4))
    await trio.sleep(5)
    assert ready_pods(fake) == 4
    counts: set[tuple[int, int]] = set()

    def count(_: object) -> None:
        pods = [one.object for one in fake.storage["pods"].current.values()]
        staying = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        counts.add((sum(1 for one in staying if one["status"]["phase"] == "Running"), len(staying)))

    fake.storage["pods"].listen(count)
    fake.patch("deployments.apps", "web", image(2))
    await trio.sleep(30)
    pods = fake.objects("pods")
    assert {one["spec"]["containers"][0]["image"] for one in pods} == {"app:2"}
    assert (min(counts)[0], max(total for _, total in counts), len(pods)) == (3, 5, 4)


async def test_going_back_takes_the_old_replica_set_again(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Under the next number; no third one is made."""
    fake.create(deployment("web"))
    fake.patch("deployments.apps", "web", image(1))
    await trio.sleep(10)
    first = names(fake.objects("replicasets.apps"))
    fake.patch("deployments.apps", "web", image(2))
    await trio.sleep(10)
    fake.patch("deployments.apps", "web", image(1))
    await trio.sleep(10)
    sets = {one["metadata"]["name"]: one for one in fake.objects("replicasets.apps")}
    assert len(sets) == 2
    assert sets[first[0]]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert [one["spec"]["replicas"] for one in sets.values()].count(1) == 1


async def test_recreate_takes_all_down_first(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Old and new pods never run together."""
    made = deployment("web", replicas=2)
    made["spec"]["strategy"] = {"type": "Recreate"}
    fake.create(made)
    await trio.sleep(5)
    together: set[frozenset[str]] = set()

    def look(_: object) -> None:
        pods = [one.object for one in fake.storage["pods"].current.values()]
        staying = (one for one in pods if "deletionTimestamp" not in one["metadata"])
        together.add(frozenset(one["spec"]["containers"][0]["image"] for one in staying))

    fake.storage["pods"].listen(look)
    fake.patch("deployments.apps", "web", image(2))
    await trio.sleep(20)
    assert max(map(len, together)) == 1
    assert ready_pods(fake) == 2


async def test_a_rollout_that_does_not_go_on_misses_its_deadline(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """Pods that never become ready; the old ones stay."""
    fake.create(deployment("web"))
    await trio.sleep(5)
    broken = {"metadata": {"annotations": {"simulation/ready": "false"}}}
    fake.patch("deployments.apps", "web", {"spec": {"progressDeadlineSeconds": 60, "template": broken}})
    await trio.sleep(50)
    assert conditions(fake, "deployments.apps", "web")["Progressing"] == "ReplicaSetUpdated"
    await trio.sleep(50)
    assert conditions(fake, "deployments.apps", "web")["Progressing"] == "ProgressDeadlineExceeded"
    assert status(fake, "deployments.apps", "web")["availableReplicas"] == 1


async def test_a_pod_that_is_deleted_is_replaced_and_an_orphan_adopted(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """There are as many as there are meant to be, whoever made them."""
    fake.create(deployment("web", replicas=2))
    await trio.sleep(5)
    (replica_set,) = fake.objects("replicasets.apps")
    before = names(fake.objects("pods"))
    fake.delete("pods", before[0])
    await trio.sleep(5)
    assert ready_pods(fake) == 2
    fake.create(pod("stray", labels=replica_set["spec"]["template"]["metadata"]["labels"], phase="Pending"))
    await trio.sleep(5)
    assert len(fake.objects("pods")) == 2


async def test_a_stateful_set_comes_up_in_order_and_is_updated_backwards(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """Each pod waits for the one before; the last one is updated first, down to the partition."""
    history: list[tuple[str, str]] = []
    fake.storage["pods"].listen(lambda change: history.append((change.type, change.key[1])))
    fake.create(workload("StatefulSet", replicas=3, serviceName="db"))
    await trio.sleep(20)
    assert ready_pods(fake) == 3
    assert [name for kind, name in history if kind == "ADDED"] == ["db-0", "db-1", "db-2"]
    fake.patch("statefulsets.apps", "db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 1}}}})
    await trio.sleep(1)
    assert ready_pods(fake) == 3
    history.clear()
    fake.patch("statefulsets.apps", "db", image(2))
    await trio.sleep(60)
    assert ready_pods(fake) == 3
    assert [name for kind, name in history if kind == "DELETED"] == ["db-2", "db-1"]
    assert status(fake, "statefulsets.apps", "db")["updatedReplicas"] == 2
    fake.patch("statefulsets.apps", "db", {"spec": {"replicas": 1, "updateStrategy": {"rollingUpdate": None}}})
    await trio.sleep(60)
    final = status(fake, "statefulsets.apps", "db")
    assert names(fake.objects("pods")) == ["db-0"]
    assert final["currentRevision"] == final["updateRevision"]


async def test_a_job_runs_to_its_end(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Two at a time, until five have succeeded; and is removed when it has been kept long enough."""
    running: set[int] = set()
    fake.storage["pods"].listen(lambda _: running.add(active(fake)))
    fake.create(job(parallelism=2, completions=5, ttlSecondsAfterFinished=60))
    await trio.sleep(30)
    final = status(fake, "jobs.batch", "import")
    assert (final["succeeded"], max(running)) == (5, 2)
    assert conditions(fake, "jobs.batch", "import")["Complete"] == "CompletionsReached"
    await trio.sleep(60)
    assert (fake.objects("jobs.batch"), fake.objects("pods")) == ([], [])


def active(fake: FakeApiServer) -> int:
    phases = [one.object["status"]["phase"] for one in fake.storage["pods"].current.values()]
    return sum(1 for one in phases if one in {"Pending", "Running"})


async def test_a_job_that_fails_too_often_has_failed(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """After its last retry."""
    fake.create(job(annotations={"simulation/exit-code": "1"}, backoffLimit=2, completions=1))
    await trio.sleep(60)
    assert status(fake, "jobs.batch", "import")["failed"] == 3
    assert conditions(fake, "jobs.batch", "import")["Failed"] == "BackoffLimitExceeded"


async def test_indexed_jobs_have_one_pod_for_each_index(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Each exactly once."""
    fake.create(job(completionMode="Indexed", completions=3, parallelism=3))
    await trio.sleep(20)
    key = "batch.kubernetes.io/job-completion-index"
    assert sorted(one["metadata"]["annotations"][key] for one in fake.objects("pods")) == ["0", "1", "2"]


async def test_what_a_deleted_deployment_owned_goes_with_it(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """In the background: pods have their grace, then they are gone too."""
    fake.create(deployment("web", replicas=2))
    await trio.sleep(5)
    fake.delete("deployments.apps", "web")
    assert len(fake.objects("pods")) == 2
    await trio.sleep(5)
    assert (fake.objects("replicasets.apps"), fake.objects("pods")) == ([], [])


async def test_who_names_an_owner_that_does_not_exist_is_collected(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """Also if another of the same name has come since."""
    owner = fake.create(config_map("owner"))
    fake.delete("configmaps", "owner")
    fake.create(config_map("owner"))
    lost = pod("lost")
    lost["metadata"]["ownerReferences"] = [owner_reference(owner)]
    fake.create(lost)
    await trio.sleep(5)
    assert fake.objects("pods") == []


async def test_a_namespace_ends_when_its_pods_have(fake: FakeApiServer, autojump_clock: MockClock) -> None:
    """Terminating until the last pod is gone; no controller makes new ones in it."""
    fake.create(deployment("web", "shop", replicas=2))
    await trio.sleep(5)
    fake.delete("namespaces", "shop")
    phase = fake.get("namespaces", "shop")
    assert phase is not None
    assert phase["status"]["phase"] == "Terminating"
    await trio.sleep(10)
    assert (fake.get("namespaces", "shop"), fake.objects("pods")) == (None, [])


async def test_a_pod_waits_for_a_node_and_takes_the_first_that_comes(autojump_clock: MockClock) -> None:
    """A cluster whose only node is away."""
    fake = FakeApiServer()
    fake.create(node("far", ready=False))
    fake.simulate()
    fake.create(pod("p", phase="Pending"))
    await trio.sleep(30)
    found = fake.get("pods", "p")
    assert found is not None
    assert "nodeName" not in found["spec"]
    fake.create(node("near"))
    await trio.sleep(5)
    assert ready_pods(fake) == 1


async def test_what_nobody_watched_happened_in_time_all_the_same(
    fake: FakeApiServer, autojump_clock: MockClock
) -> None:
    """One look after an hour: the timestamps are those of then."""
    fake.create(deployment("web"))
    await trio.sleep(3600)
    (found,) = fake.objects("pods")
    assert found["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert found["status"]["startTime"] == "2026-01-01T00:00:01Z"


async def test_a_stopped_simulation_leaves_everything_as_it_is(autojump_clock: MockClock) -> None:
    """Also what was about to happen."""
    fake = FakeApiServer()
    simulation = fake.simulate()
    fake.create(deployment("web", replicas=2))
    await trio.sleep(0.3)
    assert len(fake.objects("pods")) == 2
    simulation.stop()
    await trio.sleep(60)
    assert ready_pods(fake) == 0


async def test_the_same_seed_is_the_same_history(autojump_clock: MockClock) -> None:
    """Names, nodes, addresses and order."""

    async def history() -> list[tuple[str, str, str, str]]:
        fake = FakeApiServer(seed=5)
        found: list[tuple[str, str, str, str]] = []
        fake.storage["pods"].listen(
            lambda change: found.append(
                (
                    change.type,
                    change.key[1],
                    change.new.object["spec"].get("nodeName", ""),
                    change.new.object["status"].get("podIP", ""),
                )
            )
        )
        fake.simulate()
        fake.create(deployment("web", replicas=3))
        await trio.sleep(5)
        fake.patch("deployments.apps", "web", image(2))
        await trio.sleep(20)
        fake.objects("pods")
        return found

    first = await history()
    assert len(first) > 20
    assert first == await history()


@pytest.mark.parametrize(
    ("policy", "at_once", "later"),
    [
        ("Background", (None, 1), (None, 0)),
        ("Foreground", ("web", 1), (None, 0)),
        ("Orphan", (None, 1), (None, 1)),
    ],
)
async def test_dependents_go_as_the_deletion_asks(
    fake: FakeApiServer,
    autojump_clock: MockClock,
    policy: str,
    at_once: tuple[str | None, int],
    later: tuple[str | None, int],
) -> None:
    """Behind the owner, before it, or not at all: then the replica set is nobody's, and keeps its pods."""
    fake.create(deployment("web", replicas=1))
    await trio.sleep(5)
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        path = "/apis/apps/v1/namespaces/default/deployments/web"
        answer = await client.request("DELETE", path, json={"propagationPolicy": policy})
    assert answer.status_code == 200

    def left() -> tuple[str | None, int]:
        found = fake.get("deployments.apps", "web")
        return found and found["metadata"]["name"], len(fake.objects("pods"))

    assert left() == at_once
    await trio.sleep(60)
    assert left() == later
    assert len(fake.objects("replicasets.apps")) == later[1]
