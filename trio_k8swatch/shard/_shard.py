"""What a member of a shard does, for as long as its block lasts: it renews, looks, takes slots on and lets them go."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from trio_k8swatch._errors import ApiError, ProtocolError, Unavailable, WatchStopped
from trio_k8swatch._store import Backstage, Store
from trio_k8swatch.lease._election import LeaseTimes

from ._leases import LeaseObject, OwnLease, claims_of
from ._membership import Member
from ._slots import Scores

__all__ = ["ShardMember"]

_REFUSED: Final = (400, 401, 403, 404, 405, 422)
"""What is not mended by asking again, the first time: no right to Leases, no such namespace."""

_log: Final = logging.getLogger("trio_k8swatch.shard")


class ShardMember:
    """Keeps one membership alive."""

    def __init__(
        self,
        leases: Store[LeaseObject],
        own: OwnLease,
        times: LeaseTimes,
        slots: int,
        *,
        changed: Callable[[], Awaitable[object]],
        gain: Callable[[int], object],
        let_go: Callable[[int], Awaitable[object]],
    ) -> None:
        """`changed` returns when a Lease has changed since it last did; `gain` and `let_go` are told of slots."""
        self.member: Member = Member(own.name, times, Scores(slots))
        self.has_share: trio.Event = trio.Event()
        """Something is served."""
        self.lease_seconds: float = times.lease_seconds
        self._leases = leases
        self._own = own
        self._times = times
        self._slots = slots
        self._changed = changed
        self._gain = gain
        self._let_go = let_go
        self._has_written = False

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
                await self._in_time(self._write, step.write)
            elif step.look:
                await self._in_time(self._look)
            else:
                with trio.CancelScope(deadline=step.next_at):
                    await self._changed()

    async def release(self) -> None:
        """Let others have at once what was served, if the server can be told in time. Nothing is served any more."""
        if self._has_written:
            with trio.move_on_after(self._times.retry_seconds, shield=True):
                try:
                    await self._own.release()
                except (ApiError, Unavailable, ProtocolError) as error:
                    _log.info("%s could not release its Lease: %s", self._own.name, error)

    def _see(self) -> None:
        now = trio.current_time()
        self.member.saw(claims_of(self._leases, self._slots, self._times.lease_seconds), now)

    async def _in_time(self, request: Callable[..., Awaitable[object]], *args: Any) -> None:
        """A request that hangs must not keep this from stopping in time, nor from renewing."""
        now = trio.current_time()
        with trio.CancelScope(deadline=min(now + 2 * self._times.retry_seconds, self.member.next_to_stop_at())):
            await request(*args)

    async def _write(self, claimed: int) -> None:
        began = trio.current_time()
        is_done = False
        try:
            version = await self._own.write(claimed)
            is_done = self._has_written = True
            self.member.wrote(claimed, version, began)
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
