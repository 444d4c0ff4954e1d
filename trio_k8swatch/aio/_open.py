"""A watch in an asyncio program, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._open import open_watch as open_trio_watch
from trio_k8swatch._store import HandlerFuncs
from trio_k8swatch._store import Store as TrioStore

from ._client import Resource
from ._store import Store

__all__ = ["open_watch"]

T = TypeVar("T")


def open_watch(
    client: Resource[T],
    *,
    handlers: HandlerFuncs[T] | None = None,
    transform: Callable[[T], T] | None = None,
    config: WatchConfig | None = None,
    list_options: ListOptions | None = None,
    init_mode: InitMode = InitMode.SYNC,
) -> AbstractAsyncContextManager[Store[T]]:
    """Keep a copy of a collection up to date for as long as the block lasts.

    As `trio_k8swatch.open_watch`: when the watch fails, the block is cancelled and the error raised here as it is.
    Handlers are called in the loop's thread and must not await; hand work that waits to `store.subscribe()`, or put it
    into an `asyncio.Queue` by `put_nowait`.
    """
    manager = open_trio_watch(
        client.in_trio,
        handlers=handlers,
        transform=transform,
        config=config,
        list_options=list_options,
        init_mode=init_mode,
    )
    return _watching(client, manager)


@asynccontextmanager
async def _watching(
    client: Resource[T], manager: AbstractAsyncContextManager[TrioStore[T]]
) -> AsyncGenerator[Store[T]]:
    async with client.guest.held(manager) as store:
        yield Store(client.guest, store)
