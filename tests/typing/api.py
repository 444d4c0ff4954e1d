"""What type checkers infer of the public names. Never run: pyright strict and mypy strict read it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias, TypedDict, assert_type, cast

import msgspec

from trio_k8swatch import (
    Accessors,
    ApiClient,
    Backoff,
    Bookmark,
    Change,
    Deleted,
    DynamicObject,
    Failure,
    FlatNameIndex,
    Gone,
    HandlerFuncs,
    Health,
    IndexedStore,
    InitMode,
    KeyIndex,
    Listener,
    Listing,
    ListOptions,
    Met,
    NameIndex,
    ObjectMeta,
    PartialObjectMetadata,
    RelistTicket,
    Resource,
    Store,
    TimeRange,
    WatchConfig,
    model,
    open_client,
    open_watch,
)


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    node: str = ""


@dataclass(frozen=True)
class DataPod:
    metadata: ObjectMeta


NodeOf: TypeAlias = Callable[[Pod], str | None]
OwnersOf: TypeAlias = Callable[[Pod], list[str]]


class TypedPod(TypedDict):
    metadata: dict[str, str]


def resources(client: ApiClient) -> None:
    """The type of a resource is the one that was asked for."""
    assert_type(client.resource("v1", "pods", type=Pod), Resource[Pod])
    assert_type(client.resource("v1", "pods", namespace="x", type=DataPod), Resource[DataPod])
    assert_type(client.resource("v1", "pods", type=TypedPod), Resource[TypedPod])
    assert_type(client.resource("v1", "pods", type=PartialObjectMetadata), Resource[PartialObjectMetadata])
    assert_type(client.resource("v1", "pods", type=dict[str, Any]), Resource[dict[str, Any]])
    assert_type(client.resource("v1", "pods"), Resource[DynamicObject])


async def lists_and_watches(pods: Resource[Pod]) -> None:
    """A list has items of the type, and a watch events about it."""
    listing = await pods.list(ListOptions(label_selector="app=web"))
    assert_type(listing, Listing[Pod])
    assert_type(listing.items, list[Pod])
    assert_type(listing.resource_version, str)
    async with pods.watch() as events:
        async for event in events:
            if isinstance(event, Bookmark):
                assert_type(event.resource_version, str)
            elif isinstance(event, Failure):
                assert_type(event.object.code, int)
            elif isinstance(event, Deleted):
                assert_type(event.object, Pod)
            else:
                assert_type(event.object, Pod)


def lambdas_with_a_type(store: Store[Pod]) -> None:
    """With a type in brackets the parameters of a lambda are known to every checker, and so is what becomes of them."""
    handlers = HandlerFuncs[Pod](
        add=lambda pod, preexisting: print(assert_type(pod, Pod), assert_type(preexisting, bool)),
        update=lambda old, new: print(assert_type(old, Pod), assert_type(new, Pod)),
        delete=lambda pod, may_be_stale: print(assert_type(pod, Pod), assert_type(may_be_stale, bool)),
    )
    assert_type(handlers, HandlerFuncs[Pod])
    by_node = IndexedStore(store, KeyIndex[Pod, str](lambda pod: assert_type(pod, Pod).node))
    assert_type(by_node, IndexedStore[Pod, KeyIndex[Pod, str]])
    assert_type(by_node.index.get("node-1"), tuple[Pod, ...])


async def stores(client: ApiClient) -> None:
    """A store knows what it holds, and needs no annotation to know it."""
    async with open_watch(client.resource("v1", "pods", type=Pod)) as store:
        assert_type(store, Store[Pod])
        assert_type(store.get("uid"), Pod | None)
        assert_type(store.items(), list[Pod])
        assert_type([pod.node for pod in store], list[str])
        assert_type(len(store), int)
        assert_type("uid" in store, bool)
        assert_type(store.resource_version, str)
        assert_type(store.failing, bool)
        assert_type(store.stopped, bool)
        assert_type(store.health, Health)
        assert_type(store.request_relist(), RelistTicket)
        assert_type(store.listen("uid"), Listener | None)
        assert_type(await store.nop_update("uid"), bool)
        met = await store.wait_for(lambda pod: pod.node != "", uid="uid")
        assert_type(met, Met[Pod] | Gone[Pod])
        match met:
            case Met(pod):
                assert_type(pod, Pod)
            case Gone(last):
                assert_type(last, Pod | None)
        await store.wait_until(lambda s: len(s) > 3)
        async with store.subscribe(policy="resync", buffer=10) as changes:
            async for change in changes:
                assert_type(change, Change[Pod])
                assert_type(change.object, Pod)
                assert_type(change.old, Pod | None)
    async with open_watch(client.resource("v1", "pods")) as dynamic:
        assert_type(dynamic.get("uid"), DynamicObject | None)


async def indexes(store: Store[Pod]) -> None:
    """An index that names no type takes it from the store."""
    by_name = IndexedStore(store, NameIndex())
    assert_type(by_name, IndexedStore[Pod, NameIndex[Pod]])
    assert_type(by_name.index.get("default", "web-0"), Pod | None)
    assert_type(by_name.get("uid"), Pod | None)
    flat = IndexedStore(store, FlatNameIndex())
    assert_type(flat.index.get("node-1"), Pod | None)

    def node_of(pod: Pod) -> str:
        return pod.node

    def zones_of(pod: Pod) -> list[int]:
        return [len(pod.node)]

    by_node = IndexedStore(store, KeyIndex(node_of))
    assert_type(by_node.index, KeyIndex[Pod, str])
    assert_type(by_node.index.get("node-1"), tuple[Pod, ...])
    by_zone = IndexedStore(store, KeyIndex(zones_of))
    assert_type(by_zone.index.get(3), tuple[Pod, ...])
    assert_type(await by_node.get_indexed(len), int)
    assert_type(await by_node.list_indexed(lambda index: index.get("node-1")), list[Pod])
    await by_name.with_index(lambda index: index.get("default", "web-0"))
    with by_name:
        pass


class OnNode:
    """An index of one's own: no base class."""

    def __init__(self) -> None:
        self.pods: set[str] = set()

    def add(self, obj: Pod, /) -> None:
        self.pods.add(obj.metadata.uid)

    def update(self, old: Pod, new: Pod, /) -> None:
        del old, new

    def delete(self, obj: Pod, /) -> None:
        self.pods.discard(obj.metadata.uid)


