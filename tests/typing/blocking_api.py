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
    Met,
    NameIndex,
    ObjectMeta,
)
from trio_k8swatch.blocking import IndexedStore, Resource, Store, open_client, open_watch


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
