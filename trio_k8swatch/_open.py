"""`open_watch`: a watch for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, cast, overload

import trio

from ._config import InitMode, WatchConfig
from ._errors import ConfigError, WatchStopped
from ._exception_groups import lone_exception
from ._list_options import ListOptions
from ._object_meta import MetadataOf, metadata_of
from ._reflector import Accessors, Client, ForeignListWatcher, ListWatcher, Reflector, TransformingListWatcher
from ._runtime import require_trio
from ._store import Cache, HandlerFuncs, MutationDetector, Store

__all__ = ["checked_init_mode", "open_watch", "refuse_what_the_watch_decides", "running"]

T = TypeVar("T")


@overload
def open_watch(
    client: ListWatcher[T],
    *,
    handlers: HandlerFuncs[T] | None = ...,
    transform: Callable[[T], T] | None = ...,
    config: WatchConfig | None = ...,
    list_options: ListOptions | None = ...,
    init_mode: InitMode = ...,
) -> AbstractAsyncContextManager[Store[T]]: ...
@overload
def open_watch(
    client: Client,
    *,
    handlers: HandlerFuncs[T] | None = ...,
    transform: Callable[[T], T] | None = ...,
    config: WatchConfig | None = ...,
    list_options: ListOptions | None = ...,
    init_mode: InitMode = ...,
    accessors: Accessors[T],
) -> AbstractAsyncContextManager[Store[T]]: ...
@overload
def open_watch(
    client: Client,
    *,
    handlers: HandlerFuncs[Any] | None = ...,
    transform: Callable[[Any], Any] | None = ...,
    config: WatchConfig | None = ...,
    list_options: ListOptions | None = ...,
    init_mode: InitMode = ...,
    accessors: None = ...,
) -> AbstractAsyncContextManager[Store[Any]]: ...
def open_watch(
    client: ListWatcher[Any] | Client,
    *,
    handlers: HandlerFuncs[Any] | None = None,
    transform: Callable[[Any], Any] | None = None,
    config: WatchConfig | None = None,
    list_options: ListOptions | None = None,
    init_mode: InitMode = InitMode.SYNC,
    accessors: Accessors[Any] | None = None,
) -> AbstractAsyncContextManager[Store[Any]]:
    """Keep a copy of a collection up to date for as long as the block lasts.

    `client` is a `Resource`, or any other `Client`; pass `accessors` if its lists or objects are not shaped like those of
    this library.
    With `InitMode.SYNC` the store is full, and `handlers.add` has run for everything, when the block begins.

    `transform` replaces each object before it is compared, stored or handed to anyone: return it as it is, or a smaller one
    of the same type with the same name, namespace, uid and resourceVersion. What it raises ends the watch, as in a handler.

    Raises at once, before the block, for failures that are not transient: no permission, no such resource, no answer
    (`WatchConfig.retry_at_start`). Later failures are retried, and show in `store.health`. The block is cancelled, and
    the error raised here as it is, when a handler or an index raises, or something fails whose retry policy is None. An
    exception of the block itself leaves as it is, too; several at once leave as a group.

    At the end of the block everything ends: no task, no socket, no handler is left, and those who wait on the store get
    `WatchStopped`. The store can still be read, and no longer changes.
    """
    if not isinstance(client, (ListWatcher, Client)):  # pyright: ignore[reportUnnecessaryIsInstance] - as in WatchConfig
        raise ConfigError(f"open_watch needs something to list and watch, not {client!r}: use client.resource(...)")
    if not isinstance(handlers, HandlerFuncs | None):  # pyright: ignore[reportUnnecessaryIsInstance] - as in WatchConfig
        raise ConfigError(f"handlers is {handlers!r}: use HandlerFuncs(add=..., update=..., delete=...)")
    options = list_options or ListOptions()
    refuse_what_the_watch_decides(options)
    list_watcher: ListWatcher[Any]
    metadata: MetadataOf
    if accessors is None and isinstance(client, ListWatcher):
        list_watcher, metadata = client, getattr(client, "metadata", metadata_of)
    else:
        list_watcher = foreign = ForeignListWatcher[Any](cast("Client", client), accessors)
        metadata = foreign.metadata
    cache = Cache[Any](handlers or HandlerFuncs(), metadata, name=_name(client, options), source=client)
    if transform is not None:
        list_watcher = TransformingListWatcher(list_watcher, transform, cache.keep_fault)
    return _opened(list_watcher, cache, config or WatchConfig(), options, checked_init_mode(init_mode))


def _name(client: object, options: ListOptions) -> str:
    """What log records and reprs call the watch: two watches of one collection differ in their selectors."""
    selectors = [one for one in (options.label_selector, options.field_selector) if one]
    name = repr(client)
    if not selectors:
        return name
    return f"{name.removesuffix('>')}, {', '.join(selectors)}{'>' if name.endswith('>') else ''}"


@asynccontextmanager
async def _opened(
    list_watcher: ListWatcher[T], cache: Cache[T], config: WatchConfig, options: ListOptions, init_mode: InitMode
) -> AsyncGenerator[Store[T]]:
    require_trio("open_watch")
    if config.metrics is not None:
        cache.notifier.metrics = config.metrics.watch()
    if config.detect_mutation:
        cache.mutations = MutationDetector(cache.metadata)
    async with running(cache, Reflector(list_watcher, cache, config, options, init_mode).run):
        yield Store(cache)


@asynccontextmanager
async def running(cache: Cache[Any], run: Callable[..., Awaitable[object]]) -> AsyncGenerator[None]:
    """Keep `cache` up to date by `run` while the block lasts; what either raises leaves as `open_watch` says."""
    with lone_exception():
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            try:
                cache.block_begun.set()
                yield
            except (WatchStopped, BaseExceptionGroup) as error:
                if not cache.has_failed:
                    raise
                # The watch's own error is the news, and not that somebody waited on it.
                others = _without_stopped(error)
                if others is error:
                    raise
                if others is not None:
                    raise others from None
            finally:
                cache.stop()


def _without_stopped(error: BaseException) -> BaseException | None:
    if not isinstance(error, BaseExceptionGroup):
        return None
    return cast("BaseExceptionGroup[BaseException]", error).split(WatchStopped)[1]


def checked_init_mode(mode: object) -> InitMode:
    """`mode`, or ConfigError. The Go package took every word but one for "sync" (B24)."""
    try:
        return InitMode(mode)
    except ValueError:
        raise ConfigError(f"init_mode is {mode!r}: use InitMode.SYNC or InitMode.DEFER") from None


def refuse_what_the_watch_decides(options: ListOptions) -> None:
    """Raise ConfigError for options that are not the user's."""
    decided = {
        "resource_version": options.resource_version,
        "resource_version_match": options.resource_version_match,
        "timeout_seconds": options.timeout_seconds,
        "continue_token": options.continue_token,
        "send_initial_events": options.send_initial_events or None,
    }
    given = [name for name, value in decided.items() if value is not None]
    if given:
        raise ConfigError(
            f"list_options of open_watch has {', '.join(given)}: the watch decides about that; use selectors and page_size,"
            " and WatchConfig for time limits"
        )
