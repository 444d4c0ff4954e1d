"""Rows of the seed that are about what can be seen from outside, and rows that were dropped with a reason."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from core_helpers import ScriptedListWatcher, Stream, bookmark, failure, page, steady, thing
from prometheus_client import CollectorRegistry
from trio.testing import MockClock

import trio_k8swatch
from trio_k8swatch import Added, Deleted, HandlerFuncs, Metrics, Modified, Unavailable, open_watch

A = thing("a", 3)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"app_{name}", {"watcher_instance": "things", **labels})


async def test_E10_each_event_is_counted_by_its_type_before_anything_else(autojump_clock: MockClock) -> None:
    """An event that is refused as nonsense was received, too."""
    registry = CollectorRegistry()
    metrics = Metrics("app", registry).instance("things")
    b = thing("b", 6)
    events = [
        Added(b),
        Modified(thing("b", 7)),
        Deleted(thing("b", 8)),
        bookmark(9),
        Added(thing("c", "")),
        failure(500),
    ]
    source = ScriptedListWatcher(
        page(A, at=5), page(A, at=9), watches=[Stream(*events[:5]), Stream(events[5]), Stream()]
    )
    async with open_watch(source, config=steady(metrics=metrics)):
        await trio.sleep(10)
    counts = {
        type_: value(registry, "events_total", type=type_)
        for type_ in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR")
    }
    assert counts == {"ADDED": 2, "MODIFIED": 1, "DELETED": 1, "BOOKMARK": 1, "ERROR": 1}


async def test_B19_a_watch_that_cannot_start_is_seen(autojump_clock: MockClock) -> None:
    """The Go package counted a watch only once it was open: one stuck at its start was nowhere to be seen."""
    registry = CollectorRegistry()
    metrics = Metrics("app", registry).instance("things")
    source = ScriptedListWatcher(Unavailable("no"), Unavailable("no"), page(A, at=5))
    seen: list[Any] = []

    async def look() -> None:
        await trio.sleep(1.5)
        seen.append((value(registry, "alive_current"), value(registry, "failing_current")))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        async with open_watch(source, config=steady(metrics=metrics, retry_at_start=(Unavailable,))):
            assert (value(registry, "alive_current"), value(registry, "failing_current")) == (1, 0)
    assert seen == [(0, 1)]


async def test_B26_an_update_shows_what_changed_between_two_good_states(autojump_clock: MockClock) -> None:
    """A user of the Go package looked at the new state alone, and missed that a ready pod had got another address."""
    source = ScriptedListWatcher(page(thing("a", 3, value=1), at=5))
    changes: list[tuple[int, int]] = []
    handlers = HandlerFuncs[Any](update=lambda old, new: changes.append((old.value, new.value)))
    async with open_watch(source, handlers=handlers, config=steady()):
        source.stream.send(Modified(thing("a", 6, value=2)))
        await trio.sleep(1)
    assert changes == [(1, 2)]


async def test_U5_a_listener_handed_on_is_the_same_listener(autojump_clock: MockClock) -> None:
    """Go copies its receivers when they are handed on, and a copy has not seen what the original has."""
    source = ScriptedListWatcher(page(A, at=5))
    async with open_watch(source, config=steady()) as store:
        listener = store.listen("uid-of-a")
        assert listener is not None
        source.stream.send(Modified(thing("a", 6)))

        async def hand_on(received: Any) -> None:
            await received.wait()

        await hand_on(listener)
        with trio.move_on_after(math.pi) as scope:
            await listener.wait()
        assert scope.cancelled_caught


@pytest.mark.parametrize("name", ["CondChannelPair", "SingleSignalPair", "Broadcaster"])
def test_U6_U7_signals_are_those_of_trio(name: str) -> None:
    """Cancel scopes and events do what these did; the watch never used the first of them."""
    assert not hasattr(trio_k8swatch, name)
