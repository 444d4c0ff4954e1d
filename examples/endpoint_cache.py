"""A reverse proxy that always knows its backends: `python endpoint_cache.py NAMESPACE SERVICE PORT`.

Each connection goes to the next ready endpoint of the service. No request is made to the API server on its way: the
addresses are in an index that moves with the cluster.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import trio

from trio_k8swatch import ApiClient, IndexedStore, KeyIndex, ObjectMeta, open_client, open_watch

SERVICE_LABEL = "kubernetes.io/service-name"


class Conditions(msgspec.Struct, frozen=True, gc=False):
    """An endpoint whose readiness nobody knows counts as ready."""

    ready: bool | None = None


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One pod behind the service."""

    addresses: tuple[str, ...]
    conditions: Conditions = Conditions()


class Port(msgspec.Struct, frozen=True, gc=False):
    """Where it listens."""

    port: int


class EndpointSlice(msgspec.Struct, frozen=True, gc=False):
    """Some of the endpoints of a service; a large service has several."""

    metadata: ObjectMeta
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[Port, ...] | None = None


class EndpointCache:
    """The ready addresses of all services of a namespace, as they are now."""

    def __init__(self, slices: IndexedStore[EndpointSlice, KeyIndex[EndpointSlice, str]]) -> None:
        self._slices = slices
        self._turn = itertools.count()

    def addresses(self, service: str) -> list[tuple[str, int]]:
        """Host and port of each ready endpoint, in stable order."""
        return [
            (address, port.port)
            for part in self._slices.index.get(service)
            for endpoint in part.endpoints or ()
            if endpoint.conditions.ready is not False
            for address in endpoint.addresses
            for port in part.ports or ()
        ]

    async def pick(self, service: str) -> tuple[str, int]:
        """The next address in turn. Waits while there is none."""
        await self._slices.wait_until(lambda _: bool(self.addresses(service)))
        ready = self.addresses(service)
        return ready[next(self._turn) % len(ready)]


def service_of(part: EndpointSlice) -> str | None:
    """The service that a slice belongs to, if it says so."""
    return part.metadata.labels.get(SERVICE_LABEL)


@asynccontextmanager
async def open_endpoint_cache(client: ApiClient, namespace: str) -> AsyncGenerator[EndpointCache]:
    """A cache that is full from the first line of the block on."""
    resource = client.resource("discovery.k8s.io/v1", "endpointslices", namespace=namespace, type=EndpointSlice)
    async with open_watch(resource) as store:
        yield EndpointCache(IndexedStore(store, KeyIndex(service_of)))


async def proxy(stream: trio.SocketStream, cache: EndpointCache, service: str) -> None:
    """Join a connection to a backend until either side is done."""
    host, port = await cache.pick(service)
    async with stream, await trio.open_tcp_stream(host, port) as backend, trio.open_nursery() as nursery:

        async def pump(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            async for data in source:
                await sink.send_all(data)
            await sink.send_eof()

        nursery.start_soon(pump, stream, backend)
        nursery.start_soon(pump, backend, stream)


async def main(arguments: list[str]) -> None:
    """Serve until interrupted."""
    namespace, service, port = arguments

    async def answer(stream: trio.SocketStream) -> None:
        try:
            await proxy(stream, cache, service)
        except* (OSError, trio.BrokenResourceError) as broken:
            print("a connection broke:", *broken.exceptions, file=sys.stderr)

    async with open_client() as client, open_endpoint_cache(client, namespace) as cache:
        await trio.serve_tcp(answer, int(port))


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
