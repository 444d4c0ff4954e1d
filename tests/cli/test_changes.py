"""One change for each event."""

from __future__ import annotations

from cli.pods import pod
from trio.testing import MockClock

from trio_k8swatch import ListOptions, open_client, open_watch
from trio_k8swatch.cli._output.changes import OneForEach
from trio_k8swatch.testing import FakeApiServer


async def test_a_deletion_is_one_change(autojump_clock: MockClock) -> None:
    """With its final state; the changes before it, and a deletion after a real change, stay."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    async with (
        open_client(transport=fake.transport()) as client,
        open_watch(client.resource("v1", "pods")) as store,
        store.subscribe(policy="block") as changes,
    ):
        each = OneForEach(changes)
        assert (await anext(each)).type == "ADDED"
        fake.patch("pods", "a", {"metadata": {"labels": {"n": "1"}}}, namespace="default")
        fake.delete("pods", "a", namespace="default")
        fake.create(pod("b"))
        seen = [await anext(each) for _ in range(3)]

    assert [(change.type, change.object.metadata.name) for change in seen] == [
        ("MODIFIED", "a"),
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]
    assert seen[0].object.metadata.labels == seen[1].object.metadata.labels == {"n": "1"}
    assert seen[0].object.metadata.resource_version != seen[1].object.metadata.resource_version


async def test_what_leaves_a_selector_is_one_change(autojump_clock: MockClock) -> None:
    """The object goes on elsewhere; here it is deleted."""
    fake = FakeApiServer()
    fake.create(pod("a", labels={"app": "web"}))
    options = ListOptions(label_selector="app=web")
    async with (
        open_client(transport=fake.transport()) as client,
        open_watch(client.resource("v1", "pods"), list_options=options) as store,
        store.subscribe(policy="block") as changes,
    ):
        each = OneForEach(changes)
        await anext(each)
        fake.patch("pods", "a", {"metadata": {"labels": {"app": "api"}}}, namespace="default")
        fake.create(pod("b", labels={"app": "web"}))
        assert [(await anext(each)).type, (await anext(each)).type] == ["DELETED", "ADDED"]
