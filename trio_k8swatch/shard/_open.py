"""The door of a shard."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from secrets import token_hex
from socket import gethostname
from typing import Final, TypeVar

import trio

from trio_k8swatch._config import InitMode, WatchConfig
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._http import Resource
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._open import checked_init_mode, open_watch, refuse_what_the_watch_decides, running
from trio_k8swatch._reflector import Reflector, TransformingListWatcher
from trio_k8swatch._store import HandlerFuncs, MutationDetector, Store
from trio_k8swatch.lease._election import LeaseTimes

from ._cache import ShardCache
from ._leases import LeaseObject, OwnLease, leases_beside, of_shard
from ._list_watcher import ShardListWatcher
from ._shard import ShardMember
from ._slots import checked_slots
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

    Each replica has a Lease in `namespace`, called `identity`, renewed every `retry_seconds`; who has one that did not run out
    takes part. Objects are split by a hash of their uid into `slots`, a power of two, which has to be the same in all replicas.
    When replicas come and go, slots move, about one in so many as there are replicas: their objects are told as deleted here,
    with `may_be_stale=True`, before they are told as added there. A replica that cannot renew for `renew_seconds` lets go of
    everything, before any other may serve it: they wait until they have seen its Lease unchanged for `lease_seconds`, each by
    its own clock. Its store is empty then, its block goes on, and it takes part again when it can.

    Everything else is as with `open_watch`. The block begins when the first list of this replica's share is committed. At its end
    the Lease is released, so that others need not wait. Servers that filter by `ListOptions.shard_selector` (KEP-5866) are
    asked to; else each replica receives everything, and leaves out what is not its share before it is decoded.

    What is done about an object may last longer than the object is here: use `Store.each`, or look again before you write. Code
    that blocks the thread for longer than `lease_seconds - renew_seconds` may overlap with the next owner. Raises at once for
    refusals that will not pass, of the Leases as of the resource.
    """
    times = LeaseTimes(lease_seconds, renew_seconds, retry_seconds)
    checked_slots(slots)
    options = list_options or ListOptions()
    refuse_what_the_watch_decides(options)
    config = config or WatchConfig()
    who = identity or f"{name}-{gethostname().lower()}-{token_hex(4)}"
    own = OwnLease(leases_beside(resource, namespace), name, who, slots, lease_seconds)
    list_watcher = ShardListWatcher(resource, slots)
    cache = ShardCache(list_watcher, handlers or HandlerFuncs[T](), resource.metadata, resource, slots)
    if config.detect_mutation:
        cache.mutations = MutationDetector(cache.metadata)
    seen = list_watcher if transform is None else TransformingListWatcher(list_watcher, transform, cache.keep_fault)
    mode = checked_init_mode(init_mode)

    def reflector() -> Reflector[T]:
        if config.metrics is not None:
            cache.notifier.metrics = config.metrics.watch()
        return Reflector(seen, cache, config, options, mode)

    bell = _Bell()

    def member_of(leases: Store[LeaseObject]) -> ShardMember:
        return ShardMember(
            leases, own, times, slots, changed=bell.heard, gain=partial(_gain, list_watcher, cache), let_go=cache.let_go
        )

    watch = HandlerFuncs[LeaseObject](add=bell.ring, update=bell.ring, delete=bell.ring)
    leases = open_watch(leases_beside(resource, namespace), list_options=of_shard(name), handlers=watch)
    return _opened(leases, member_of, list_watcher, cache, reflector)


class _Bell:
    """Rings when a Lease has changed."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self, *_: object) -> None:
        self._rung.set()

    async def heard(self) -> None:
        await self._rung.wait()
        self._rung = trio.Event()


def _gain(list_watcher: ShardListWatcher[T], cache: ShardCache[T], gained: int) -> None:
    list_watcher.served |= gained
    if cache.why_ended is None:
        cache.ask_for_list(at_once=True)


@asynccontextmanager
async def _opened(
    leases: AbstractAsyncContextManager[Store[LeaseObject]],
    member_of: Callable[[Store[LeaseObject]], ShardMember],
    list_watcher: ShardListWatcher[T],
    cache: ShardCache[T],
    reflector: Callable[[], Reflector[T]],
) -> AsyncGenerator[ShardStore[T]]:
    async with leases as store:
        shard = member_of(store)
        try:
            with lone_exception():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(shard.run)
                    # More replicas than slots leave some without a share.
                    with trio.move_on_after(shard.lease_seconds):
                        await shard.has_share.wait()
                    async with running(cache, reflector().run):
                        yield ShardStore(cache, list_watcher, shard.member)
                    nursery.cancel_scope.cancel()
        finally:
            await shard.release()
