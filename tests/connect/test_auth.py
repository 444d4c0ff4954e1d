"""What a request shows, and what follows on a 401."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from connect.kubeconfigs import document, machine, write
from connect.plugins import Plugin, exec_credential

from trio_k8swatch import connect
from trio_k8swatch._errors import Unavailable
from trio_k8swatch.connect import Connection

pytestmark = pytest.mark.usefixtures("time_limit")


class Gate:
    """A server that knows one good header at a time, and takes a moment to answer."""

    def __init__(self, good: str) -> None:
        self.good = good
        self.shown: list[str | None] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers.get("Authorization")
        self.shown.append(shown)
        await trio.sleep(0.01)
        return httpx.Response(200 if shown == self.good else 401, text="body")

    @asynccontextmanager
    async def client(self, connection: Connection) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(auth=connection.auth, transport=httpx.MockTransport(self)) as client:
            yield client


class Endless(httpx.AsyncByteStream):
    """A body that goes on and on, up to what no test should take."""

    def __init__(self) -> None:
        self.parts = 0
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.parts < 1000:
            self.parts += 1
            yield b"x"

    async def aclose(self) -> None:
        self.is_closed = True


async def test_a_rejected_token_from_a_file(tmp_path: Path) -> None:
    """The file is read again at once, and the request repeated."""
    write(tmp_path / "token", "old")
    path = write(tmp_path / "config", document(user={"tokenFile": "token"}))
    gate = Gate("Bearer old")
    async with gate.client(connect.from_kubeconfig(path, surroundings=machine(tmp_path))) as client:
        assert (await client.get("http://h")).status_code == 200
        write(tmp_path / "token", "new")
        gate.good = "Bearer new"
        assert (await client.get("http://h")).status_code == 200
        assert (await client.get("http://h")).status_code == 200
    assert gate.shown == ["Bearer old", "Bearer old", "Bearer new", "Bearer new"]


async def test_a_rejected_token_that_is_all_there_is(tmp_path: Path) -> None:
    """Is not tried twice: nothing has changed."""
    write(tmp_path / "token", "old")
    for user in ({"tokenFile": "token"}, {"token": "old"}, {}):
        path = write(tmp_path / "config", document(user=user))
        gate = Gate("Bearer new")
        async with gate.client(connect.from_kubeconfig(path, surroundings=machine(tmp_path))) as client:
            assert (await client.get("http://h")).status_code == 401
        assert len(gate.shown) == 1


async def test_a_new_token_is_tried_once(tmp_path: Path) -> None:
    """If it is no better, the answer is 401."""
    plugin = Plugin(tmp_path).prints(exec_credential(token="t-$n"))
    gate = Gate("Bearer other")
    async with gate.client(plugin.connection()) as client:
        assert (await client.get("http://h")).status_code == 401
    assert gate.shown == ["Bearer t-1", "Bearer t-2"]


async def test_twenty_rejected_at_once(tmp_path: Path) -> None:
    """One run of the plugin for all."""
    plugin = Plugin(tmp_path).prints(exec_credential(token="t-$n"))
    gate = Gate("Bearer t-1")
    statuses: list[int] = []
    async with gate.client(plugin.connection()) as client:

        async def get() -> None:
            statuses.append((await client.get("http://h")).status_code)

        await client.get("http://h")
        gate.good = "Bearer t-2"
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(get)
    assert statuses == [200] * 20
    assert plugin.count == 2


async def test_rejected_for_ever_by_twenty(tmp_path: Path) -> None:
    """A plugin that gives again what was rejected is left alone for a while."""
    plugin = Plugin(tmp_path).prints(exec_credential(token="t"))
    gate = Gate("Bearer other")
    async with gate.client(plugin.connection()) as client:
        assert (await client.get("http://h")).status_code == 401
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(client.get, "http://h")
    assert plugin.count == 2
    assert len(gate.shown) == 21


async def test_a_streamed_request(tmp_path: Path) -> None:
    """A watch is authorised and repeated like any other request, before its body begins."""
    plugin = Plugin(tmp_path).prints(exec_credential(token="t-$n"))
    gate = Gate("Bearer t-2")
    async with gate.client(plugin.connection()) as client, client.stream("GET", "http://h") as response:
        assert response.status_code == 200
        assert await response.aread() == b"body"
    assert gate.shown == ["Bearer t-1", "Bearer t-2"]


async def test_a_plugin_that_cannot_renew(tmp_path: Path) -> None:
    """Why there is no better token says more than a bare 401."""
    plugin = Plugin(tmp_path).prints(exec_credential(token="t"))
    gate = Gate("Bearer t")
    async with gate.client(plugin.connection()) as client:
        await client.get("http://h")
        gate.good = "Bearer other"
        plugin.does("echo session expired >&2; exit 1")
        with pytest.raises(Unavailable, match=r"failed with status 1; it said: session expired$"):
            await client.get("http://h")
        plugin.prints(exec_credential(token="other"))
        assert (await client.get("http://h")).status_code == 200


async def test_R14_the_body_of_a_401_is_not_read_before_the_request_is_repeated(tmp_path: Path) -> None:
    """It may have no end."""
    write(tmp_path / "token", "old")
    path = write(tmp_path / "config", document(user={"tokenFile": "token"}))
    connection = connect.from_kubeconfig(path, surroundings=machine(tmp_path))
    await connection.prepare()
    write(tmp_path / "token", "new")
    bodies: list[Endless] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == "Bearer new":
            return httpx.Response(200)
        bodies.append(Endless())
        return httpx.Response(401, stream=bodies[-1], headers={"Content-Encoding": "gzip"})

    async with httpx.AsyncClient(auth=connection.auth, transport=httpx.MockTransport(answer)) as client:
        assert (await client.get("http://h")).status_code == 200
    assert [(body.parts, body.is_closed) for body in bodies] == [(0, True)]
