"""Candidates for one lease on machines whose clocks go wrong, behind a network that does, in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import trio

from trio_k8swatch import ApiError, Status, Unavailable
from trio_k8swatch.lease import LeaseLost
from trio_k8swatch.lease._clock import Clock
from trio_k8swatch.lease._election import LeaseTimes, Spec
from trio_k8swatch.lease._leases import Stored
from trio_k8swatch.lease._open import open_stored_lease

__all__ = ["TIMES", "Line", "Machine", "Reign", "Server", "history", "stand"]

TIMES = LeaseTimes(lease_seconds=15, renew_seconds=10, retry_seconds=2)
NOTICES_SECONDS = 0.3
"""After so long awake a machine that was suspended has looked at its clock."""


class Server:
    """A lease on a server, behind a network that is slow, loses requests and answers, and falls apart."""

    def __init__(self, rng: Random, *, troubled: bool = True) -> None:
        self.stored: Stored | None = None
        self.cut_off: set[str] = set()
        self._rng, self._troubled, self._version = rng, troubled, 0

    async def travel(self, who: str) -> None:
        await trio.sleep(self._rng.choice([0.01, 0.05, 0.5, 3.0, 12.0]) if self._troubled else 0.01)
        if who in self.cut_off or (self._troubled and self._rng.random() < 0.1):
            await trio.sleep(self._rng.choice([0.1, 8.0]))
            raise Unavailable("lost")

    async def arrive(self, spec: Spec, version: str | None) -> Stored:
        if version != (self.stored.version if self.stored else None):
            raise ApiError("conflict", status=Status(code=409))
        self._version += 1
        self.stored = Stored(spec, str(self._version))
        return self.stored


class Machine(Clock):
    """A clock that began anywhere, runs too fast or too slow and leaps ahead; the date jumps with each look at it.

    The machine may be suspended: nothing on it runs, and the clock that its sleepers sleep by stands still.
    """

    def __init__(self, rng: Random, *, drift: float = 0.15, tells: bool = True) -> None:
        self._dates = Random(rng.random())
        self._offset, self._rate = rng.uniform(-1e6, 1e6), rng.uniform(1 - drift, 1 + drift)
        self._tells = tells
        self._suspended_at: float | None = None
        self._suspended_seconds = 0.0
        self._leapt = 0.0
        self._moved = trio.Event()

    def now(self) -> float:
        return self.awake() + (self._rate * self._suspended() if self._tells else 0.0)

    def awake(self) -> float:
        """The clock that stands still while the machine is suspended."""
        return self._offset + self._rate * (trio.current_time() - self._suspended()) + self._leapt

    def utc(self) -> datetime:
        return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=self._dates.uniform(-1e6, 1e6))

    async def sleep(self, seconds: float) -> None:
        until = self.awake() + seconds
        await self.running()
        while (left := until - self.awake()) > 1e-6:  # no clock is more exact
            with trio.move_on_after(left / self._rate):
                await self._moved.wait()
            await self.running()

    def limit(self, scope: trio.CancelScope, when: float) -> None:
        """Nothing: trio's clock is that of the whole world here, which does not stand still when a machine does."""

    async def running(self) -> None:
        """Wait until the machine runs."""
        while self._suspended_at is not None:
            await self._moved.wait()

    async def suspended(self) -> None:
        """Wait until it does not."""
        while self._suspended_at is None:
            await self._moved.wait()

    async def suspend(self, seconds: float) -> None:
        """Let nothing on it run for so long."""
        self._suspended_at = trio.current_time()
        self._move()
        await trio.sleep(seconds)
        self._suspended_seconds, self._suspended_at = self._suspended(), None
        self._move()

    def leap(self, seconds: float) -> None:
        """Let its clocks be later than they were."""
        self._leapt += seconds
        self._move()

    def _suspended(self) -> float:
        now = trio.current_time()
        return self._suspended_seconds + (0.0 if self._suspended_at is None else now - self._suspended_at)

    def _move(self) -> None:
        self._moved.set()
        self._moved = trio.Event()


