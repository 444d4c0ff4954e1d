"""`open_namespaces`: a watch on many namespaces for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._errors import ConfigError
from trio_k8swatch._http import Resource, beside
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import PartialObjectMetadata
from trio_k8swatch._open import checked_init_mode, open_watch, refuse_what_the_watch_decides, running
from trio_k8swatch._runtime import require_trio
from trio_k8swatch._store import HandlerFuncs, Store

from ._caches import WholeCache
from ._following import Following
from ._store import NamespacesStore

__all__ = ["open_namespaces"]

T = TypeVar("T")

_MOST_NAMESPACES: Final = 1000
"""A connection each: more of them than a process may usually have open files ought to be meant."""


def open_namespaces(
    resource: Resource[T],
    namespaces: Iterable[str] | ListOptions | Store[Any],
    *,
    handlers: HandlerFuncs[T] | None = None,
    transform: Callable[[T], T] | None = None,
    config: WatchConfig | None = None,
    list_options: ListOptions | None = None,
    init_mode: InitMode = InitMode.SYNC,
    most: int = _MOST_NAMESPACES,
) -> AbstractAsyncContextManager[NamespacesStore[T]]:
    """Keep one copy of a resource in many namespaces up to date for as long as the block lasts.

    `resource` is one of all namespaces, of which only these are listed and watched, each by itself: that needs rights in the
    namespaces alone, and one that is refused or gone does not blind the others. `namespaces` are their names; or
    `ListOptions(label_selector=…)`, and the Namespace objects that it chooses are followed; or a store of anything whose
    names they are. When one joins, its objects are delivered as added; when one leaves, as deleted with `may_be_stale=True`.

    The block begins when it is known of each namespace whether it can be listed. Raises what `open_watch` would raise if none
    of them can; one that fails is tried again as `config` says, and shows in `store.namespaces[name].health`. Everything else
    is as with `open_watch`: the same handlers, errors and end. Each namespace costs a connection for its watch; of their lists
    `open_client(lists_at_once=…)` are read at a time. Raises ConfigError for more than `most` namespaces.
    """
    if resource.collection.namespace is not None:
        raise ConfigError(f"open_namespaces needs a resource of all namespaces, not {resource!r}: leave out namespace=")
    if isinstance(namespaces, str):
        raise ConfigError(f"open_namespaces(…, {namespaces!r}): give a list of names, as [{namespaces!r}]")
    options = list_options or ListOptions()
    refuse_what_the_watch_decides(options)
    names: tuple[str, ...] = ()
    if not isinstance(namespaces, (ListOptions, Store)):
        names = tuple(dict.fromkeys(namespaces))
        for name in names:
            resource.in_namespace(name)
        if len(names) > most:
            raise ConfigError(f"open_namespaces: {len(names)} namespaces are more than most={most}")
    holds = checked_init_mode(init_mode) is InitMode.DEFER
    description = f"{resource!r}, of which {len(names) or 'some'} namespaces are followed"
    whole = WholeCache(handlers or HandlerFuncs[T](), resource.metadata, name=description, source=resource, holds=holds)
    following = Following(
        whole, resource, config or WatchConfig(), options, transform=transform, holds=holds, most=most
    )
    return _opened(whole, following, names, _store_of_namespaces(resource, namespaces))


@asynccontextmanager
async def _opened(
    whole: WholeCache[T],
    following: Following[T],
    names: Iterable[str],
    followed: AbstractAsyncContextManager[Store[Any] | None],
) -> AsyncGenerator[NamespacesStore[T]]:
    require_trio("open_namespaces")
    async with followed as spaces, running(whole, partial(following.run, names, spaces)):
        yield NamespacesStore(whole)


@asynccontextmanager
async def _store_of_namespaces(
    resource: Resource[Any], namespaces: Iterable[str] | ListOptions | Store[Any]
) -> AsyncGenerator[Store[Any] | None]:
    if isinstance(namespaces, ListOptions):
        spaces = beside(resource, "v1", "namespaces", PartialObjectMetadata)
        async with open_watch(spaces, list_options=namespaces) as store:
            yield store
    else:
        yield namespaces if isinstance(namespaces, Store) else None
