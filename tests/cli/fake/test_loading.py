"""How manifests become objects of the fake."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from trio_k8swatch import ConfigError
from trio_k8swatch.cli._fake.loading import load
from trio_k8swatch.cli._fake.manifests import Manifest
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import custom_resource_definition, deployment


def manifests(*objects: dict[str, Any]) -> list[Manifest]:
    return [Manifest(f"x.yaml, line {number}", obj) for number, obj in enumerate(objects, 1)]


def tab(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": "one", **more}}


async def test_objects_are_created_as_by_a_client(autojump_clock: MockClock) -> None:
    """With defaults, with a namespace that nobody describes, and without the status that is not theirs to say."""
    fake = FakeApiServer()
    await load(fake, manifests({**deployment("web", "shop"), "status": {"replicas": 9}}))

    made = fake.get("deployments.apps", "web", namespace="shop")
    assert made is not None
    assert made["spec"]["progressDeadlineSeconds"] == 600
    assert "replicas" not in made["status"]
    assert fake.get("namespaces", "shop") is not None


async def test_a_token_is_no_obstacle(autojump_clock: MockClock) -> None:
    """Whoever starts the server knows it."""
    fake = FakeApiServer(token="secret")
    await load(fake, manifests(deployment("web")))
    assert fake.get("deployments", "web") is not None


async def test_definitions_come_before_what_they_define(autojump_clock: MockClock) -> None:
    """Whatever the order in the files."""
    fake = FakeApiServer()
    definition = custom_resource_definition("stable.example.com/v1", "CronTab")
    await load(fake, manifests(tab(), definition, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}))

    assert len(fake.objects("crontabs.stable.example.com")) == 1


async def test_a_dump_is_taken_over_as_it_is(autojump_clock: MockClock) -> None:
    """What has a uid keeps it, its status and its resourceVersion."""
    fake = FakeApiServer()
    metadata = {"name": "web-0", "namespace": "shop", "uid": "u", "resourceVersion": "123"}
    await load(
        fake, manifests({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": "Failed"}})
    )

    made = fake.get("pods", "web-0", namespace="shop")
    assert made is not None
    assert (made["metadata"], made["status"]) == (metadata, {"phase": "Failed"})


@pytest.mark.parametrize(
    ("obj", "problem"),
    [
        (tab(), "serves no kind stable.example.com/v1 CronTab: give its CustomResourceDefinition too"),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A"}},
            'the server answered 422 Invalid: ConfigMap "A" is invalid',
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u", "resourceVersion": "x"}},
            "the resourceVersion of this ConfigMap is not a number",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a", "uid": "u"}},
            "this ConfigMap has a uid, and no metadata.name",
        ),
    ],
)
async def test_what_the_server_refuses_is_said_with_its_place(
    autojump_clock: MockClock, obj: dict[str, Any], problem: str
) -> None:
    """In its own words."""
    with pytest.raises(ConfigError, match=r"^x\.yaml, line 1: ") as caught:
        await load(FakeApiServer(), manifests(obj))

    assert problem in str(caught.value)