class Line:
    """One candidate's way to the server."""

    def __init__(self, server: Server, who: str, machine: Machine | None = None) -> None:
        self._server, self._who, self._machine = server, who, machine
        self.is_dead = False

    async def read(self) -> Stored | None:
        await self._travel()
        stored = self._server.stored
        await self._travel()
        return stored

    async def write(self, spec: Spec, version: str | None) -> Stored:
        if self.is_dead:
            raise Unavailable("dead")
        await self._travel()
        written = await self._server.arrive(spec, version)
        await self._travel()
        return written

    async def _travel(self) -> None:
        try:
            await self._server.travel(self._who)
        finally:
            if self._machine is not None:
                await self._machine.running()


class Reign:
    """Who leads when."""

    def __init__(self) -> None:
        self.leaders: set[str] = set()
        self.terms: list[tuple[str, float]] = []
        self.overlaps: list[set[str]] = []

    async def lead(self, who: str, machine: Machine | None = None) -> None:
        """Lead until cancelled. While its machine is suspended it does nothing, and so does not lead."""
        self.terms.append((who, trio.current_time()))
        try:
            while True:
                self._begin(who)
                if machine is None:
                    await trio.sleep_forever()
                await machine.suspended()
                self.leaders.discard(who)
                await machine.running()
                # By no clock of its own: one that leaps now would bring the end of this together with the end of the term.
                await trio.sleep(NOTICES_SECONDS)
        finally:
            self.leaders.discard(who)

    def _begin(self, who: str) -> None:
        self.leaders.add(who)
        if len(self.leaders) > 1:
            self.overlaps.append({*self.leaders})


async def stand(
    server: Server, who: str, reign: Reign, rng: Random, machine: Machine, line: Line | None = None
) -> None:
    """A candidate that stands again whenever it loses."""
    term = 0
    while True:
        term += 1
        line = line or Line(server, who, machine)
        try:
            async with open_stored_lease(line, f"{who}-{term}", TIMES, machine, rng):
                await reign.lead(who, machine)
        except LeaseLost:
            continue


async def crashing(server: Server, who: str, reign: Reign, rng: Random, machine: Machine) -> None:
    """A candidate whose process is killed now and then: nothing is released."""
    while True:
        line = Line(server, who, machine)
        async with trio.open_nursery() as process:
            process.start_soon(stand, server, who, reign, rng, machine, line)
            await trio.sleep(rng.uniform(5, 120))
            line.is_dead = True
            process.cancel_scope.cancel()


async def leaping(machine: Machine, rng: Random) -> None:
    """A clock that leaps by up to a day, not twice while a lease runs out."""
    while True:
        await trio.sleep(rng.uniform(20, 120))
        machine.leap(rng.choice([3.0, 20.0, 86_400.0]))


async def nodding(machine: Machine, rng: Random) -> None:
    """A machine that is suspended now and then."""
    while True:
        await trio.sleep(rng.uniform(5, 90))
        await machine.suspend(rng.choice([1.0, 7.0, 60.0]))


async def history(seed: int) -> Reign:
    """Two or five candidates, and some minutes of whatever happens to them."""
    rng = Random(seed)
    server, reign = Server(rng, troubled=rng.random() < 0.6), Reign()
    with trio.move_on_after(rng.uniform(120, 300)):
        async with trio.open_nursery() as nursery:
            names = [f"candidate-{number}" for number in range(rng.choice([2, 5]))]
            leaps = rng.random() < 0.5
            for who in names:
                machine = Machine(rng, drift=0.02 if leaps else 0.15)
                nursery.start_soon(rng.choice([stand, crashing]), server, who, reign, rng, machine)
                if leaps:
                    nursery.start_soon(leaping, machine, rng)
                if rng.random() < 0.5:
                    nursery.start_soon(nodding, machine, rng)
            while True:
                await trio.sleep(rng.uniform(1, 40))
                server.cut_off = {who for who in names if rng.random() < 0.3}
    return reign
