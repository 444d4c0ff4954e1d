"""The examples do what they say, against the fake API server."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio
from examples_helper import example
from prometheus_client import CollectorRegistry
from trio.testing import wait_all_tasks_blocked

from trio_k8swatch import open_client
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map, pod


@pytest.fixture
def fake() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
async def client(fake: FakeApiServer):
    async with open_client(transport=fake.transport()) as client:
        yield client


async def test_the_pod_exporter_counts(autojump_clock, fake, client, nursery) -> None:
    """Pods move between phases and nodes, and go; the sum is always right."""
    registry = CollectorRegistry()
    fake.create(pod("a", node="node-1", phase="Pending"))
    fake.create(pod("b", node="node-1"))
    nursery.start_soon(example("pod_exporter").count_pods, client, registry)

    def counts() -> dict[tuple[str, str], float]:
        samples = [s for family in registry.collect() for s in family.samples if s.name == "node_pods"]
        return {(s.labels["node"], s.labels["phase"]): s.value for s in samples if s.value}

    await trio.sleep(1)
    assert counts() == {("node-1", "Pending"): 1, ("node-1", "Running"): 1}

    fake.patch("pods", "a", {"status": {"phase": "Running"}})
    fake.delete("pods", "b")
    fake.create(pod("c", node="node-2"))
    await trio.sleep(1)
    assert counts() == {("node-1", "Running"): 1, ("node-2", "Running"): 1}


def endpoint_slice(name: str, service: str, *endpoints: tuple[str, bool]) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}} for address, ready in endpoints],
    }


async def test_the_endpoint_cache_takes_turns_among_the_ready(autojump_clock, fake, client) -> None:
    """Over all slices of the service, leaving out what is not ready."""
    fake.create(endpoint_slice("web-1", "web", ("10.0.0.1", True), ("10.0.0.2", False)))
    fake.create(endpoint_slice("web-2", "web", ("10.0.0.3", True)))
    fake.create(endpoint_slice("api-1", "api", ("10.0.0.9", True)))

    async with example("endpoint_cache").open_endpoint_cache(client, "default") as cache:
        picked = [await cache.pick("web") for _ in range(3)]
        assert picked == [("10.0.0.1", 8080), ("10.0.0.3", 8080), ("10.0.0.1", 8080)]

        fake.after(30, lambda: fake.create(endpoint_slice("new-1", "new", ("10.0.0.7", True))))
        before = trio.current_time()
        assert await cache.pick("new") == ("10.0.0.7", 8080)
        assert trio.current_time() - before == pytest.approx(30)


async def test_the_proxy_joins_a_connection_to_a_backend() -> None:
    """Both ways, until both are done, over real sockets."""
    endpoint_cache = example("endpoint_cache")

    async def backend(stream: trio.SocketStream) -> None:
        async for data in stream:
            await stream.send_all(data.upper())

    class OneBackend:
        async def pick(self, service: str) -> tuple[str, int]:
            return "127.0.0.1", backend_port

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, backend, 0, host="127.0.0.1"))
            backend_port = listener.socket.getsockname()[1]
            ours, theirs = trio.socket.socketpair()
            nursery.start_soon(endpoint_cache.proxy, trio.SocketStream(theirs), OneBackend(), "web")
            async with trio.SocketStream(ours) as stream:
                await stream.send_all(b"hello")
                await stream.send_eof()
                assert b"".join([data async for data in stream]) == b"HELLO"
            nursery.cancel_scope.cancel()


async def test_the_config_reloader_writes_and_reloads(fake, client, nursery, tmp_path) -> None:
    """Files are those of the ConfigMap; the signal comes once for each change, and not for others' ConfigMaps.

    In real time, because files are written in threads, which virtual time does not wait for.
    """
    send, reloads = trio.open_memory_channel[None](10)
    directory = tmp_path / "conf"
    fake.create(config_map("app", **{"a.conf": "1", "b.conf": "2"}))
    keep_files = example("config_reloader").keep_files
    reload = partial(send.send_nowait, None)
    nursery.start_soon(keep_files, client, "default", "app", trio.Path(directory), reload)
    await next_of(reloads)
    assert {path.name: path.read_text() for path in directory.iterdir()} == {"a.conf": "1", "b.conf": "2"}

    fake.create(config_map("other", **{"a.conf": "9"}))
    fake.replace(config_map("app", **{"a.conf": "3"}))
    await next_of(reloads)
    assert {path.name: path.read_text() for path in directory.iterdir()} == {"a.conf": "3"}

    fake.delete("configmaps", "app")
    await wait_all_tasks_blocked()
    assert (directory / "a.conf").read_text() == "3"
    with pytest.raises(trio.WouldBlock):
        reloads.receive_nowait()


async def next_of(reloads: trio.MemoryReceiveChannel[None]) -> None:
    with trio.fail_after(10):
        await reloads.receive()
