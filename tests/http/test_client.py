"""Clients and resources, against the fake API server without a socket."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import msgspec
import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch import (
    ApiError,
    ConfigError,
    DynamicObject,
    Expired,
    IndexedStore,
    ListOptions,
    NameIndex,
    NotFound,
    ObjectMeta,
    PartialObjectMetadata,
    ProtocolError,
    Resource,
    Unavailable,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch.connect import Connection
from trio_k8swatch.testing import FakeApiServer


class Pod(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    kind: str = ""


def pod(name: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "main", "image": "pause"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


async def test_the_route_of_an_event_from_end_to_end(autojump_clock: MockClock) -> None:
    """From a write on the server to handlers, indexes and readers."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    async with open_client(transport=fake.transport()) as client:
        async with open_watch(client.resource("v1", "pods", namespace="default", type=Pod)) as store:
            by_name = IndexedStore(store, NameIndex())
            written = fake.create(pod("b"))
            await store.at_least(written["metadata"]["resourceVersion"])
            found = by_name.index.get("default", "b")
            assert found is not None
            assert found.kind == "Pod"
            fake.delete(written)
            await store.wait_until(lambda s: len(s) == 1)
            await store.relist()
            assert [obj.metadata.name for obj in store] == ["a"]


@pytest.mark.parametrize("type_", [Pod, DynamicObject, PartialObjectMetadata, dict])
async def test_a_resource_lists_and_watches_objects_of_its_type(type_: Any, autojump_clock: MockClock) -> None:
    """Lists in pages, watches from there."""
    fake = FakeApiServer()
    for name in "abc":
        fake.create(pod(name))
    async with open_client(transport=fake.transport()) as client:
        pods: Resource[Any] = client.resource("v1", "pods", type=type_)
        listing = await pods.list(ListOptions(page_size=2))
        assert len(listing.items) == 3
        fake.create(pod("d"))
        async with pods.watch(ListOptions(resource_version=listing.resource_version)) as events:
            event = await anext(events)
        assert event.type == "ADDED"
        assert isinstance(event.object, type_)


async def test_refusals_are_errors_that_say_what_was_wanted(autojump_clock: MockClock) -> None:
    """Of lists and of watches."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(NotFound, match=r"cannot list crontabs \(example.org/v1\) in all namespaces"):
            await client.resource("example.org/v1", "crontabs").list()
        with pytest.raises(NotFound, match="cannot watch crontabs"):
            async with client.resource("example.org/v1", "crontabs", namespace="x").watch():
                pass
        with pytest.raises(ApiError) as caught:
            await client.get("/nowhere")
        assert caught.value.status.code == 404


async def test_a_version_that_is_history_is_an_event(autojump_clock: MockClock) -> None:
    """The API server says so in the stream; the watch makes a list of it."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    async with open_client(transport=fake.transport()) as client:
        pods = client.resource("v1", "pods")
        old = (await pods.list()).resource_version
        for name in "bc":
            fake.create(pod(name))
        fake.compact()
        try:
            async with pods.watch(ListOptions(resource_version=old)) as events:
                event = await anext(events)
            assert event.type == "ERROR"
            assert event.object.code == 410  # type: ignore[union-attr] - an ERROR event
        except Expired:
            pass


def test_A7_a_type_that_cannot_be_watched_is_refused_before_any_request() -> None:
    """By `resource` itself."""

    async def main() -> None:
        async with open_client(base_url="http://127.0.0.1:1") as client:
            with pytest.raises(ConfigError, match="int has no field `metadata`"):
                client.resource("v1", "pods", type=int)
            assert repr(client.resource("v1", "pods")) == "<Resource pods (v1) in all namespaces>"

    trio.run(main)


class Answers(httpx.AsyncBaseTransport):
    """Gives the same answer to everything."""

    def __init__(self, response: httpx.Response | Exception) -> None:
        self.response = response
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


async def test_a_response_that_was_read_when_it_was_made_is_read_again() -> None:
    """As the transports of tests give them: httpx.MockTransport, for example."""
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []}
    async with open_client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body))) as client:
        assert (await client.resource("v1", "pods").list()).resource_version == "7"


