"""Events and autoscalers have two forms; whichever is written, both are read."""

import pytest
from testing.fake_client import client_for, watching

from trio_k8swatch.testing import FakeApiServer

OLD, NEW = "/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events"
SCALERS = "/apis/autoscaling/v{}/namespaces/default/horizontalpodautoscalers"
EVENT = {
    "metadata": {"name": "e"},
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingController": "example.com/c",
    "reportingInstance": "i",
    "action": "Test",
    "reason": "Because",
    "type": "Normal",
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    "note": "hello",
}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}


@pytest.fixture
def fake():
    return FakeApiServer()


@pytest.fixture
async def client(fake, autojump_clock):
    async with client_for(fake) as client:
        yield client


async def test_a_new_event_is_an_old_one(client, fake):
    """By the names that it has there; and there is only one."""
    made = (await client.post(NEW, json=EVENT)).json()
    old = (await client.get(f"{OLD}/e")).json()

    assert (made["apiVersion"], made["note"], made["deprecatedSource"]) == ("events.k8s.io/v1", "hello", {})
    assert (old["apiVersion"], old["message"], old["involvedObject"]["name"]) == ("v1", "hello", "p")
    assert (old["reportingComponent"], old["source"], old["firstTimestamp"]) == ("example.com/c", {}, None)
    assert old["metadata"]["uid"] == made["metadata"]["uid"]
    assert len(fake.objects("events")) == len(fake.objects("events.events.k8s.io")) == 1
    assert (await client.delete(f"{OLD}/e")).status_code == 200
    assert (await client.get(f"{NEW}/e")).status_code == 404


async def test_a_watch_shows_the_form_that_it_asks_for(client, fake):
    """Whoever writes, and in whichever form."""
    async with watching(client, NEW) as new, watching(client, OLD) as old:
        fake.create({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}, "message": "m", "count": 2})
        await client.post(NEW, json=EVENT)

    assert [(one["object"]["apiVersion"], one["object"].get("note")) for one in new.events] == [
        ("events.k8s.io/v1", "m"),
        ("events.k8s.io/v1", "hello"),
    ]
    assert new.events[0]["object"]["deprecatedCount"] == 2
    assert [(one["object"]["apiVersion"], one["object"]["message"]) for one in old.events] == [
        ("v1", "m"),
        ("v1", "hello"),
    ]


async def test_each_form_is_selected_by_its_own_fields(client):
    """And not by those of the other."""
    await client.post(NEW, json=EVENT)
    for path, field, status, count in (
        (NEW, "regarding.name=p", 200, 1),
        (NEW, "reportingController=other", 200, 0),
        (NEW, "involvedObject.name=p", 400, 0),
        (OLD, "involvedObject.name=p,reportingComponent=example.com/c", 200, 1),
    ):
        response = await client.get(path, params={"fieldSelector": field})
        assert (response.status_code, len(response.json().get("items", ()))) == (status, count), field


async def test_what_happened_does_not_change(client):
    """Of an event only the series does, and what is said of it elsewhere."""
    await client.post(NEW, json=EVENT)
    patch = {"headers": {"content-type": "application/merge-patch+json"}}
    series = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:05.000000Z"}}
    assert (await client.patch(f"{NEW}/e", json=series, **patch)).json()["series"]["count"] == 2
    refused = await client.patch(f"{NEW}/e", json={"note": "other"}, **patch)
    assert (refused.status_code, refused.json()["details"]["causes"][0]["field"]) == (422, "message")
    assert (await client.patch(f"{OLD}/e", json={"message": "other"}, **patch)).status_code == 200


async def test_an_autoscaler_by_its_share_of_a_processor(client):
    """The old form has nothing else; what it cannot show, it does not."""
    old, new = SCALERS.format(1), SCALERS.format(2)
    spec = {"maxReplicas": 3, "scaleTargetRef": TARGET, "targetCPUUtilizationPercentage": 50}
    await client.post(old, json={"metadata": {"name": "a"}, "spec": spec})
    found = (await client.get(f"{new}/a")).json()["spec"]

    target = {"type": "Utilization", "averageUtilization": 50}
    assert found["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert (await client.get(f"{old}/a")).json()["spec"]["targetCPUUtilizationPercentage"] == 50
    memory = [{"type": "Resource", "resource": {"name": "memory", "target": target}}]
    merge = {"content-type": "application/merge-patch+json"}
    await client.patch(f"{new}/a", json={"spec": {"metrics": memory}}, headers=merge)
    assert (await client.get(f"{old}/a")).status_code == 501
