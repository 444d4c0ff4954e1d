"""Events are recorded, counted, and never in the way of what they tell of."""

import httpx
import pytest
import trio

from trio_k8swatch import ConfigError, Forbidden, Unavailable, open_client
from trio_k8swatch.testing import FakeApiServer

EVENTS = "events.events.k8s.io"


@pytest.fixture
def fake():
    return FakeApiServer()


@pytest.fixture
async def client(fake):
    async with open_client(transport=fake.transport()) as client:
        yield client


@pytest.fixture
async def settings(client):
    maps = client.resource("v1", "configmaps", namespace="default")
    return await maps.create({"metadata": {"name": "settings"}})


async def test_an_event_says_who_saw_what(fake, client, settings):
    """All that `kubectl describe` shows, in the namespace of the object."""
    recorder = client.recorder("shop-controller", instance="shop-0")
    await recorder.warning(settings, "Unreadable", "there is no colour", action="Reading", related=settings)
    (event,) = fake.objects(EVENTS)
    assert event["metadata"]["namespace"] == "default"
    assert event["metadata"]["name"].startswith("settings.")
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "Unreadable", "Reading")
    assert event["note"] == "there is no colour"
    assert (event["reportingController"], event["reportingInstance"]) == ("shop-controller", "shop-0")
    assert event["regarding"] == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "name": "settings",
        "namespace": "default",
        "uid": settings.metadata.uid,
        "resourceVersion": settings.metadata.resource_version,
    }
    assert event["related"] == event["regarding"]


async def test_an_event_about_the_whole_cluster_is_in_the_default_namespace(fake, client):
    node = fake.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
    await client.recorder("c").normal(node, "Seen", "it is there")
    assert fake.objects(EVENTS)[0]["metadata"]["namespace"] == "default"


async def test_repetitions_are_one_event_with_a_series(fake, client, settings, autojump_clock):
    """Also of another version of the object; another message is another event."""
    recorder = client.recorder("c")
    for _ in range(5):
        await recorder.normal(settings, "Scaled", "to 3")
        await trio.sleep(5)
    settings = fake.patch("configmaps", "settings", {"data": {"x": "1"}})
    await recorder.normal(settings, "Scaled", "to 3")
    await recorder.normal(settings, "Scaled", "to 4")
    events = {event["note"]: event for event in fake.objects(EVENTS)}
    assert events["to 3"]["series"]["count"] == 5  # the sixth waits for the next
    assert "series" not in events["to 4"]
    assert [one.method for one in fake.requests.of(resource=EVENTS)] == ["POST", "PATCH", "PATCH", "POST"]


async def test_a_series_whose_event_the_server_has_forgotten_begins_anew(fake, client, settings, autojump_clock):
    recorder = client.recorder("c")
    await recorder.normal(settings, "Scaled", "to 3")
    fake.delete(EVENTS, fake.objects(EVENTS)[0]["metadata"]["name"])
    await trio.sleep(20)
    await recorder.normal(settings, "Scaled", "to 3")
    assert len(fake.objects(EVENTS)) == 1


async def test_tasks_that_tell_the_same_at_once_make_one_event(fake, client, settings, autojump_clock):
    recorder = client.recorder("c")
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(recorder.normal, settings, "Scaled", "to 3")
    await trio.sleep(10)
    await recorder.normal(settings, "Scaled", "to 3")
    (event,) = fake.objects(EVENTS)
    assert event["series"]["count"] == 21


@pytest.mark.parametrize("fault", ["refuse", "reset", "no_answer", "hang", "forbidden", "unavailable"])
async def test_what_cannot_be_recorded_is_logged_and_nothing_else(
    fake, client, settings, autojump_clock, caplog, fault
):
    """The caller goes on within five seconds, and the next one is recorded."""
    active = getattr(fake.faults, fault)()
    began = trio.current_time()
    recorder = client.recorder("c")
    await recorder.warning(settings, "Failed", "for a reason")
    assert trio.current_time() - began <= 5
    assert [record.getMessage()[:40] for record in caplog.records] == ["an event was not recorded (Warning Faile"]
    active.remove()
    await trio.sleep(10)
    await recorder.warning(settings, "Failed", "for a reason")
    assert len(fake.objects(EVENTS)) == 1


@pytest.mark.parametrize("obj", [None, {}, {"metadata": {"name": "x"}}, 3])
async def test_an_object_that_does_not_say_what_it_is_fails_nobody(fake, client, caplog, obj):
    await client.recorder("c").normal(obj, "Seen", ValueError("not a text"))
    assert "was not recorded" in caplog.text
    assert not list(fake.requests)


async def test_errors_are_raised_if_they_are_asked_for(fake, client, settings, autojump_clock):
    recorder = client.recorder("c", raises=True)
    with pytest.raises(ConfigError, match="does not say its kind"):
        await recorder.normal({"metadata": {"name": "x"}}, "Seen", "it")
    with fake.faults.forbidden(), pytest.raises(Forbidden):
        await recorder.normal(settings, "Seen", "it")
    with fake.faults.hang(), pytest.raises(Unavailable, match="did not answer within 5 s"):
        await recorder.normal(settings, "Seen", "it")


async def test_a_cancelled_event_is_forgotten(fake, client, settings, autojump_clock):
    recorder = client.recorder("c")
    with fake.faults.hang(), trio.move_on_after(1) as scope:
        await recorder.normal(settings, "Seen", "it")
    assert scope.cancelled_caught
    await recorder.normal(settings, "Seen", "it")
    assert len(fake.objects(EVENTS)) == 1


async def test_a_busy_server_is_left_alone(fake, client, settings, autojump_clock):
    """An event waits a moment for a server that asked for time, and is given up after five seconds."""
    fake.faults.too_many_requests(retry_after=1, times=2)
    await client.recorder("c").normal(settings, "Seen", "it")
    assert len(fake.objects(EVENTS)) == 1
    fake.faults.too_many_requests(retry_after=20, times=1)
    began = trio.current_time()
    await client.recorder("c").normal(settings, "Seen", "something else")
    assert trio.current_time() - began <= 5


async def test_a_recorder_shows_its_name_only():
    async with open_client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
        assert repr(client.recorder("shop")) == "<Recorder shop>"
        with pytest.raises(ConfigError):
            client.recorder("no good")