@pytest.mark.parametrize("indent", [None, 1])
async def test_a_list_that_comes_in_one_piece_does_not_hold_up_others(indent: int | None) -> None:
    """Others have their turn while it is decoded, and while it is taken where it can only be decoded as a whole."""
    metas = [{"name": f"n{n}", "uid": str(n), "labels": {"filling": "x" * 1000}} for n in range(2000)]
    listing = {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [{"metadata": meta} for meta in metas]}
    separators = (",", ":") if indent is None else None
    whole = json.dumps(listing, indent=indent, separators=separators)
    parts: list[int] = []
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(parts))
            await trio.lowlevel.checkpoint()

    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=whole))
    async with open_client(transport=transport) as client, trio.open_nursery() as nursery:
        nursery.start_soon(others)
        pods = client.resource("v1", "pods", type=Pod)
        metadata = await pods.page(ListOptions(), lambda part: parts.append(len(part.items)))
        nursery.cancel_scope.cancel()
    assert metadata.resource_version == "5"
    assert sum(parts) == 2000
    # trio lets tasks have their turns in any order, so it may be two parts for which another one waits.
    assert max(later - earlier for earlier, later in itertools.pairwise(turns)) <= 2
    assert max(parts) <= 500


async def test_our_own_work_is_no_silence_of_the_server(autojump_clock: MockClock) -> None:
    """What is taken part by part may take longer than a server may be silent."""
    metas = [{"name": f"n{n}", "uid": str(n), "labels": {"filling": "x" * 1000}} for n in range(1000)]
    listing = {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [{"metadata": meta} for meta in metas]}
    whole = json.dumps(listing, separators=(",", ":"))
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text=whole))
    async with open_client(transport=transport, silence_limit=5.0) as client:
        pods = client.resource("v1", "pods", type=Pod)
        metadata = await pods.page(ListOptions(), lambda part: autojump_clock.jump(10))
    assert metadata.resource_version == "5"


async def test_errors_of_a_transport_are_ours() -> None:
    """No httpx type leaves the library, except as a cause."""
    for error in (httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("odd")):
        async with open_client(transport=Answers(error)) as client:
            with pytest.raises(Unavailable, match=str(error)) as caught:
                await client.resource("v1", "pods").list()
            assert caught.value.__cause__ is not None


async def test_a_url_that_is_none_is_a_mistake() -> None:
    """Not something to try again."""
    with pytest.raises(ConfigError):
        async with open_client(base_url="gopher://x") as client:
            await client.resource("v1", "pods").list()


