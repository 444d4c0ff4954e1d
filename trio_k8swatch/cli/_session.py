"""One `trio-k8swatch watch`, from its order to its last line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import trio

from trio_k8swatch._config import ListStrategy, WatchConfig
from trio_k8swatch._objects import DynamicObject, PartialObjectMetadata
from trio_k8swatch._open import lone_exception, open_watch
from trio_k8swatch._resource import ListOptions
from trio_k8swatch._store import Store
from trio_k8swatch._subscribe import Change, Policy
from trio_k8swatch.cli._changes import OneForEach
from trio_k8swatch.cli._collection import ObservedResource
from trio_k8swatch.cli._lines import json_line, name_line
from trio_k8swatch.cli._order import Order, Output
from trio_k8swatch.cli._stdout import ReaderGone, Stdout
from trio_k8swatch.cli._target import collection_for, find, open_target

__all__ = ["watch"]

T = TypeVar("T")


async def watch(order: Order) -> None:
    """Write changes until there were enough, nobody reads any more, or this is cancelled."""
    stdout = Stdout()
    async with open_target(order.target) as client:
        served = await find(client, order.resource)
        collection = collection_for(order, served, client.connection)
        line_of: Callable[[Change[Any]], bytes]
        resource: ObservedResource[Any]
        if order.output is Output.JSON:
            resource, line_of = ObservedResource(client, collection, DynamicObject), json_line
        else:
            resource = ObservedResource(client, collection, PartialObjectMetadata)
            line_of = partial(name_line, served=served)
        options = ListOptions(label_selector=order.label_selector, field_selector=order.field_selector)
        config = WatchConfig(list_strategy=ListStrategy.PAGES)
        with lone_exception():
            async with (
                open_watch(resource, list_options=options, config=config) as store,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(_notice_end_of_reading, stdout)
                await write_lines(store, stdout, line_of, order.max_events)
                nursery.cancel_scope.cancel()


async def write_lines(
    store: Store[T], stdout: Stdout, line_of: Callable[[Change[T]], bytes], max_events: int | None
) -> None:
    """One line for each object that is there and for each event from then on, `max_events` at most.

    A reader that is slow slows the watch down: nothing is left out, and nothing piles up.
    """
    async with store.subscribe(policy=Policy.BLOCK, name="stdout") as changes:
        written = 0
        each = OneForEach(changes)
        while max_events is None or written < max_events:
            try:
                change = await anext(each)
            except StopAsyncIteration:
                return
            await stdout.write(line_of(change))
            written += 1


async def _notice_end_of_reading(stdout: Stdout) -> None:
    await stdout.wait_closed()
    raise ReaderGone
