"""What a member of a shard does, for as long as its block lasts: it renews, looks, takes slots on and lets them go."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from trio_k8swatch._errors import ApiError, ProtocolError, Unavailable, WatchStopped
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._http import Resource
from trio_k8swatch._open import open_watch
from trio_k8swatch._store import Backstage, HandlerFuncs, Store

from ._leases import LeaseObject, OwnLease, claim_of, claims_of, of_shard
from ._membership import Member
from ._settings import ShardSettings
from ._slots import Scores

__all__ = ["ShardMember"]

_REFUSED: Final = (400, 401, 403, 404, 405, 422)
"""What is not mended by asking again, the first time: no right to Leases, no such namespace."""

_log: Final = logging.getLogger("trio_k8swatch.shard")


class ShardMember:
    """Keeps one membership alive, and is notified by a watch when a Lease has changed."""

    def __init__(
        self,
        leases: Resource[LeaseObject],
        settings: ShardSettings,
        *,
        gain: Callable[[int], object],
        let_go: Callable[[int], Awaitable[object]],
    ) -> None:
        """`gain` and `let_go` are called with slots."""
        self.member: Member = Member(settings.identity, settings.times, Scores(settings.slots))
        self.has_share: trio.Event = trio.Event()
        """Something is served."""
        self._settings = settings
        self._times = settings.times
        self._own = OwnLease(leases, settings)
        self._gain = gain
        self._let_go = let_go
        self._has_written = False
        self._has_changed = trio.Event()
        handlers = HandlerFuncs[LeaseObject](add=self._changed, update=self._changed, delete=self._deleted)
        self._watch = open_watch(leases, list_options=of_shard(settings.shard), handlers=handlers)
        self._leases: Store[LeaseObject]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Take part while the block lasts, which begins when there is a share, or when others have had time to give one."""
        async with self._watch as self._leases:
            try:
                with lone_exception():
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self.run)
                        # More replicas than slots leave some without a share.
                        with trio.move_on_after(self._times.lease_seconds):
                            await self.has_share.wait()
                        yield
                        nursery.cancel_scope.cancel()
            finally:
                await self.release()

    def _changed(self, *_: object) -> None:
        self._has_changed.set()

    def _deleted(self, lease: LeaseObject, may_be_stale: bool) -> None:  # noqa: FBT001 - as handlers are called
        if lease.metadata.name == self._own.name:
            self._own.was_deleted()
        elif not may_be_stale:
            claim = claim_of(lease, self._settings.slots, self._times.lease_seconds)
            self.member.deleted(lease.metadata.name, claim, trio.current_time())
        self._has_changed.set()

    async def run(self) -> None:
        """Until cancelled. Raises what is wrong with the first renewal, if that will not pass."""
        while True:
            self._see()
            step = self.member.step(trio.current_time())
            if step.drop:
                await self._let_go(step.drop)
            if step.gain:
                self._gain(step.gain)
                self.has_share.set()
            if step.write is not None:
                await self._in_time(self._write, *step.write)
            elif step.look:
                await self._in_time(self._look)
            else:
                with trio.CancelScope(deadline=step.next_at):
                    await self._has_changed.wait()
                    self._has_changed = trio.Event()

    async def release(self) -> None:
        """Let others have at once what was served, if the server can be reached in time. Nothing is served any more."""
        if self._has_written:
            with trio.move_on_after(self._times.retry_seconds, shield=True):
                try:
                    await self._take_back()
                except (ApiError, Unavailable, ProtocolError) as error:
                    _log.info("%s could not release its Lease: %s", self._own.name, error)

    async def _take_back(self) -> None:
        """All claims, and delete the Lease, unless it is needed for what it reserves."""
        self._see()
        version = await self._own.write(0, reserved := self.member.reserved, leaves=True)
        if not reserved:
            await self._own.delete(self._own.name, version)

    def _see(self) -> None:
        now = trio.current_time()
        self.member.saw(claims_of(self._leases, self._settings.slots, self._times.lease_seconds), now)

    async def _in_time(self, request: Callable[..., Awaitable[object]], *args: Any) -> None:
        """A request that hangs must not keep this from stopping in time, nor from renewing."""
        now = trio.current_time()
        with trio.CancelScope(deadline=min(now + 2 * self._times.retry_seconds, self.member.next_to_stop_at())):
            await request(*args)

    async def _write(self, claimed: int, reserved: int) -> None:
        began = trio.current_time()
        is_done = False
        try:
            version = await self._own.write(claimed, reserved)
            is_done = self._has_written = True
            self.member.wrote(claimed, reserved, version, began)
        except ApiError as error:
            if error.status.code in _REFUSED and not self._has_written:
                raise
            _log.info("%s could not renew its Lease: %s", self._own.name, error)
        except (Unavailable, ProtocolError) as error:
            _log.info("%s could not renew its Lease: %s", self._own.name, error)
        finally:
            if not is_done:
                self.member.failed(trio.current_time())

    async def _look(self) -> None:
        began = trio.current_time()
        try:
            await Backstage(self._leases).relist_at_once()
        except WatchStopped:
            await trio.sleep_forever()
        self._see()
        self.member.looked(began)
        for name, version in self.member.run_out(trio.current_time()):
            await self._own.delete(name, version)
