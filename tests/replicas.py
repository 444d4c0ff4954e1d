"""Several processes of one program with one lease, each with its own line to the server; and weather to live through."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import trio

from trio_k8swatch import ApiClient, open_client
from trio_k8swatch.lease import LeaseLost, open_lease
from trio_k8swatch.testing import FakeApiServer

__all__ = ["WEATHER", "Control", "Replica", "controlling"]

Control = Callable[[ApiClient], Awaitable[object]]


def outage(fake: FakeApiServer) -> None:
    """The server is away for five minutes, and nothing of its history is lost."""
    fake.faults.cut_connections()
    fake.faults.outage(seconds=300)


def lost_history(fake: FakeApiServer) -> None:
    """Watches are cut, and what happens until they are back has to be found by a list: 410."""
    fake.faults.outage(seconds=30)
    fake.faults.cut_connections()
    fake.after(20, fake.faults.forget_history)


def failing_writes(fake: FakeApiServer) -> None:
    """Some writes are answered 503."""
    fake.faults.status(503, on="write", times=3)


WEATHER = [outage, lost_history, failing_writes]


@asynccontextmanager
async def controlling(fake: FakeApiServer, control: Control) -> AsyncGenerator[None]:
    """The controller at work for as long as the block lasts; nothing of it is left after it."""
    async with open_client(transport=fake.transport()) as client, trio.open_nursery() as nursery:
        nursery.start_soon(control, client)
        yield
        nursery.cancel_scope.cancel()
    assert fake.open_calls == []


class Line(httpx.AsyncBaseTransport):
    """The way of one process to the server, which can be cut."""

    def __init__(self, fake: FakeApiServer) -> None:
        self._transport = fake.transport()
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            await trio.sleep(0.1)
            raise httpx.ConnectError("the line is cut")
        return await self._transport.handle_async_request(request)


class Replica:
    """One process: it leads in turn with others, and is started again when it has lost the lease."""

    def __init__(self, fake: FakeApiServer, name: str, *, restarts: bool = True) -> None:
        self.name = name
        self.line = Line(fake)
        self.process = trio.CancelScope()
        self.leads = False
        self.terms: list[tuple[float, float]] = []
        """From when to when it has led."""
        self._restarts = restarts

    async def run(self, control: Control) -> None:
        """Until it is killed, or has lost the lease if it is not started again."""
        with self.process:
            while True:
                try:
                    await self._lead(control)
                except LeaseLost:
                    if not self._restarts:
                        return

    async def _lead(self, control: Control) -> None:
        async with open_client(transport=self.line) as client:
            async with open_lease(client, "controller", namespace="default", identity=self.name):
                began, self.leads = trio.current_time(), True
                try:
                    await control(client)
                finally:
                    self.leads = False
                    self.terms.append((began, trio.current_time()))

    def crash(self) -> None:
        """End it as SIGKILL does: nothing is released, because nothing that it sends arrives any more."""
        self.line.is_cut = True
        self.process.cancel()
