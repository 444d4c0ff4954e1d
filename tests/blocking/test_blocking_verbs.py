"""Threads write as trio programs do."""

import pytest

from trio_k8swatch import Conflict, DynamicObject, NotFound
from trio_k8swatch.blocking import open_client
from trio_k8swatch.testing import FakeApiServer


def test_a_thread_writes_with_every_verb():
    with open_client(transport=FakeApiServer().transport()) as client:
        maps = client.resource("v1", "configmaps", namespace="default")
        created = maps.create({"metadata": {"name": "a"}, "data": {"x": "1"}})
        assert isinstance(created, DynamicObject)
        assert maps.update("a", lambda obj: obj["data"].update(y="2"))["data"] == {"x": "1", "y": "2"}
        with pytest.raises(Conflict):
            maps.replace(created)
        assert maps.patch("a", {"data": {"x": None}})["data"] == {"y": "2"}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}
        assert maps.apply(config, field_manager="m").metadata.name == "b"
        maps.add_finalizer(created, "example.com/x")
        assert maps.delete("a", timeout=5).metadata.finalizers == ("example.com/x",)
        maps.remove_finalizer(created, "example.com/x")
        with pytest.raises(NotFound):
            maps.get("a")
        assert [obj.metadata.name for obj in maps.delete_all()] == ["b"]
        with pytest.raises(NotFound):
            maps.subresource("status").get("a")
