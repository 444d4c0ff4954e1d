"""What type checkers make of `trio_k8swatch.blocking`. Only read by them, never run."""

from __future__ import annotations

from typing import Any, assert_type

import msgspec

from trio_k8swatch import (
    Accessors,
    Change,
    Client,
    DynamicObject,
    Gone,
    HandlerFuncs,
    KeyIndex,
    Listing,
    ListOptions,
    Met,
    NameIndex,
    ObjectMeta,
)
from trio_k8swatch.blocking import IndexedStore, Resource, Store, open_client, open_watch
from trio_k8swatch.blocking._verbs import Verbs


class Pod(msgspec.Struct):
    metadata: ObjectMeta


def resources() -> None:
    with open_client() as client:
        assert_type(client.resource("v1", "pods"), Resource[DynamicObject])
        pods = client.resource("v1", "pods", namespace="default", type=Pod)
        assert_type(pods, Resource[Pod])
        assert_type(pods.list(timeout=5), Listing[Pod])
        assert_type(client.get("/version"), bytes)


def stores(pods: Resource[Pod]) -> None:
    with open_watch(pods, handlers=HandlerFuncs(add=added), timeout=30) as store:
        assert_type(store, Store[Pod])
        assert_type(store.items(), list[Pod])
        assert_type(store.get("uid"), Pod | None)
        assert_type(store.wait_for(lambda pod: pod.metadata.name == "web-0"), Met[Pod] | Gone[Pod])
        store.wait_until(lambda store: len(store) > 1)
        with store.subscribe(policy="block") as changes:
            for change in changes:
                assert_type(change, Change[Pod])
            assert_type(changes.next(timeout=1), Change[Pod] | None)
        with IndexedStore(store, NameIndex[Pod]()) as by_name:
            assert_type(by_name.index.get("default", "web-0"), Pod | None)
        by_number = IndexedStore(store, KeyIndex(length_of_name))
        assert_type(by_number.get_indexed(lambda index: index.get(5)), tuple[Pod, ...])


def foreign(client: Client, accessors: Accessors[Pod]) -> None:
    with open_watch(client, accessors=accessors) as store:
        assert_type(store, Store[Pod])
    with open_watch(client) as anything:
        assert_type(anything, Store[Any])


def added(obj: Pod, preexisting: bool) -> None: ...


def length_of_name(pod: Pod) -> int:
    return len(pod.metadata.name)


def writes(pods: Resource[Pod], anything: Resource[DynamicObject]) -> None:
    """Answers are of the resource's type; a projection may be patched or applied, and not be written back."""
    assert_type(pods.get("web-0", timeout=5), Pod)
    assert_type(pods.create({"metadata": {"name": "web-0"}}, dry_run=True, field_validation="Strict"), Pod)
    assert_type(anything.replace(anything.get("web-0"), field_manager="m"), DynamicObject)
    assert_type(pods.patch("web-0", {"metadata": {"labels": {"x": None}}}, type="merge"), Pod)
    assert_type(pods.patch("web-0", [{"op": "remove", "path": "/spec"}], type="json"), Pod)
    assert_type(pods.apply(pods.get("web-0"), field_manager="m", force=True, name="web-0"), Pod)
    assert_type(pods.update("web-0", changed, attempts=3), Pod)
    assert_type(pods.delete("web-0", uid="u", propagation="Foreground", missing_ok=True, timeout=5), Pod | None)
    assert_type(pods.delete_all(ListOptions(label_selector="x"), grace_seconds=0), tuple[Pod, ...])
    assert_type(pods.subresource("scale"), Verbs[DynamicObject])
    assert_type(pods.subresource("status", type=Pod).get("web-0"), Pod)
    assert_type(pods.add_finalizer(pods.get("web-0"), "example.com/x"), Pod)
    assert_type(pods.remove_finalizer(pods.get("web-0"), "example.com/x"), Pod | None)


def wrong(pods: Resource[Pod], pod: Pod) -> None:
    """What type checkers refuse."""
    pods.create(pod)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pods.replace(pod)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pods.patch("web-0", {}, type="yaml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pods.create({}, field_validation="strict")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pods.delete("web-0", propagation="None")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pods.apply({})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    pods.get("web-0", dry_run=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def changed(obj: dict[str, Any]) -> None: ...
