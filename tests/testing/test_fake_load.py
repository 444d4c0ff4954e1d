"""Many watchers, many events: whoever can follow misses nothing, whoever cannot is told so, and memory stays bounded."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._storage import watches
from trio_k8swatch.testing.builders import config_map

WATCH = b"GET /api/v1/configmaps?watch=1&resourceVersion=%b HTTP/1.0\r\n\r\n"
EVENTS = 3_000


async def connect(url: str, fake: FakeApiServer, count: int) -> list[trio.SocketStream]:
    """So many watches, all of them open."""
    host, port = url.removeprefix("http://").split(":")
    streams = [await trio.open_tcp_stream(host, int(port)) for _ in range(count)]
    for stream in streams:
        await stream.send_all(WATCH % fake.resource_version.encode())
    while len(fake.open_calls) < count:
        await trio.sleep(0.01)
    return streams


async def numbers(stream: trio.SocketStream, seen: list[int]) -> None:
    """The numbers that the events carry, until the last or the end."""
    rest = b""
    async for data in stream:
        *lines, rest = (rest + bytes(data)).split(b"\n")
        seen += [int(json.loads(line)["object"]["data"]["n"]) for line in lines if line.startswith(b'{"type":"MOD')]
        if seen and seen[-1] == EVENTS - 1:
            await stream.aclose()
            return


async def test_twenty_watchers_on_sockets_see_every_event_in_order() -> None:
    """As fast as they can be made; none ends, nobody waits for another."""
    fake = FakeApiServer()
    fake.create(config_map("a"))
    seen: list[list[int]] = [[] for _ in range(20)]
    with trio.fail_after(60):
        async with fake.serve() as url, trio.open_nursery() as nursery:
            streams = await connect(url, fake, len(seen))
            for stream, its in zip(streams, seen, strict=True):
                nursery.start_soon(numbers, stream, its)
            for number in range(EVENTS):
                fake.patch("configmaps", "a", {"data": {"n": str(number)}})
                if number % 100 == 0:
                    await trio.lowlevel.checkpoint()
    assert all(its == [*range(EVENTS)] for its in seen)


async def test_a_watcher_that_does_not_read_gets_410_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After what was kept for it, and while another follows."""
    monkeypatch.setattr(watches, "SLOW_READER_EVENTS", 100)
    fake = FakeApiServer()
    fake.create(config_map("a", blob="x" * 50_000))
    following: list[int] = []
    with trio.fail_after(60):
        async with fake.serve() as url, trio.open_nursery() as nursery:
            slow, fast = await connect(url, fake, 2)
            nursery.start_soon(numbers, fast, following)
            for number in range(EVENTS):
                fake.patch("configmaps", "a", {"data": {"n": str(number)}})
                while len(following) < number - 50:
                    await trio.sleep(0.001)
            body = b"".join([bytes(data) async for data in slow])
            await slow.aclose()
    events = [json.loads(line) for line in body.partition(b"\r\n\r\n")[2].splitlines()]
    assert following == [*range(EVENTS)]
    assert (events[-1]["type"], events[-1]["object"]["code"]) == ("ERROR", 410)
    assert 100 <= len(events) < EVENTS


async def test_what_is_sent_at_once_is_bounded(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of what waits stays what all watches share, until there is room for it."""
    monkeypatch.setattr(watches, "EVENTS_AT_ONCE", 10)
    fake = FakeApiServer()
    for number in range(25):
        fake.create(config_map(f"a-{number}"))
    sizes: list[int] = []

    class Noted(watches.WatchSource):
        def ready(self) -> list[watches.Step]:
            steps = super().ready()
            sizes.append(len(steps))
            return steps

    monkeypatch.setattr("trio_k8swatch.testing._http.router.WatchSource", Noted)
    from trio_k8swatch.testing._http.messages import Request

    response = await fake.handle(
        Request.make("GET", "/api/v1/configmaps", "watch=1&resourceVersion=1&timeoutSeconds=1", {})
    )
    body = b"".join([data async for data in response.body])
    assert body.count(b'"type":"ADDED"') == 25
    assert sizes[:3] == [10, 10, 5]
