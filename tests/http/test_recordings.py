"""What a real kube-apiserver sent, through the whole stack, compared with what it said."""

import gzip
import json
from contextlib import asynccontextmanager

import pytest
import trio
from recorded_server import RECORDINGS, Exchange, RecordedServer, recorded

from trio_k8swatch import (
    HandlerFuncs,
    IndexedStore,
    ListOptions,
    ListStrategy,
    NameIndex,
    ObjectMeta,
    PartialObjectMetadata,
    WatchConfig,
    open_client,
    open_watch,
)

OBJECT_EVENTS = {"ADDED", "MODIFIED", "DELETED"}


def watches():
    """Every recorded watch that brought objects of the kind that was asked for."""
    for path in sorted(RECORDINGS.glob("*.json")):
        for number, exchange in enumerate(recorded(path.stem)):
            if "watch" in exchange.query and exchange.status == 200 and path.stem != "table-watch":
                events = exchange.lines
                if exchange.query.get("resourceVersion", "0") == "0" and "sendInitialEvents" not in exchange.query:
                    continue  # begins with what is there in no order; a watch after a list never does
                if any(event["type"] in OBJECT_EVENTS and event["object"]["kind"] != "Table" for event in events):
                    yield pytest.param(exchange, id=f"{path.stem}-{number}")


def collection(path):
    """From `/api/v1/namespaces/ns/pods` to the arguments of `client.resource`."""
    parts = path.strip("/").split("/")
    version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    namespace = rest[1] if rest[0] == "namespaces" and len(rest) > 2 else None
    return version, rest[-1], namespace


def listing(items, version):
    """A list as the API server writes it; the recordings of watches do not come with theirs."""
    body = json.dumps({"kind": "List", "apiVersion": "", "metadata": {"resourceVersion": version}, "items": items})
    headers = [["Content-Type", "application/json"], ["Transfer-Encoding", "chunked"]]
    return Exchange("", {}, 200, headers, body.encode(), [], "terminating-chunk")


def before(events):
    """The objects that must have been there already, since the first that is heard of them is not that they came."""
    first = {}
    for event in events:
        if event["type"] in OBJECT_EVENTS:
            first.setdefault(event["object"]["metadata"]["uid"], event)
    older = [json.loads(json.dumps(event["object"])) for event in first.values() if event["type"] != "ADDED"]
    for obj in older:
        obj["metadata"]["resourceVersion"] = "1"
    return older


def fold(objects, events):
    state = {obj["metadata"]["uid"]: obj for obj in objects}
    for event in events:
        if event["type"] == "DELETED":
            state.pop(event["object"]["metadata"]["uid"])
        elif event["type"] in OBJECT_EVENTS:
            state[event["object"]["metadata"]["uid"]] = event["object"]
    return state


def last_version(events):
    return [event["object"]["metadata"]["resourceVersion"] for event in events if event["type"] != "ERROR"][-1]


@asynccontextmanager
async def watching(server, exchange, *, handlers=None, strategy=ListStrategy.PAGES, **kind):
    version, plural, namespace = collection(exchange.path)
    config = WatchConfig(list_strategy=strategy)
    async with server.serve() as url, open_client(base_url=url) as client:
        resource = client.resource(version, plural, namespace=namespace, **kind)
        async with open_watch(resource, handlers=handlers, config=config) as store:
            yield store


@pytest.mark.parametrize("exchange", list(watches()))
async def test_the_store_is_what_the_server_said(exchange):
    """Objects, bytes and version, after every recorded watch; and handlers heard of each step."""
    events = exchange.lines
    there = before(events)
    is_streaming = "sendInitialEvents" in exchange.query
    server = RecordedServer([listing(there, exchange.query.get("resourceVersion", "1"))], [exchange])
    heard = []
    handlers = HandlerFuncs(
        add=lambda obj, _: heard.append(("ADDED", obj.metadata.resource_version)),
        update=lambda _, new: heard.append(("MODIFIED", new.metadata.resource_version)),
        delete=lambda obj, _: heard.append(("DELETED", obj.metadata.resource_version)),
    )
    metadata_only = exchange.lines[0]["object"]["kind"] == "PartialObjectMetadata"
    kind = {"type": PartialObjectMetadata} if metadata_only else {}
    strategy = ListStrategy.STREAM if is_streaming else ListStrategy.PAGES
    async with watching(server, exchange, handlers=handlers, strategy=strategy, **kind) as store:
        by_name = IndexedStore(store, NameIndex())
        with trio.fail_after(10):
            await store.wait_until(lambda store: store.resource_version == last_version(events))
        expected = fold(there, events)
        assert {obj.metadata.uid for obj in store} == set(expected)
        for obj in store:
            said = expected[obj.metadata.uid]
            assert by_name.index.get(obj.metadata.namespace, obj.metadata.name) is obj
            if not metadata_only:
                assert obj.to_dict() == said
    told = [
        (event["type"], event["object"]["metadata"]["resourceVersion"])
        for event in events
        if event["type"] in OBJECT_EVENTS
    ]
    assert [one for one in heard if one in told] == told


