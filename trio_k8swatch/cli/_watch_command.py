"""One `trio-k8swatch watch`, from its arguments to its last line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import msgspec
import trio
from msgspec.structs import replace

from trio_k8swatch._config import ListStrategy, WatchConfig
from trio_k8swatch._errors import ConfigError, Unavailable
from trio_k8swatch._http import ApiClient, Collection
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._metrics import Metrics
from trio_k8swatch._object_meta import DynamicObject, PartialObjectMetadata
from trio_k8swatch._open import open_watch
from trio_k8swatch._reflector import ListWatcher
from trio_k8swatch._store import Store
from trio_k8swatch.cli._log_handler import warnings_to
from trio_k8swatch.cli._metrics_port import serving_metrics
from trio_k8swatch.cli._observed_list_watcher import ObservedListWatcher
from trio_k8swatch.cli._output.lines import (
    JsonLines,
    JsonPathLines,
    Lines,
    NameLines,
    TableLines,
    YamlLines,
    name_prefix,
)
from trio_k8swatch.cli._output.progress import ListProgress
from trio_k8swatch.cli._output.stdout import Stdout
from trio_k8swatch.cli._output.written import Followed, write_changes
from trio_k8swatch.cli._stderr import complain
from trio_k8swatch.cli._table.columns import TableStyle
from trio_k8swatch.cli._table.screen import Screen, is_screen
from trio_k8swatch.cli._table.server_table import TableReader
from trio_k8swatch.cli._table.table_list_watcher import TableListWatcher
from trio_k8swatch.cli._target import collection_for, find_all, open_target
from trio_k8swatch.cli._watch_arguments import Order, Output, Wanted

__all__ = ["watch"]


class _Watched(msgspec.Struct, frozen=True):
    """One collection that is followed: with several names there is one store for each."""

    wanted: Wanted
    collection: Collection
    reader: TableReader
    source: ObservedListWatcher[Any]
    stores: list[Store[Any]]


async def watch(order: Order) -> None:
    """Show changes until there were enough, nobody reads any more, the time is up, or this is cancelled."""
    answered = trio.Event()
    limit = order.request_timeout
    with trio.move_on_after(float("inf") if limit is None else limit) as scope:
        await _watch(order, answered)
    if scope.cancelled_caught and not answered.is_set():
        raise Unavailable(f"no answer within {limit:g} s (--request-timeout)")


async def _watch(order: Order, answered: trio.Event) -> None:
    """As `watch`, without a limit; `answered` says that all lists have been read."""
    stdout = Stdout()
    with ExitStack() as stack:
        warnings = stack.enter_context(warnings_to(complain))
        metrics = stack.enter_context(serving_metrics(order.metrics_port))
        async with AsyncExitStack() as opened:
            client = await opened.enter_async_context(open_target(order.target))
            wanted = await find_all(client, order.resources)
            _refuse_contradictions(order, wanted)
            watched = [await _open(opened, order, one, client, metrics) for one in wanted]
            answered.set()
            if _has_the_screen(order, watched):
                # It has the terminal for itself, and says in its own way what is wrong.
                warnings.muted = True
                [one] = watched
                style = _style(order, one, several=False)
                screen = Screen(one.stores[0], one.source, one.reader, what=_what(order, one), style=style)
                await screen.show(order.max_events)
            else:
                followed = _followed(order, watched)
                await write_changes(followed, stdout, max_events=order.max_events, initial=not order.watch_only)


async def _open(
    opened: AsyncExitStack, order: Order, wanted: Wanted, client: ApiClient, metrics: Metrics | None
) -> _Watched:
    """List one collection, and go on watching it until `opened` is closed."""
    served = wanted.served
    collection = collection_for(order, served, client.connection)
    reader = TableReader(wide=order.output is Output.WIDE)
    config = WatchConfig(
        list_strategy=ListStrategy.PAGES,
        metrics=None if metrics is None else metrics.instance(served.full_name),
    )
    with ListProgress(served.plural) as progress:
        source = ObservedListWatcher(_source(order, client, collection, reader), progress.on_page)
        stores: list[Store[Any]] = []
        for options in _list_options(order, wanted):
            store = await opened.enter_async_context(open_watch(source, list_options=options, config=config))
            if wanted.names and not len(store):
                raise ConfigError(_not_found(wanted.names[len(stores)], served.full_name, collection))
            stores.append(store)
    return _Watched(wanted, collection, reader, source, stores)


def _refuse_contradictions(order: Order, wanted: Sequence[Wanted]) -> None:
    """Raise ConfigError where names are given beside what chooses among all."""
    if any(each.names for each in wanted):
        if order.label_selector is not None or order.field_selector is not None:
            raise ConfigError("objects are named: leave out --selector and --field-selector")
        if order.all_namespaces:
            raise ConfigError("an object cannot be found by its name in all namespaces: use -n instead of -A")


def _list_options(order: Order, wanted: Wanted) -> list[ListOptions]:
    """One for each watch."""
    options = ListOptions(label_selector=order.label_selector, field_selector=order.field_selector)
    return [replace(options, field_selector=f"metadata.name={name}") for name in wanted.names] or [options]


def _not_found(name: str, resource: str, collection: Collection) -> str:
    where = f" in namespace {collection.namespace}" if collection.namespace is not None else ""
    return f"{resource} {name!r} not found{where}; to wait for it, use --field-selector metadata.name={name}"


def _source(order: Order, client: ApiClient, collection: Collection, reader: TableReader) -> ListWatcher[Any]:
    """Only what will be shown is asked for."""
    if order.is_table:
        return TableListWatcher(client, collection, reader)
    type_ = PartialObjectMetadata if order.output is Output.NAME else DynamicObject
    return client.resource(collection.api_version, collection.plural, namespace=collection.namespace, type=type_)


def _has_the_screen(order: Order, watched: Sequence[_Watched]) -> bool:
    """Whether it is a table that moves: of one collection, as it is, in a terminal."""
    plain = not (order.no_headers or order.output_watch_events or order.watch_only)
    return order.is_table and plain and len(watched) == 1 and len(watched[0].stores) == 1 and is_screen()


def _followed(order: Order, watched: Sequence[_Watched]) -> list[Followed]:
    """What is to be written, in the order in which it was named."""
    several = len(watched) > 1
    followed: list[Followed] = []
    for number, one in enumerate(watched):
        lines = _lines(order, one, several=several)
        lines.expect([obj for store in one.stores for obj in store], trio.current_time())
        gap = b"\n" if number and order.is_table and not order.no_headers else b""
        followed += [Followed(store, lines, b"" if index else gap) for index, store in enumerate(one.stores)]
    return followed


def _lines(order: Order, watched: _Watched, *, several: bool) -> Lines[Any]:
    match order.output:
        case Output.JSON:
            return JsonLines()
        case Output.YAML:
            return YamlLines(with_type=order.output_watch_events)
        case Output.JSONPATH:
            assert order.template is not None
            return JsonPathLines(order.template)
        case Output.NAME:
            return NameLines(watched.wanted.served)
        case Output.TABLE | Output.WIDE:
            style = _style(order, watched, several=several)
            return TableLines(
                watched.reader, style, with_headings=not order.no_headers, with_type=order.output_watch_events
            )


def _style(order: Order, watched: _Watched, *, several: bool) -> TableStyle:
    return TableStyle(
        with_namespace=watched.wanted.served.namespaced and watched.collection.namespace is None,
        name_prefix=name_prefix(watched.wanted.served) if several else "",
        label_columns=order.label_columns,
        show_labels=order.show_labels,
    )


def _what(order: Order, watched: _Watched) -> str:
    """For people: `pods in namespace shop with app=web`."""
    served, namespace = watched.wanted.served, watched.collection.namespace
    where = ""
    if served.namespaced:
        where = f" in namespace {namespace}" if namespace is not None else " in all namespaces"
    chosen = ",".join(selector for selector in (order.label_selector, order.field_selector) if selector)
    named = f"{served.plural} {watched.wanted.names[0]}" if watched.wanted.names else served.plural
    return f"{named}{where}{f' with {chosen}' if chosen else ''}"
