"""Equal parts held once: nothing can be told of it but by `is`."""

from __future__ import annotations

import copy
import itertools
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import ObjectMeta, OwnerReference
from trio_k8swatch._store import interning as interning_module
from trio_k8swatch._store.interning import Interning, inherit

labels = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["web", "db", ""]), max_size=2)
owners = st.lists(
    st.builds(OwnerReference, uid=st.sampled_from(["1", "2"]), name=st.sampled_from(["a", "b"])), max_size=2
)
metas = st.builds(
    ObjectMeta,
    name=st.sampled_from(["a", "b"]),
    namespace=st.just("x"),
    labels=labels,
    owner_references=owners.map(tuple),
)


@given(st.lists(metas, max_size=8))
def test_sharing_changes_nothing_that_can_be_seen(several: list[ObjectMeta]) -> None:
    """Whatever came before, each is equal to what it was."""
    sharing, before = Interning(), copy.deepcopy(several)
    for meta in several:
        sharing.settle(meta)
    assert several == before
    for old, new in itertools.pairwise(several):
        inherit(old, new)
    assert several == before


def fresh(**more: Any) -> ObjectMeta:
    """Metadata none of whose strings is one of another."""
    owner = OwnerReference(uid="o1")
    return ObjectMeta(namespace="xy", labels={"app": "web"}, owner_references=(owner,), **more)


def test_equal_parts_are_one() -> None:
    """Of objects, and of states of one object."""
    sharing, first, second = Interning(), fresh(name="a"), fresh(name="b")
    sharing.settle(first)
    sharing.settle(second)
    assert first.namespace is second.namespace
    assert first.labels["app"] is second.labels["app"]
    assert first.owner_references is second.owner_references
    newer = fresh(name="a", resource_version="2")
    inherit(first, newer)
    assert newer.labels is first.labels
    assert newer.owner_references is first.owner_references


def test_what_is_remembered_is_bounded(monkeypatch: Any) -> None:
    """Labels that never repeat do not add up, and neither do owners."""
    monkeypatch.setattr(interning_module, "_MAX_STRINGS", 10)
    monkeypatch.setattr(interning_module, "_MAX_OWNERS", 10)
    sharing = Interning()
    for n in range(1000):
        owner = OwnerReference(uid=f"owner {n % 100}")
        sharing.settle(ObjectMeta(labels={"n": f"value {n}"}, owner_references=(owner,)))
    assert len(sharing._strings) <= 13
    assert len(sharing._siblings) == 10


def test_labels_of_siblings_are_one_though_not_all_are_alike() -> None:
    """Two zones, for example."""
    sharing = Interning()
    several = [fresh(name=str(n)) for n in range(6)]
    for n, meta in enumerate(several):
        meta.labels["zone"] = str(n % 2)  # type: ignore[index] - a dict, as decoded
        sharing.settle(meta)
    assert len({id(meta.labels) for meta in several}) == 2
    assert [meta.labels["zone"] for meta in several] == ["0", "1"] * 3


def test_metadata_of_other_types_is_left_alone() -> None:
    """It may not be ours to change."""
    Interning().settle({"namespace": "x"})
    inherit({"labels": {}}, ObjectMeta())


def test_R19_annotations_are_not_pinned() -> None:
    """What is remembered of an object is what others can use of it, and that is not the largest part."""
    interning = Interning()
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 1000}
    before = sys.getrefcount(annotations)
    for n in range(3):
        meta = ObjectMeta(
            name=str(n), labels={"n": str(n)}, annotations=annotations, owner_references=(OwnerReference(uid="o"),)
        )
        interning.settle(meta)
        del meta
    assert len(interning._siblings["o"]) == 3
    assert sys.getrefcount(annotations) == before


def test_R19_churn_does_not_add_up() -> None:
    """Once more objects have gone than are left, what is remembered is of others."""
    interning = Interning()
    for n in range(10):
        interning.settle(ObjectMeta(owner_references=(OwnerReference(uid=str(n)),)))
    for _ in range(5):
        interning.forget_gone(5)
    assert len(interning._siblings) == 10
    interning.forget_gone(5)
    assert not interning._siblings
