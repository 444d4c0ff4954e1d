"""One `trio-k8swatch watch`, from its arguments to its last line."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, TypeVar

import trio

from trio_k8swatch._config import ListStrategy, WatchConfig
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._http import ApiClient, Collection
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import DynamicObject, PartialObjectMetadata
from trio_k8swatch._open import open_watch
from trio_k8swatch._reflector import ListWatcher
from trio_k8swatch._store import Policy, Store
from trio_k8swatch.cli._log_handler import warnings_to
from trio_k8swatch.cli._metrics_port import serving_metrics
from trio_k8swatch.cli._observed_list_watcher import ObservedListWatcher
from trio_k8swatch.cli._output.changes import OneForEach
from trio_k8swatch.cli._output.lines import JsonLines, Lines, NameLines, TableLines
from trio_k8swatch.cli._output.progress import ListProgress
from trio_k8swatch.cli._output.stdout import ReaderGone, Stdout
from trio_k8swatch.cli._stderr import complain
from trio_k8swatch.cli._table.screen import Screen, is_screen
from trio_k8swatch.cli._table.server_table import TableReader
from trio_k8swatch.cli._table.table_list_watcher import TableListWatcher
from trio_k8swatch.cli._target import collection_for, find, open_target
from trio_k8swatch.cli._watch_arguments import Order, Output
from trio_k8swatch.discovery._rest_mapper import ServedResource

__all__ = ["watch"]

T = TypeVar("T")


async def watch(order: Order) -> None:
    """Show changes until there were enough, nobody reads any more, or this is cancelled."""
    stdout = Stdout()
    on_screen = order.output is Output.TABLE and is_screen()
    with ExitStack() as stack:
        warnings = stack.enter_context(warnings_to(complain))
        metrics = stack.enter_context(serving_metrics(order.metrics_port))
        async with open_target(order.target) as client:
            served = await find(client, order.resource)
            collection = collection_for(order, served, client.connection)
            progress = stack.enter_context(ListProgress(served.plural))
            reader = TableReader()
            source = ObservedListWatcher(_source(order.output, client, collection, reader), progress.on_page)
            config = WatchConfig(
                list_strategy=ListStrategy.PAGES,
                metrics=None if metrics is None else metrics.instance(served.full_name),
            )
            options = ListOptions(label_selector=order.label_selector, field_selector=order.field_selector)
            async with open_watch(source, list_options=options, config=config) as store:
                progress.close()
                wide = served.namespaced and collection.namespace is None
                if on_screen:
                    # It has the terminal for itself, and says in its own way what is wrong.
                    warnings.muted = True
                    await Screen(store, source, reader, what=_what(served, collection), wide=wide).show(
                        order.max_events
                    )
                else:
                    await _write(store, stdout, _lines(order.output, served, reader, wide=wide), order.max_events)


def _source(output: Output, client: ApiClient, collection: Collection, reader: TableReader) -> ListWatcher[Any]:
    """Only what will be shown is asked for."""
    if output is Output.TABLE:
        return TableListWatcher(client, collection, reader)
    type_ = DynamicObject if output is Output.JSON else PartialObjectMetadata
    return client.resource(collection.api_version, collection.plural, namespace=collection.namespace, type=type_)


def _lines(output: Output, served: ServedResource, reader: TableReader, *, wide: bool) -> Lines[Any]:
    if output is Output.TABLE:
        return TableLines(reader, with_namespace=wide)
    return JsonLines() if output is Output.JSON else NameLines(served)


def _what(served: ServedResource, collection: Collection) -> str:
    """For people: `pods in namespace shop`."""
    if not served.namespaced:
        return served.plural
    where = f"namespace {collection.namespace}" if collection.namespace is not None else "all namespaces"
    return f"{served.plural} in {where}"


async def _write(store: Store[T], stdout: Stdout, lines: Lines[T], max_events: int | None) -> None:
    """One line for each object that is there, then for each event, `max_events` at most.

    A reader that is slow slows the watch down: nothing is left out, and nothing piles up. Raises ReaderGone.
    """
    with lone_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_notice_end_of_reading, stdout)
            lines.expect(store.items(), trio.current_time())
            async with store.subscribe(policy=Policy.BLOCK, name="stdout") as changes:
                each = OneForEach(changes)
                written = 0
                while max_events is None or written < max_events:
                    try:
                        change = await anext(each)
                    except StopAsyncIteration:
                        break
                    await stdout.write(lines.line(change, trio.current_time()))
                    written += 1
            nursery.cancel_scope.cancel()


async def _notice_end_of_reading(stdout: Stdout) -> None:
    await stdout.wait_closed()
    raise ReaderGone
