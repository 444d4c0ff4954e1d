"""`python -m benchmarks fake`: what `FakeApiServer` holds: pages, watchers on sockets, creates over one connection.

`--against CHECKOUT` creates by turns at this server and at that of another checkout, so that a ratio is not one of hours.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trio

from trio_k8swatch.testing import FakeApiServer

__all__ = ["main"]

_ROOT = Path(__file__).parent.parent
_PAGED_OBJECTS, _PAGE = 50_000, 500
_WATCHERS, _EVENTS_PER_SECOND, _SECONDS = 20, 5_000, 5
_CREATES, _ROUNDS = 400, 10
_CONTAINER = {
    "name": "c",
    "image": "nginx:1.25",
    "ports": [{"containerPort": 80}],
    "env": [{"name": "A", "value": "b"}],
}


def _config_map(number: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m-{number:06}"}, "data": {"a": "b" * 100}}


def _pod(number: int) -> dict[str, Any]:
    metadata = {"name": f"p-{number:06}", "labels": {"app": f"app-{number % 10}"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [_CONTAINER]}}


def _pages() -> str:
    """All pages of a list next to the list in one piece: CPU time of the server alone."""
    fake = FakeApiServer(request_log_limit=10)
    for number in range(_PAGED_OBJECTS):
        fake.create(_config_map(number))
    whole, paged = [], []
    for _ in range(3):
        whole.append(_cpu_of(partial(_list, fake, 0)))
        paged.append(_cpu_of(partial(_list, fake, _PAGE)))
    one, all_of_them = min(whole), min(paged)
    pages = _PAGED_OBJECTS // _PAGE
    return (
        f"| {_PAGED_OBJECTS:,} ConfigMaps in one list, and in {pages} pages |"
        f" {one:.2f} s, {all_of_them:.2f} s | {all_of_them / one:.2f} times |"
    )


def _cpu_of(work: Any) -> float:
    begun = time.process_time()
    trio.run(work)
    return time.process_time() - begun


async def _list(fake: FakeApiServer, limit: int) -> None:
    from trio_k8swatch.testing._http.messages import Request

    # What changes makes a new list: none is served from what the one before left.
    fake.patch("configmaps", "m-000000", {"data": {"at": str(time.monotonic())}})
    token, seen = "", 0
    while True:
        query = f"limit={limit}&continue={token}" if limit else ""
        response = await fake.handle(Request.make("GET", "/api/v1/configmaps", query, {}))
        body = json.loads(b"".join([piece async for piece in response.body]))
        seen += len(body["items"])
        token = body["metadata"].get("continue", "")
        if not token:
            assert seen == _PAGED_OBJECTS
            return


def _watching() -> str:
    """So many watchers in another process, events at a fixed pace: what reaches them, and how late."""
    command = [sys.executable, "-P", __file__, "--watchers"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment(_ROOT)
    ) as them:
        assert them.stdin is not None
        assert them.stdout is not None
        took, cpu = trio.run(_events, them)
        found = json.loads(them.stdout.readline())
    sent = _EVENTS_PER_SECOND * _SECONDS
    return (
        f"| {_EVENTS_PER_SECOND:,} events/s to {_WATCHERS} watchers on sockets | {sent / took:,.0f} events/s for {took:.1f} s,"
        f" {cpu / took * 100:.0f} % of a processor | {found['complete']} saw all {sent:,}, {found['ended']} were sent away |"
    )


async def _events(them: subprocess.Popen[str]) -> tuple[float, float]:
    fake = FakeApiServer(request_log_limit=100)
    fake.create(_config_map(0))
    async with fake.serve() as url:
        assert them.stdin is not None
        them.stdin.write(f"{url}\n")
        them.stdin.flush()
        while len(fake.open_calls) < _WATCHERS:  # noqa: ASYNC110 - the other process opens them
            await trio.sleep(0.01)
        start, cpu, total = trio.current_time(), time.process_time(), _EVENTS_PER_SECOND * _SECONDS
        for number in range(total):
            fake.patch("configmaps", "m-000000", {"data": {"n": str(number)}})
            if number % 10 == 9:
                await trio.sleep_until(start + number / _EVENTS_PER_SECOND)
        took, cpu = trio.current_time() - start, time.process_time() - cpu
        while fake.open_calls:  # noqa: ASYNC110 - the other process closes them
            await trio.sleep(0.05)
        return took, cpu


async def _watch_all() -> None:
    """The other process: how many of its watches saw the last event after all others."""
    url = await trio.to_thread.run_sync(sys.stdin.readline)
    results: list[bool] = []
    async with trio.open_nursery() as nursery:
        for _ in range(_WATCHERS):
            nursery.start_soon(_watch, url.strip(), results)
    print(json.dumps({"complete": sum(results), "ended": results.count(False)}))


async def _watch(url: str, results: list[bool]) -> None:
    parts = urlsplit(url)
    stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 0)
    async with stream:
        await stream.send_all(b"GET /api/v1/configmaps?watch=1 HTTP/1.0\r\n\r\n")
        last, seen, rest = _EVENTS_PER_SECOND * _SECONDS, 0, b""
        async for data in stream:
            *lines, rest = (rest + bytes(data)).split(b"\n")
            seen += sum(line.startswith(b'{"type":"MODIFIED"') for line in lines)
            if seen == last:
                break
    results.append(seen == last)


def _creates(against: Path | None) -> Generator[str]:
    """One connection, one create after the other, by turns at each server."""
    checkouts = [_ROOT, *([against.resolve()] if against else [])]
    for what, make, path in (
        ("ConfigMap", _config_map, "/api/v1/namespaces/default/configmaps"),
        ("Pod", _pod, "/api/v1/namespaces/default/pods"),
    ):
        with _server(checkouts[0]) as first, _server(checkouts[-1]) as second:
            urls = [first, second][: len(checkouts)]
            rates: list[list[float]] = [[] for _ in urls]
            connections = [_connected(url) for url in urls]
            for turn in range(_ROUNDS):
                requests = [_post(path, make(turn * _CREATES + number)) for number in range(_CREATES)]
                for connection, found in zip(connections, rates, strict=True):
                    begun = time.perf_counter()
                    for request in requests:
                        _exchange(connection, request)
                    found.append(_CREATES / (time.perf_counter() - begun))
        mine, *others = (statistics.median(found) for found in rates)
        ratio = f"{mine / others[0]:.2f} times the {others[0]:,.0f}/s of the other checkout" if others else ""
        yield f"| creates of a {what} over one connection | {mine:,.0f}/s | {ratio} |"


@contextmanager
def _server(checkout: Path) -> Generator[str]:
    command = [sys.executable, "-P", __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment(checkout)) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


async def _serve() -> None:
    async with FakeApiServer().serve() as url:
        print(url, flush=True)
        await trio.sleep_forever()


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout)}


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _post(path: str, obj: dict[str, Any]) -> bytes:
    body = json.dumps(obj).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: fake\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    received = connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201"), received
    missing = int(head.rpartition(b"Content-Length: ")[2].partition(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65536))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks fake", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], "pages", "watchers", "creates"])
    parser.add_argument(
        "--against", type=Path, help="another checkout, whose server is measured by turns with this one"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--watchers", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        trio.run(_serve)
        return
    if arguments.watchers:
        trio.run(_watch_all)
        return
    print("| load | measured | |\n|---|---|---|", flush=True)
    what = arguments.what or ["pages", "watchers", "creates"]
    if "pages" in what:
        print(_pages(), flush=True)
    if "watchers" in what:
        print(_watching(), flush=True)
    if "creates" in what:
        for line in _creates(arguments.against):
            print(line, flush=True)


if __name__ == "__main__":
    main()