@pytest.mark.parametrize(
    ("case", "number"),
    [("list-pods", 0), ("crd-list", 0), ("gzip", 0), ("list-empty", 0), ("list-resource-version", 0)],
)
async def test_a_list_is_what_the_server_said(case, number):
    """Also gzipped, and with the kind and apiVersion that the items of built-in kinds leave out."""
    exchange = recorded(case)[number]
    said = json.loads(gzip.decompress(exchange.body) if exchange.body[:2] == b"\x1f\x8b" else exchange.body)
    async with RecordedServer([exchange]).serve() as url, open_client(base_url=url) as client:
        version, plural, namespace = collection(exchange.path)
        listed = await client.resource(version, plural, namespace=namespace).list()
    kind = {"kind": said["kind"].removesuffix("List"), "apiVersion": said["apiVersion"]}
    assert listed.resource_version == said["metadata"]["resourceVersion"]
    assert [obj.to_dict() for obj in listed.items] == [{**kind, **item} for item in said["items"]]


async def test_all_pages_make_one_list():
    """limit=3 over seven objects: three requests, one list."""
    pages = recorded("list-pages")
    server = RecordedServer(list(pages))
    async with server.serve() as url, open_client(base_url=url) as client:
        version, plural, namespace = collection(pages[0].path)
        listed = await client.resource(version, plural, namespace=namespace).list(ListOptions(page_size=3))
    said = [json.loads(page.body) for page in pages]
    assert [obj.metadata.name for obj in listed.items] == [
        item["metadata"]["name"] for one in said for item in one["items"]
    ]
    assert [query.get("continue") for _, query in server.asked] == [
        None,
        *(one["metadata"]["continue"] for one in said[:-1]),
    ]


async def test_a_watch_that_has_expired_is_followed_by_a_list():
    """HTTP 200, one ERROR event with code 410, the end: then a list, and what it says."""
    expired = recorded("watch-410-error-event")[0]
    there = [{"metadata": {"name": "a", "namespace": "wire-cm", "uid": "1", "resourceVersion": "700"}}]
    server = RecordedServer([listing([], "590"), listing(there, "701")], [expired])
    async with watching(server, expired) as store:
        with trio.fail_after(10):
            await store.wait_until(lambda store: store.resource_version == "701")
        assert [obj.metadata.name for obj in store] == ["a"]


@pytest.mark.parametrize("case", ["watch-server-stops", "watch-server-killed"])
async def test_a_server_that_stops_is_watched_again_from_the_same_version(case):
    """The clean end and the broken one: no list, nothing lost."""
    exchange = recorded(case)[0]
    start = exchange.query["resourceVersion"]
    server = RecordedServer([listing([], start)], [exchange])
    async with watching(server, exchange) as store:
        with trio.fail_after(10):
            while len(server.asked) < 3:
                await trio.sleep(0.01)
        expected = last_version(exchange.lines) if exchange.lines else start
        assert store.resource_version == expected
    versions = [query.get("resourceVersion") for _, query in server.asked if "watch" in query]
    assert versions == [start, expected]


async def test_the_long_and_the_strange_arrive_whole():
    """U+0085 raw in a string, an annotation of 79,200 bytes: one event each, no character changed."""
    exchange = recorded("watch-unicode-long")[0]
    server = RecordedServer([listing([], "1269")], [exchange])
    async with watching(server, exchange, type=dict) as store:
        with trio.fail_after(10):
            await store.wait_until(lambda store: store.resource_version == last_version(exchange.lines))
        assert store.items() == list(fold([], exchange.lines).values())
    text = json.dumps(exchange.lines, ensure_ascii=False)
    assert "\x85" in text
    assert len(text) > 79_200


def test_the_metadata_of_every_recorded_object_can_be_read():
    """Timestamps, owners, labels: no form that the server uses is a surprise to ObjectMeta."""
    import msgspec

    count = 0
    for path in RECORDINGS.glob("*.json"):
        for exchange in recorded(path.stem):
            for event in exchange.lines if "watch" in exchange.query and exchange.status == 200 else ():
                if event["type"] in OBJECT_EVENTS and "metadata" in event["object"]:
                    meta = msgspec.convert(event["object"]["metadata"], ObjectMeta)
                    assert meta.resource_version == event["object"]["metadata"].get("resourceVersion", "")
                    count += 1
    assert count > 100