def own_index(store: Store[Pod]) -> None:
    assert_type(IndexedStore(store, OnNode()).index.pods, set[str])


def added(obj: Pod, preexisting: bool) -> None:
    del obj, preexisting


async def handlers(client: ApiClient) -> None:
    """Functions and lambdas, each of them optional."""
    pods = client.resource("v1", "pods", type=Pod)
    async with open_watch(
        pods,
        handlers=HandlerFuncs[Pod](
            add=lambda pod, preexisting: print(pod.node, preexisting),
            update=lambda old, new: print(old.node, new.node),
            delete=lambda pod, may_be_stale: print(pod.node, may_be_stale),
        ),
        init_mode=InitMode.DEFER,
        list_options=ListOptions(field_selector="spec.nodeName=node-1"),
        config=WatchConfig(retry_relist_after=TimeRange(3, 5), retry_watch_after=Backoff(), rng=Random(1)),
    ) as store:
        assert_type(store, Store[Pod])
    async with open_watch(pods, handlers=HandlerFuncs(add=added), config=WatchConfig(retry_relist_after=None)) as store:
        assert_type(store, Store[Pod])
    typed = HandlerFuncs[Pod](add=lambda pod, preexisting: print(pod.node, preexisting))
    assert_type(typed, HandlerFuncs[Pod])


class Foreign:
    """Somebody else's client, with types of its own."""

    async def list(self, options: ListOptions, /) -> tuple[str, list[DataPod]]:
        del options
        return "1", []

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[AsyncIterator[tuple[str, DataPod]]]:
        del options

        async def events() -> AsyncGenerator[tuple[str, DataPod]]:
            yield "ADDED", DataPod(ObjectMeta())

        yield events()


def items_of(listing: Any) -> list[DataPod]:
    return cast("list[DataPod]", listing[1])


async def foreign() -> None:
    """The accessors say what the objects are; without them they are anything."""
    accessors: Accessors[DataPod] = Accessors(
        items=items_of, resource_version=lambda listing: listing[0], metadata=lambda obj: obj.metadata
    )
    async with open_watch(Foreign(), accessors=accessors) as store:
        assert_type(store, Store[DataPod])
    async with open_watch(Foreign()) as anything:
        assert_type(anything, Store[Any])


async def clients() -> None:
    """A client is for the length of a block."""
    async with open_client(base_url="http://localhost:8001", token="t") as client:
        assert_type(client, ApiClient)


@model("v1", "pods")
class Modelled(msgspec.Struct, frozen=True):
    metadata: ObjectMeta


async def lambdas(client: ApiClient, store: Store[Pod]) -> None:
    """What a reader of the README writes: nothing has to be annotated."""
    assert_type(client.resource(Modelled), Resource[Modelled])
    assert_type(client.resource(Modelled, namespace="default"), Resource[Modelled])
    typed = client.resource("v1", "pods", type=Pod)
    handlers_inline = open_watch(
        typed,
        handlers=HandlerFuncs(
            add=lambda pod, preexisting: print(pod.metadata.name, preexisting),
            update=lambda old, new: print(old.metadata.name, new.node),
            delete=lambda pod, may_be_stale: print(pod.metadata.name, may_be_stale),
        ),
    )
    async with handlers_inline as followed:
        print(len(followed))
    by_namespace = IndexedStore(store, KeyIndex(lambda pod: pod.metadata.namespace))
    by_generation = IndexedStore(store, KeyIndex(lambda pod: pod.metadata.generation))
    by_finalizer = IndexedStore(store, KeyIndex(lambda pod: set(pod.metadata.finalizers)))
    print(by_namespace.index.get("default"), by_generation.index.get(1), by_finalizer.index.get("x"))


def key_functions(pod_key: NodeOf, pod_keys: OwnersOf) -> None:
    assert_type(KeyIndex(pod_key), KeyIndex[Pod, str])
    assert_type(KeyIndex(pod_keys), KeyIndex[Pod, str])
