from __future__ import annotations

import pytest
import trio

LIMIT_SECONDS = 30


@pytest.fixture
async def time_limit(nursery: trio.Nursery) -> None:
    """For tests with real processes and sockets, in real time."""

    async def expire() -> None:
        await trio.sleep(LIMIT_SECONDS)
        raise AssertionError(f"still running after {LIMIT_SECONDS} seconds")

    nursery.start_soon(expire)
