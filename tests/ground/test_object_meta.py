"""Objects, and what is known of any of them."""

from __future__ import annotations

import copy
import gc
import pickle
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from core_helpers import thing

from trio_k8swatch import DynamicObject, ListMeta, ObjectMeta, OwnerReference, PartialObjectMetadata, ProtocolError
from trio_k8swatch._object_meta import Metadata, key_of, metadata_of

FULL = {
    "name": "a",
    "namespace": "x",
    "uid": "u",
    "resourceVersion": "7",
    "labels": {"l": "1"},
    "annotations": {"a": "2"},
    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "o", "controller": True}],
    "finalizers": ["f"],
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "deletionTimestamp": "2026-01-02T00:00:00Z",
    "generation": 3,
    "generateName": "a-",
    "managedFields": [{"manager": "kubectl"}],
}


def test_metadata_has_python_names() -> None:
    """And leaves out managedFields."""
    meta = msgspec.convert(FULL, ObjectMeta)
    assert meta.resource_version == "7"
    assert meta.owner_references == (OwnerReference("apps/v1", "ReplicaSet", "r", "o", controller=True),)
    assert meta.deletion_timestamp is not None
    assert meta.deletion_timestamp.day == 2
    assert isinstance(meta, Metadata)
    again = {**FULL}
    del again["managedFields"]
    assert {k: v for k, v in msgspec.to_builtins(meta).items() if k in again}.keys() == again.keys()


@pytest.mark.parametrize(
    "obj", [ObjectMeta(), msgspec.json.decode(b"{}", type=ObjectMeta), msgspec.convert(FULL, ObjectMeta)]
)
def test_metadata_can_be_copied_pickled_and_encoded(obj: ObjectMeta) -> None:
    """With and without labels: handlers get copies, caches get pickles, people get JSON."""
    assert copy.deepcopy(obj) == obj
    assert pickle.loads(pickle.dumps(obj)) == obj
    assert msgspec.json.decode(msgspec.json.encode(obj), type=ObjectMeta) == obj


def test_a_list_has_metadata_of_its_own() -> None:
    """`continue` is no name in Python."""
    meta = msgspec.json.decode(b'{"resourceVersion":"5","continue":"t","remainingItemCount":3}', type=ListMeta)
    assert meta == ListMeta("5", "t", 3)


RAW = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"x","resourceVersion":"7"},"spec":{"n":[1]},"nil":null}'


def dynamic() -> DynamicObject:
    return DynamicObject(msgspec.json.decode(RAW, type=PartialObjectMetadata).metadata, RAW)


def test_a_dynamic_object_is_read_like_a_mapping() -> None:
    """Each field is decoded when it is asked for, anew each time: what comes out is the reader's own."""
    obj = dynamic()
    assert (obj.kind, obj.api_version, obj.metadata.name) == ("Pod", "v1", "a")
    assert obj["spec"] == {"n": [1]}
    obj["spec"]["n"].append(2)
    assert obj["spec"] == {"n": [1]}
    assert obj.get("status", 5) == 5
    assert obj.get("spec") == {"n": [1]}
    assert obj.get("nil", 5) is None
    assert "spec" in obj
    assert "status" not in obj
    assert list(obj) == ["kind", "apiVersion", "metadata", "spec", "nil"]
    assert obj.to_dict() == msgspec.json.decode(RAW)
    with pytest.raises(KeyError, match="status"):
        obj["status"]


def test_a_dynamic_object_may_lack_its_kind() -> None:
    """Then it is empty."""
    obj = DynamicObject(ObjectMeta(), b"{}")
    assert (obj.kind, obj.api_version) == ("", "")


def test_the_repr_of_a_dynamic_object_shows_no_contents() -> None:
    """It may be a Secret."""
    assert repr(dynamic()) == "<DynamicObject x/a resourceVersion=7>"


def test_dynamic_objects_cost_the_garbage_collector_nothing() -> None:
    """A hundred thousand of them are not walked."""
    assert not gc.is_tracked(dynamic())
    assert copy.deepcopy(dynamic()) == dynamic()


@dataclass
class Plain:
    metadata: Any


def test_metadata_is_found_by_attribute_or_by_key() -> None:
    """In objects of any type."""
    meta = ObjectMeta(name="a")
    assert metadata_of(Plain(meta)) is meta
    assert metadata_of({"metadata": {"name": "a"}}) == meta
    assert metadata_of({"metadata": meta}) == meta


@pytest.mark.parametrize("obj", [{}, {"metadata": 5}, {"metadata": None}, {"metadata": {"name": 5}}])
def test_an_object_without_metadata_is_a_protocol_error(obj: Any) -> None:
    """One bad object is a reason to list again, not to die."""
    with pytest.raises(ProtocolError):
        metadata_of(obj)


def test_T1_the_key_is_the_uid_or_the_name() -> None:
    """A uid has no slash, so the two never meet."""
    assert key_of(thing("a").metadata) == "uid-of-a"
    assert key_of(thing("a", uid="").metadata) == "default/a"
    assert key_of(thing("a", uid="", namespace="").metadata) == "/a"


@pytest.mark.parametrize(
    "others",
    [
        {"labels": None},
        {"annotations": None},
        {"ownerReferences": None},
        {"finalizers": None},
        {"namespace": None},
        {"creationTimestamp": "yesterday"},
        {"deletionTimestamp": ""},
        {"labels": {"a": None}},
    ],
    ids=repr,
)
def test_R12_R19_of_a_dict_only_the_four_facts_have_to_fit(others: dict[str, Any]) -> None:
    """It is handed out as it came, so what else is odd in it is its reader's business, and blocks no collection."""
    obj = {"metadata": {"name": "a", "uid": "u", "resourceVersion": "5", **others}}
    meta = metadata_of(obj)
    assert (meta.name, meta.namespace, meta.uid, meta.resource_version) == ("a", "", "u", "5")


@pytest.mark.parametrize(
    "metadata", [None, 5, [], {"name": 5, "labels": None}, {"resourceVersion": 7}, {"uid": {}}], ids=repr
)
def test_R23_a_dict_without_the_four_facts_is_a_protocol_error(metadata: Any) -> None:
    """One line, and no AttributeError from deep inside."""
    with pytest.raises(ProtocolError, match="without metadata that can be used"):
        metadata_of({"metadata": metadata})
