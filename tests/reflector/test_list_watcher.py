"""Anyone's client as a source."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from core_helpers import Thing, bookmark, failure, thing
from trio.testing import MockClock

from trio_k8swatch import (
    Accessors,
    Added,
    Client,
    Deleted,
    Failure,
    ListOptions,
    Modified,
    ObjectMeta,
    ProtocolError,
    open_watch,
)
from trio_k8swatch._reflector.list_watcher import ForeignListWatcher, ListWatcher


class Kind(Enum):
    ADDED = "ADDED"


@dataclass
class Foreign:
    """A client of somebody else's, that gives what it was given."""

    listing: Any = None
    events: list[Any] = field(default_factory=list)

    async def list(self, options: ListOptions, /) -> Any:
        return self.listing

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[AsyncIterator[Any]]:
        async def all_events() -> AsyncGenerator[Any]:
            for event in self.events:
                yield event

        async with aclosing(all_events()) as events:
            yield events


@asynccontextmanager
async def aclosing(generator: AsyncGenerator[Any]) -> AsyncGenerator[AsyncGenerator[Any]]:
    try:
        yield generator
    finally:
        await generator.aclose()


async def received(client: Client, accessors: Accessors[Any] | None = None) -> list[Any]:
    got: list[Any] = []
    async with ForeignListWatcher(client, accessors).watch(ListOptions()) as events:
        while (batch := await events.receive()) is not None:
            got.extend(batch)
    return got


A = thing("a", 5)


@pytest.mark.parametrize(
    "listing",
    [
        {"items": [A], "metadata": {"resourceVersion": "7"}},
        SimpleNamespace(items=[A], metadata=SimpleNamespace(resource_version="7")),
    ],
    ids=["keys", "attributes"],
)
async def test_A1_a_list_is_read_by_keys_or_attributes(listing: Any) -> None:
    """Without any glue."""
    pages: list[Any] = []
    metadata = await ForeignListWatcher[Thing](Foreign(listing), None).page(ListOptions(), pages.append)
    [page] = pages
    assert metadata == page.metadata
    assert (page.items, page.metadata.resource_version, page.metadata.continue_token) == ([A], "7", None)


@pytest.mark.parametrize(
    "listing",
    [{}, {"items": [A]}, SimpleNamespace(), {"items": 5, "metadata": {}}],
)
async def test_a_list_that_is_none_fails(listing: Any) -> None:
    """Whatever a client gives instead."""
    with pytest.raises((ProtocolError, LookupError, AttributeError, TypeError)):
        await ForeignListWatcher[Thing](Foreign(listing), None).page(ListOptions(), print)


async def test_A6_accessors_are_asked_where_lists_and_objects_look_otherwise() -> None:
    """Items and version of the list, metadata of each object."""
    accessors: Accessors[Any] = Accessors(
        items=lambda listing: listing[1],
        resource_version=lambda listing: listing[0],
        metadata=lambda obj: ObjectMeta(name=obj, uid=obj, resource_version="3"),
    )
    source = ForeignListWatcher[Any](Foreign(("9", ("a", "b")), [("BOOKMARK", "a")]), accessors)
    pages: list[Any] = []
    await source.page(ListOptions(), pages.append)
    [page] = pages
    assert (page.items, page.metadata.resource_version) == (["a", "b"], "9")
    assert source.metadata("a").uid == "a"
    assert await received(Foreign(events=[("BOOKMARK", "a")]), accessors) == [bookmark(3)]


@pytest.mark.parametrize(
    "event",
    [
        Added(A),
        ("ADDED", A),
        {"type": "ADDED", "object": A},
        SimpleNamespace(type="ADDED", object=A),
        SimpleNamespace(type=Kind.ADDED, object=A),
    ],
    ids=["ours", "pair", "keys", "attributes", "enum"],
)
async def test_A1_an_event_may_come_in_any_form(event: Any) -> None:
    """One of ours, a pair, keys, attributes."""
    assert await received(Foreign(events=[event])) == [Added(A)]


async def test_A1_all_types_of_events_are_understood() -> None:
    """Bookmarks and errors included; an error may be a mapping or an object."""
    error = {"kind": "Status", "code": 410, "reason": "Expired"}
    events = [("MODIFIED", A), ("DELETED", A), ("BOOKMARK", A), ("ERROR", error), ("ERROR", SimpleNamespace(**error))]
    assert await received(Foreign(events=events)) == [
        Modified(A),
        Deleted(A),
        bookmark(5),
        failure(410, "Expired"),
        failure(410, "Expired"),
    ]
    assert await received(Foreign(events=[failure(500)])) == [failure(500)]


@pytest.mark.parametrize("event", [("PANIC", A), ("ERROR", 5), ("ERROR", {"code": "x"})])
async def test_E9_B12_what_is_no_event_is_a_protocol_error(event: Any) -> None:
    """From a foreign client as from the wire."""
    with pytest.raises(ProtocolError):
        await received(Foreign(events=[event]))


async def test_a_foreign_source_is_a_source() -> None:
    """It streams no lists, and is called what the client is called."""
    source = ForeignListWatcher[Thing](Foreign(5), None)
    assert isinstance(source, ListWatcher)
    assert not isinstance(Foreign(), ListWatcher)
    assert not await source.prefers_streaming_lists()
    assert repr(source) == repr(Foreign(5))
    assert isinstance(failure(1), Failure)


async def test_R23_an_accessor_may_give_metadata_as_a_dict(autojump_clock: MockClock) -> None:
    """As clients have it whose objects are plain dicts: in lists and in events."""

    def pod(name: str, version: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": "d", "uid": f"uid-of-{name}", "resourceVersion": version}}

    class Dicts:
        async def list(self, options: ListOptions, /) -> Any:
            return {"metadata": {"resourceVersion": "5"}, "items": [pod("a", "1")]}

        @asynccontextmanager
        async def watch(self, options: ListOptions, /) -> AsyncGenerator[AsyncIterator[Any]]:
            yield self._events()

        async def _events(self) -> AsyncIterator[Any]:
            yield {"type": "ADDED", "object": pod("b", "6")}
            yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
            await trio.sleep_forever()

    accessors: Accessors[dict[str, Any]] = Accessors(
        items=lambda listing: listing["items"],
        resource_version=lambda listing: listing["metadata"]["resourceVersion"],
        metadata=lambda obj: obj["metadata"],
    )
    async with open_watch(Dicts(), accessors=accessors) as store:
        await trio.sleep(1)
        assert store.get("uid-of-b") == pod("b", "6")
        assert pod("a", "1") in store
        assert store.resource_version == "9"
