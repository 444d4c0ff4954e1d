"""A block in which this process leads, and no other does."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
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

from ._election import LeaseLost, LeaseTimes, Observation, Spec
from ._leases import ApiLease, LeaseStorage

__all__ = ["open_lease", "open_stored_lease"]

_log: Final = logging.getLogger("trio_k8swatch.lease")
_CONFLICT: Final = 409
_JITTER: Final = 0.2
_REFUSED: Final = (400, 401, 403, 404, 405, 422)
"""What is not mended by asking again, the first time: no right to leases, no such namespace."""


class Clock:
    """The clock of this machine. Another in tests, which goes wrong."""

    def now(self) -> float:
        """Seconds, of any beginning."""
        return trio.current_time()

    def utc(self) -> datetime:
        """The time as people read it. It may jump: nothing is ever decided by it."""
        return datetime.now(UTC)

    def deadline(self, when: float) -> float:
        """A time of this clock as one of trio's."""
        return when

    async def sleep(self, seconds: float) -> None:
        """Sleep by this clock."""
        await trio.sleep(seconds)


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
    renew_seconds` may overlap with the next leader. Raises ApiError at once for a refusal that will not pass.
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
    await candidate.acquire()
    try:
        with lone_exception():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(candidate.renew)
                with candidate.leading:
                    await trio.lowlevel.checkpoint()
                    yield
                nursery.cancel_scope.cancel()
    finally:
        if not candidate.leading.cancel_called:
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
        self.why: str = "the lease was not renewed in time"
        self._answered = False

    async def acquire(self) -> None:
        """Wait until the lease is ours."""
        while not await self._tried_to_take():
            await self._clock.sleep(self._times.retry_seconds * (1 + _JITTER * self._rng.random()))

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
        first = Observation(stored.spec, stored.version, began)
        self._seen = self._seen.seen_again(stored.spec, stored.version, began) if self._seen else first
        if began < self._seen.may_be_taken_at(self._identity, self._times.lease_seconds):
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
        self._seen = Observation(spec, written.version, self._clock.now())
        self.leading.deadline = self._clock.deadline(began + self._times.renew_seconds)
        return self._clock.now() < began + self._times.renew_seconds

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
            self._seen = Observation(stored.spec, stored.version, self._clock.now())
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
