"""`open_watch` for threads: a watch for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar, cast, overload

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._open import open_watch as open_async_watch
from trio_k8swatch._reflector import Accessors, Client
from trio_k8swatch._store import HandlerFuncs

from ._client import Resource
from ._loop import open_loop
from ._store import Store

__all__ = ["open_watch"]

T = TypeVar("T")


@overload
def open_watch(
    client: Resource[T],
    *,
    handlers: HandlerFuncs[T] | None = ...,
    transform: Callable[[T], T] | None = ...,
    config: WatchConfig | None = ...,
    list_options: ListOptions | None = ...,
    init_mode: InitMode = ...,
    timeout: float | None = ...,
) -> AbstractContextManager[Store[T]]: ...
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
    timeout: float | None = ...,
) -> AbstractContextManager[Store[T]]: ...
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
    timeout: float | None = ...,
) -> AbstractContextManager[Store[Any]]: ...
def open_watch(
    client: Resource[Any] | Client,
    *,
    handlers: HandlerFuncs[Any] | None = None,
    transform: Callable[[Any], Any] | None = None,
    config: WatchConfig | None = None,
    list_options: ListOptions | None = None,
    init_mode: InitMode = InitMode.SYNC,
    accessors: Accessors[Any] | None = None,
    timeout: float | None = None,
) -> AbstractContextManager[Store[Any]]:
    """Keep a copy of a collection up to date for as long as the block lasts.

    As `trio_k8swatch.open_watch`, but a thread cannot be cancelled: when the watch fails, the block goes on with a
    frozen store, everything that waits raises `WatchStopped`, and at the end of the block the error is raised as it is.
    `timeout`: TimeoutError if the store is not filled after so many seconds. A foreign async `Client` gets a thread of
    its own.
    """
    opened = partial(
        # Which of its overloads this is, mypy cannot tell for so many types at once.
        cast("Callable[..., Any]", open_async_watch),
        handlers=handlers,
        transform=transform,
        config=config,
        list_options=list_options,
        init_mode=init_mode,
        accessors=accessors,
    )
    return _watching(client, opened, timeout)


@contextmanager
def _watching(
    client: Resource[Any] | Client, opened: Callable[[Any], Any], timeout: float | None
) -> Generator[Store[Any]]:
    list_watcher: Any
    with ExitStack() as stack:
        if isinstance(client, Resource):
            loop, list_watcher = client.loop, client.in_loop
        else:
            loop, list_watcher = stack.enter_context(open_loop()), client
        manager = loop.run(lambda: opened(list_watcher))
        store = stack.enter_context(loop.held(manager, timeout))
        yield Store(loop, store)