async def test_requests_say_who_asks_and_what_is_understood() -> None:
    """Watches are never compressed: a proxy would hold events back."""
    transport = Answers(
        httpx.Response(
            200, json={"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}
        )
    )
    async with open_client(base_url="http://x", token="secret", transport=transport, user_agent="me") as client:
        await client.resource("v1", "pods", type=dict).list()
        async with client.resource("v1", "pods").watch():
            pass
    for request in transport.requests:
        assert request.headers["user-agent"] == "me"
        assert request.headers["authorization"] == "Bearer secret"
    assert transport.requests[1].headers["accept-encoding"] == "identity"
    assert transport.requests[1].url.params["watch"] == "true"
    assert "secret" not in repr(client)


async def test_streaming_lists_are_only_preferred_where_they_are_known_to_work() -> None:
    """By the server's version, and never of a server that a test stands for."""
    async with open_client(transport=Answers(httpx.Response(500))) as client:
        assert not await client.prefers_streaming_lists()
        client.connection = dataclasses.replace(client.connection, compress=False)
        assert not await client.prefers_streaming_lists()
        for body, works in (
            ({"major": "1", "minor": "34"}, True),
            ({"major": "1", "minor": "33+"}, False),
            ({"major": "1", "minor": "x"}, False),
            ([], False),
        ):
            client._version = None
            client._calls._http._transport = Answers(httpx.Response(200, json=body))
            client._calls._http._mounts = {}
            assert await client.prefers_streaming_lists() is works
            assert await client.resource("v1", "pods").prefers_streaming_lists() is works


async def test_pages_are_preferred_where_they_may_be_compressed() -> None:
    """They cost as much and are a twentieth of the bytes; the server's version does not matter, and is not asked for."""
    server = Answers(httpx.Response(200, json={"major": "1", "minor": "40"}))
    async with open_client(transport=server) as client:
        client._version = None
        assert client.connection.compress
        assert not await client.prefers_streaming_lists()
        assert server.requests == []


class _Mine(Unavailable):
    def __init__(self, code: int) -> None:
        super().__init__("mine")
        self.code = code


@pytest.mark.parametrize("error", [_Mine(7), ProtocolError("mine"), Unavailable("mine"), ValueError("mine")])
async def test_R10_an_exception_of_the_block_leaves_as_it_was_raised(error: Exception, autojump_clock: object) -> None:
    """One of our own errors, raised by the user inside `resource.watch()`, is the user's: the same object, with its cause."""
    cause = KeyError("the reason")
    async with open_client(transport=FakeApiServer().transport()) as client:
        with pytest.raises(type(error)) as caught:
            async with client.resource("v1", "pods").watch():
                raise error from cause

    assert caught.value is error
    assert error.__cause__ is cause


async def test_R14_an_answer_that_is_kept_whole_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in an error, not in all of the memory."""
    monkeypatch.setattr("trio_k8swatch._http.client._MAX_BODY_BYTES", 10)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 11))
    async with open_client(transport=transport) as client:
        with pytest.raises(ProtocolError, match=r"^cannot get /version: the answer is larger than 10 bytes"):
            await client.get("/version")


class SlowCredentials(httpx.Auth):
    """Somebody has to find their phone."""

    def __init__(self) -> None:
        self.are_due = True
        self.prepared = self.cut_off = 0

    async def prepare(self) -> None:
        if self.are_due:
            try:
                await trio.sleep(200)
            except trio.Cancelled:
                self.cut_off += 1
                raise
            self.are_due = False
            self.prepared += 1

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await self.prepare()
        yield request


async def test_R13_no_silence_limit_ends_a_login(autojump_clock: MockClock) -> None:
    """Not at the start and not when a watch is opened again; and the server is not blamed for it."""
    fake, slow = FakeApiServer(), SlowCredentials()
    connection = Connection(server="http://localhost", auth=slow)
    async with open_client(connection, transport=fake.transport(), silence_limit=30.0) as client:
        async with open_watch(client.resource("v1", "pods"), config=WatchConfig(silence_limit=30.0)) as store:
            slow.are_due = True
            fake.faults.close_watch()
            fake.create(pod("a"))
            await store.wait_until(lambda s: len(s) == 1)
            while slow.are_due:
                await trio.sleep(10)
            fake.create(pod("b"))
            await store.wait_until(lambda s: len(s) == 2)
    assert (slow.prepared, slow.cut_off) == (2, 0)


@pytest.mark.parametrize("compress", [True, False])
async def test_R4_a_streaming_list_may_be_compressed_and_no_other_watch(compress: bool) -> None:
    """As lists may, unless the kubeconfig forbids it; the events of a watch would wait for a proxy's buffer to be full."""
    asked: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.params.get("sendInitialEvents", ""), request.headers["Accept-Encoding"]))
        return httpx.Response(200)

    connection = Connection(server="http://localhost", compress=compress)
    async with open_client(connection, transport=httpx.MockTransport(answer)) as client:
        pods = client.resource("v1", "pods")
        for options in (ListOptions(), ListOptions(send_initial_events=True, resource_version_match="NotOlderThan")):
            async with pods.watch(options) as events:
                assert [event async for event in events] == []

    assert asked == [("", "identity"), ("true", "gzip" if compress else "identity")]


async def test_R5_http2_is_refused_beside_a_transport_too() -> None:
    """Who asks for it is told, whatever replaces the network."""
    with pytest.raises(ConfigError, match=r"^http2=True: HTTP/2 is not supported"):
        async with open_client(transport=FakeApiServer().transport(), http2=True):
            pass
