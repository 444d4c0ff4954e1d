"""A block in which this process leads, and no other does."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import ceil
from random import Random
from secrets import token_hex
from socket import gethostname
from typing import Final

import trio

from trio_k8swatch._errors import ApiError, ProtocolError, Unavailable
from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._http import ApiClient
from trio_k8swatch._micro_time import micro_time

from ._clock import Clock, SeenTime
from ._election import LeaseLost, LeaseTimes, Observation, Spec
from ._leases import ApiLease, LeaseStorage

__all__ = ["open_lease", "open_stored_lease"]

_log: Final = logging.getLogger("trio_k8swatch.lease")
_CONFLICT: Final = 409
_JITTER: Final = 0.2
_GLANCE_SECONDS: Final = 0.25
"""How often the holder looks at its clock, because a machine that was suspended wakes up no earlier than it had planned."""

_REFUSED: Final = (400, 401, 403, 404, 405, 422)
"""What is not mended by asking again, the first time: no right to leases, no such namespace."""


def open_lease(
    client: ApiClient,
    name: str,
    *,
    namespace: str,
    identity: str | None = None,
    lease_seconds: float = 15.0,
    renew_seconds: float = 10.0,
    retry_seconds: float = 2.0,
) -> AbstractAsyncContextManager[None]:
    """Lead while the block runs: `async with` it, with the name of a Lease that all candidates share.

    Waits until the lease is free, made if there is none, and takes it. In the block it is renewed every `retry_seconds`.
    If that has not succeeded for `renew_seconds`, or someone else has the lease, the block is cancelled and `LeaseLost` is
    raised, before anyone else may lead: others wait until they have seen the lease unchanged for `lease_seconds`, each by
    its own clock. At the end of the block, when all in it has ended, the lease is released. `identity` has to be different
    in each candidate; the default is.

    Code that does not reach a checkpoint cannot be cancelled: what blocks the thread for longer than `lease_seconds -
    renew_seconds` may overlap with the next leader. A machine that was suspended ends the block within 0.25 s of waking up
    (Linux; elsewhere when its next renewal is refused). Raises ApiError at once for a refusal that will not pass.
    """
    times = LeaseTimes(lease_seconds, renew_seconds, retry_seconds)
    who = identity or f"{gethostname()}_{token_hex(8)}"
    return open_stored_lease(ApiLease(client, name, namespace), who, times, Clock(), Random())


@asynccontextmanager
async def open_stored_lease(
    storage: LeaseStorage, identity: str, times: LeaseTimes, clock: Clock, rng: Random
) -> AsyncGenerator[None]:
    """As `open_lease`, wherever the lease is kept and whatever the clock."""
    candidate = _Candidate(storage, identity, times, clock, rng)
    try:
        await candidate.acquire()
        with lone_exception():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(candidate.renew)
                nursery.start_soon(candidate.end_in_time)
                with candidate.leading:
                    await trio.lowlevel.checkpoint()
                    yield
                nursery.cancel_scope.cancel()
    finally:
        if candidate.holds and not candidate.leading.cancel_called:
            await candidate.release()
    if candidate.leading.cancelled_caught:
        raise LeaseLost(f"{identity} no longer leads: {candidate.why}")


class _Candidate:
    def __init__(self, storage: LeaseStorage, identity: str, times: LeaseTimes, clock: Clock, rng: Random) -> None:
        self._storage = storage
        self._identity = identity
        self._times = times
        self._clock = clock
        self._rng = rng
        self._seen: Observation | None = None
        self.leading: trio.CancelScope = trio.CancelScope()
        self._seen_time = SeenTime(clock, times.retry_seconds)
        self._until = 0.0
        self.why: str = "the lease was not renewed in time"
        self._answered = False

    @property
    def holds(self) -> bool:
        """Whether the lease was ours when it was last seen."""
        return self._seen is not None and self._seen.spec.holder_identity == self._identity

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        with lone_exception():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._seen_time.count)
                while not await self._tried_to_take():
                    await self._clock.sleep(self._times.retry_seconds * (1 + _JITTER * self._rng.random()))
                nursery.cancel_scope.cancel()

    async def _tried_to_take(self) -> bool:
        with trio.move_on_after(self._times.renew_seconds):
            try:
                taken = await self._take_if_free()
            except ApiError as error:
                # Somebody was faster (409), or the server has no time now; a right that is missing stays missing.
                if error.status.code in _REFUSED and not self._answered:
                    raise
                _log.info("%s waits for the lease: %s", self._identity, error)
            except (Unavailable, ProtocolError) as error:
                _log.info("%s waits for the lease: %s", self._identity, error)
            else:
                self._answered = True
                return taken
        return False

    async def _take_if_free(self) -> bool:
        stored = await self._storage.read()
        began = self._clock.now()
        if stored is None:
            return await self._write(Spec(), None, began)
        looked = self._seen_time.now()
        first = Observation(stored.spec, stored.version, looked)
        self._seen = self._seen.seen_again(stored.spec, stored.version, looked) if self._seen else first
        if looked < self._seen.may_be_taken_at(self._identity, self._times.lease_seconds):
            return False
        return await self._write(stored.spec, stored.version, began)

    async def _write(self, before: Spec, version: str | None, began: float) -> bool:
        """Write that we hold it; whether there is time left to lead, counted from before the request."""
        now = micro_time(self._clock.utc())
        is_new = before.holder_identity != self._identity
        spec = Spec(
            holder_identity=self._identity,
            lease_duration_seconds=ceil(self._times.lease_seconds),
            acquire_time=now if is_new else before.acquire_time,
            renew_time=now,
            lease_transitions=(before.lease_transitions or 0) + (is_new and version is not None),
        )
        written = await self._storage.write(spec, version)
        self._seen = Observation(spec, written.version, self._seen_time.now())
        self._until = began + self._times.renew_seconds
        self._clock.limit(self.leading, self._until)
        return self._clock.now() < self._until

    async def end_in_time(self) -> None:
        """End the block when it has not been renewed for too long, however that time has passed."""
        while (left := self._until - self._clock.now()) > 0:
            # No shorter than a sleep can be told from none.
            await self._clock.sleep(min(max(left, 0.001), _GLANCE_SECONDS))
        self.leading.cancel()

    async def renew(self) -> None:
        """Renew until cancelled; end the block when somebody else has the lease."""
        while not self.leading.cancel_called:
            await self._clock.sleep(self._times.retry_seconds)
            # One request that hangs is not to use up all the time there is.
            with trio.move_on_after(2 * self._times.retry_seconds):
                try:
                    await self._renew_once()
                except (ApiError, Unavailable, ProtocolError) as error:
                    self.why = f"the lease was not renewed in time: {error}"

    async def _renew_once(self) -> None:
        seen, began = self._seen, self._clock.now()
        assert seen is not None
        try:
            await self._write(seen.spec, seen.version, began)
        except ApiError as error:
            # A renewal of ours whose answer was lost, somebody else, a lease that was deleted: it says so itself.
            stored = await self._storage.read()
            if stored is None or stored.spec.holder_identity != self._identity:
                holder = stored.spec.holder_identity if stored else None
                self.why = f"the lease is held by {holder or 'nobody'}"
                self.leading.cancel()
                return
            self._seen = Observation(stored.spec, stored.version, self._seen_time.now())
            if error.status.code != _CONFLICT:
                raise

    async def release(self) -> None:
        """Let others lead at once, if the server can be reached in time."""
        seen = self._seen
        assert seen is not None
        spec = Spec(holder_identity="", lease_duration_seconds=1, lease_transitions=seen.spec.lease_transitions)
        with trio.move_on_after(self._times.retry_seconds, shield=True):
            try:
                await self._storage.write(spec, seen.version)
            except (ApiError, Unavailable, ProtocolError) as error:
                _log.info("%s could not release the lease: %s", self._identity, error)
