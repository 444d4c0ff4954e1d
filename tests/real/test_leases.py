"""Two processes, one lease and a real API server: one of them is stopped, and continued when the other leads."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from real.control_plane import ControlPlane
from real.lease_holder import LEASE_SECONDS, RETRY_SECONDS

pytestmark = pytest.mark.real

HOLDER = Path(__file__).with_name("lease_holder.py")


class Holder:
    """One process, and what it has said."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.said: list[tuple[str, float]] = []
        self._lot = trio.lowlevel.ParkingLot()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                what, when = line.decode().split()
                self.said.append((what, float(when)))
            self._lot.unpark_all()

    async def until(self, what: str) -> float:
        """When it said so, by the clock of the machine."""
        while not (times := [when for said, when in self.said if said == what]):
            await self._lot.park()
        return times[0]


@asynccontextmanager
async def holder(plane: ControlPlane, identity: str) -> AsyncGenerator[Holder]:
    command = [sys.executable, str(HOLDER), str(plane.kubeconfig), identity]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    try:
        async with trio.open_nursery() as nursery:
            one = Holder(process)
            nursery.start_soon(one.listen)
            yield one
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def test_a_stopped_leader_does_not_lead_when_it_is_continued(plane: ControlPlane) -> None:
    """The other leads once the lease has run out; the stopped one, continued, ends its block before it does anything."""
    with trio.fail_after(120):
        async with holder(plane, "one") as one:
            await one.until("leads")
            async with holder(plane, "two") as two:
                await trio.sleep(2 * RETRY_SECONDS)
                assert two.said == []
                one.process.send_signal(signal.SIGSTOP)
                stopped = trio.current_time()
                await two.until("leads")
                assert trio.current_time() - stopped < LEASE_SECONDS + 2 * 1.2 * RETRY_SECONDS + 3
                assert [what for what, _ in one.said] == ["leads"]

                one.process.send_signal(signal.SIGCONT)
                continued = trio.current_time()
                await one.until("lost")
                assert trio.current_time() - continued < 2
                assert [what for what, _ in one.said] == ["leads", "stops", "lost"]
                await trio.sleep(2 * LEASE_SECONDS)
                assert [what for what, _ in two.said] == ["leads"]


async def test_a_killed_leader_is_followed_within_the_lease_and_a_retry(plane: ControlPlane) -> None:
    """And not before the lease has run out."""
    with trio.fail_after(120):
        async with holder(plane, "one") as one:
            await one.until("leads")
            async with holder(plane, "two") as two:
                await trio.sleep(2 * RETRY_SECONDS)
                one.process.kill()
                killed = trio.current_time()
                await two.until("leads")
                assert trio.current_time() - killed > LEASE_SECONDS - RETRY_SECONDS - 1
                assert trio.current_time() - killed < LEASE_SECONDS + 2 * 1.2 * RETRY_SECONDS + 3
