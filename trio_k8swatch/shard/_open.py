"""`open_shard`: one replica's share of a collection for as long as a block lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final, TypeVar

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._http import Resource
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._open import checked_init_mode, refuse_what_the_watch_decides, running
from trio_k8swatch._reflector import Reflector, TransformingListWatcher
from trio_k8swatch._store import HandlerFuncs, MutationDetector
from trio_k8swatch.lease._election import LeaseTimes

from ._cache import ShardCache
from ._leases import leases_beside
from ._list_watcher import ShardListWatcher
from ._settings import ShardSettings
from ._shard import ShardMember
from ._store import ShardStore

__all__ = ["open_shard"]

T = TypeVar("T")

_SLOTS: Final = 512


def open_shard(
    resource: Resource[T],
    name: str,
    *,
    namespace: str,
    identity: str | None = None,
    slots: int = _SLOTS,
    lease_seconds: float = 15.0,
    renew_seconds: float = 10.0,
    retry_seconds: float = 2.0,
    handlers: HandlerFuncs[T] | None = None,
    transform: Callable[[T], T] | None = None,
    config: WatchConfig | None = None,
    list_options: ListOptions | None = None,
    init_mode: InitMode = InitMode.SYNC,
) -> AbstractAsyncContextManager[ShardStore[T]]:
    """Share a collection with all that open the shard `name`: each object is in the store of one of them at a time.

    Each replica has a Lease in `namespace`, called `identity`, renewed every `retry_seconds`; whoever has one that has not run
    out takes part. Objects are split by a hash of their uid into `slots`, a power of two, which has to be the same in all
    replicas. Each has as many slots as the others, or one more. When a replica comes or goes, only its share moves: its objects
    are delivered as deleted here, with `may_be_stale=True`, before they are delivered as added there. A replica that cannot
    renew for `renew_seconds` lets go of everything, before any other may serve it: the others wait until they have seen its
    Lease unchanged for `lease_seconds`, each by its own clock. Its store is empty then, its block goes on, and it takes part
    again when it can.

    Everything else is as with `open_watch`. The block begins when the first list of this replica's share is committed. At its end
    the Lease is released, so that others need not wait. Servers that filter by `ListOptions.shard_selector` (KEP-5866) are
    asked to; else each replica receives everything, and leaves out what is not its share before it is decoded.

    What is done about an object may last longer than the object is here: use `Store.each`, or look again before you write. Code
    that blocks the thread for longer than `lease_seconds - renew_seconds` may overlap with the next owner. Raises at once for
    refusals that will not pass, of the Leases as of the resource.
    """
    times = LeaseTimes(lease_seconds, renew_seconds, retry_seconds)
    settings = ShardSettings(name, identity or ShardSettings.new_identity(name), slots, times)
    options, config = list_options or ListOptions(), config or WatchConfig()
    refuse_what_the_watch_decides(options)
    list_watcher = ShardListWatcher(resource, slots)
    cache = ShardCache(list_watcher, handlers or HandlerFuncs[T](), resource.metadata, resource, slots)
    seen = list_watcher if transform is None else TransformingListWatcher(list_watcher, transform, cache.keep_fault)
    reflector = Reflector(seen, cache, config, options, checked_init_mode(init_mode))
    leases = leases_beside(resource, namespace)
    member = ShardMember(leases, settings, gain=partial(_gain, list_watcher, cache), let_go=cache.let_go)
    return _opened(member, list_watcher, cache, config, reflector)


def _gain(list_watcher: ShardListWatcher[T], cache: ShardCache[T], gained: int) -> None:
    list_watcher.served |= gained
    if cache.why_ended is None:
        cache.ask_for_list(at_once=True)


@asynccontextmanager
async def _opened(
    member: ShardMember,
    list_watcher: ShardListWatcher[T],
    cache: ShardCache[T],
    config: WatchConfig,
    reflector: Reflector[T],
) -> AsyncGenerator[ShardStore[T]]:
    if config.metrics is not None:
        cache.notifier.metrics = config.metrics.watch()
    if config.detect_mutation:
        cache.mutations = MutationDetector(cache.metadata)
    async with member.running(), running(cache, reflector.run):
        yield ShardStore(cache, list_watcher, member.member)
