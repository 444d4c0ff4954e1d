"""Which resource a class describes, as it says so itself."""

from __future__ import annotations

import msgspec
import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod as LightkubePod

from trio_k8swatch import ConfigError, IndexedStore, KeyIndex, NameIndex, ObjectMeta, model, open_client, open_watch
from trio_k8swatch._model import Model, model_of
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod


@model("v1", "pods")
class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


class Derived(Pod, frozen=True):
    kind: str = ""


class Undeclared(msgspec.Struct):
    metadata: ObjectMeta


def test_a_declared_class_describes_its_resource() -> None:
    """By `@model`, inherited, and as lightkube's resource classes say it, with and without a group."""
    assert model_of(Pod) == model_of(Derived) == Model("v1", "pods")
    assert model_of(LightkubePod) == Model("v1", "pods")
    assert model_of(Deployment) == Model("apps/v1", "deployments")


def test_a_class_that_does_not_say_is_refused_with_the_way_out() -> None:
    """Both ways to say it stand in the message."""
    with pytest.raises(ConfigError, match=r"Undeclared does not say .* @model\(.*type=Undeclared"):
        model_of(Undeclared)


async def test_a_model_is_watched(autojump_clock: object) -> None:
    """One's own struct, and lightkube's as it is: optional metadata, attributes named as in JSON."""
    fake = FakeApiServer()
    fake.create(pod("a", node="node-1"))
    async with open_client(transport=fake.transport()) as client:
        async with open_watch(client.resource(Pod)) as own, open_watch(client.resource(LightkubePod)) as theirs:
            by_name = IndexedStore(theirs, NameIndex())
            by_node = IndexedStore(theirs, KeyIndex(lambda pod: pod.spec.nodeName if pod.spec else None))
            version = fake.patch("pods", "a", {"metadata": {"labels": {"x": "y"}}})["metadata"]["resourceVersion"]
            await own.at_least(version)
            await theirs.at_least(version)

            [mine], [other] = own.items(), theirs.items()
            assert mine.metadata.resource_version == other.metadata.resourceVersion == version
            assert by_name.index.get("default", "a") is by_node.index.get("node-1")[0] is other
            fake.delete("pods", "a")
            await theirs.wait_until(lambda store: not len(store))
            assert not by_name.index.get("default", "a")
