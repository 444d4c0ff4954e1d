"""The demo's cluster: a fake API server on a loopback socket."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import trio

from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.demo import demo_cluster

__all__ = ["open_demo"]


@asynccontextmanager
async def open_demo() -> AsyncGenerator[str]:
    """The URL of an API server on a loopback socket, in which things happen for as long as the block lasts.

    Always the same things, so that what one person saw another can see again.
    """
    fake = FakeApiServer(epoch=datetime.now(UTC))
    with lone_exception():
        async with fake.serve() as url, trio.open_nursery() as nursery:
            await nursery.start(partial(demo_cluster, fake, rng=random.Random(0)))
            yield url
            nursery.cancel_scope.cancel()
