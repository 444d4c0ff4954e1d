"""Watches through real sockets, in real time: how they are opened there, and that nothing is left of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from faults.harness import Cluster, Longest

from trio_k8swatch import ApiClient, Backoff, WatchConfig, open_client
from trio_k8swatch.testing import FakeApiServer

QUICK = Backoff(initial_seconds=0.05, maximum_seconds=0.4, minimum_seconds=0.01)


def quick(**options) -> WatchConfig:
    """Real time is dear: short pauses, and silence that is soon too long."""
    return WatchConfig(
        **{"rng": Longest(1), "retry_relist_after": QUICK, "retry_watch_after": QUICK, "silence_limit": 1.0, **options}
    )


@asynccontextmanager
async def on_socket(url: str, fake: FakeApiServer, **options) -> AsyncGenerator[Cluster]:
    """A cluster whose client goes through real sockets; at the end its pools are empty."""
    async with trio.open_nursery() as nursery:
        async with open_client(base_url=url, **options) as client:
            yield Cluster(fake, client, nursery)
            with trio.fail_after(2):
                while any(connections(client)):
                    await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


def connections(client: ApiClient) -> list[object]:
    """Connections of both pools that are in use."""
    pools = [requests._http._transport._pool for requests in (client._calls, client._streams)]
    assert not any(pool._requests for pool in pools), "(iii) a pool still has requests"
    return [one for pool in pools for one in pool.connections if not (one.is_idle() or one.is_closed())]
