"""Predicates tell changes that matter from those that do not, and refuse to look where nothing ever is."""

from __future__ import annotations

import attrs
import msgspec
import pytest
from core_helpers import ScriptedListWatcher

from trio_k8swatch import ConfigError, DynamicObject, ObjectMeta, OwnerReference, PartialObjectMetadata, open_watch
from trio_k8swatch.controller import Key, Predicate, by_owner, changed, generation_changed, watch


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    replicas: int | None = None
    node_name: str = ""


class Deployment(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    spec: Spec | None = None


@attrs.frozen
class Plain:
    metadata: ObjectMeta
    node_name: str = ""


def deployment(replicas: int | None = 1, node: str = "", **meta: object) -> Deployment:
    return Deployment(msgspec.convert({"name": "web", **meta}, ObjectMeta), Spec(replicas, node))


def dynamic(replicas: int) -> DynamicObject:
    raw = msgspec.json.encode({"metadata": {"name": "web", "managedFields": []}, "spec": {"replicas": replicas}})
    return DynamicObject(ObjectMeta(name="web"), raw)


def test_changed_looks_at_its_fields_only() -> None:
    """By their names in YAML, whatever they are called in Python."""
    replicas, node = changed("spec.replicas"), changed("spec.nodeName")

    assert replicas(deployment(1), deployment(2))
    assert not replicas(deployment(1, "a"), deployment(1, "b"))
    assert node(deployment(1, "a"), deployment(1, "b"))
    assert changed("spec.replicas", "spec.nodeName")(deployment(1, "a"), deployment(1, "b"))


def test_changed_reads_every_type() -> None:
    """Kept JSON, dicts, and classes of others."""
    replicas = changed("spec.replicas")

    assert replicas(dynamic(1), dynamic(2))
    assert not replicas(dynamic(1), dynamic(1))
    assert replicas({"spec": {"replicas": 1}}, {"spec": {}})
    assert not replicas({"spec": None}, {})
    assert changed("nodeName")(Plain(ObjectMeta(), "a"), Plain(ObjectMeta(), "b"))
    assert changed(("metadata", "labels", "example.com/size"))(
        deployment(labels={"example.com/size": "1"}), deployment(labels={"example.com/size": "2"})
    )


def test_what_comes_or_goes_has_changed() -> None:
    """So predicates of fields leave no object out."""
    assert changed("spec.replicas")(None, deployment())
    assert generation_changed(deployment(), None)


def test_generation_changed_leaves_the_status_out() -> None:
    """The server counts for the spec only."""
    assert generation_changed(deployment(generation=1), deployment(generation=2))
    assert not generation_changed(deployment(generation=1), deployment(generation=1))


def test_predicates_combine() -> None:
    """With each other and with plain functions, on either side."""
    one, two = changed("spec.replicas"), changed("spec.nodeName")
    old, new = deployment(1, "a"), deployment(2, "a")

    assert not (one & two)(old, new)
    assert (one | two)(old, new)
    assert (~two & one)(old, new)
    assert (two | (lambda old, new: True))(old, new)
    assert not (one & (lambda old, new: False))(old, new)
    assert Predicate(lambda old, new: old is not new)(old, new)


@pytest.mark.parametrize(
    ("type_", "path", "complaint"),
    [
        (Deployment, "spec.replica", "'replica'; it has nodeName, replicas"),
        (Deployment, "status", "the object .Deployment. has no field 'status'; it has metadata, spec"),
        (Deployment, "spec.replicas.more", "spec.replicas .int. has no field 'more'"),
        (Deployment, "spec.node_name", "has no field 'node_name'"),
        (PartialObjectMetadata, "spec", "has no field 'spec'"),
        (Plain, "spec", "has no field 'spec'"),
    ],
)
def test_a_field_that_no_object_has_is_refused(type_: type, path: str, complaint: str) -> None:
    """Also inside of a combination."""
    with pytest.raises(ConfigError, match=complaint):
        (~changed("metadata.labels") & changed(path)).check(type_)


@pytest.mark.parametrize("type_", [None, dict, DynamicObject, Deployment, Plain])
def test_a_field_that_an_object_may_have_is_not_refused(type_: type | None) -> None:
    """Labels have any name, and so has everything in objects that keep all fields."""
    (changed("metadata.labels.app") | changed("metadata.generation")).check(type_)


@pytest.mark.parametrize("path", ["", ".", "spec.", ()])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="changed"):
        changed(path)


async def test_watch_refuses_a_path_of_its_stores_type() -> None:
    """At once, not at the first change that is missed."""

    class Typed(ScriptedListWatcher):
        type = Deployment

    async with open_watch(Typed()) as store:
        with pytest.raises(ConfigError, match="replica"):
            watch(store, where=changed("spec.replica"))
        watch(store, where=changed("spec.replicas"))


def owned(*owners: OwnerReference) -> PartialObjectMetadata:
    return PartialObjectMetadata(ObjectMeta(name="child", namespace="shop", owner_references=owners))


def test_owners_are_found_where_they_are() -> None:
    """In the namespace of what they own; those of the whole cluster in none."""
    owners = (
        OwnerReference("v1", "Namespace", "shop", "1"),
        OwnerReference("apps/v1", "ReplicaSet", "web", "2", controller=True),
        OwnerReference("example.com/v1", "ReplicaSet", "other", "3"),
        OwnerReference("example.com/v1", "Tenant", "acme", "4"),
    )
    obj = owned(*owners)

    assert by_owner("Namespace")(obj) == [Key("", "shop")]
    assert by_owner("ReplicaSet")(obj) == [Key("shop", "web"), Key("shop", "other")]
    assert by_owner("ReplicaSet", controller=True)(obj) == [Key("shop", "web")]
    assert by_owner("ReplicaSet", api_group="example.com")(obj) == [Key("shop", "other")]
    assert by_owner("Tenant", cluster_scoped=True)(obj) == [Key("", "acme")]
    assert by_owner("Job")(obj) == []
    as_dict = {"metadata": {"namespace": "shop", "ownerReferences": [{"kind": "Job", "name": "j"}]}}
    assert by_owner("Job")(as_dict) == [Key("shop", "j")]
