"""Who is notified of a change, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from core_helpers import thing

from trio_k8swatch import ConfigError, HandlerFuncs
from trio_k8swatch._object_meta import metadata_of
from trio_k8swatch._store.atomic_cache import Cache
from trio_k8swatch._store.deltas import Delta, Drop, Put

A, A2 = thing("a", 1), thing("a", 2)


async def _later(*_: object) -> None:
    raise AssertionError("nobody awaits this")


@pytest.mark.parametrize(
    ("handler", "delta"),
    [
        ("add", Put("uid-of-a", None, A)),
        ("update", Put("uid-of-a", A, A2)),
        ("update", Drop("uid-of-a", A, A2)),
        ("delete", Drop("uid-of-a", A, None)),
        ("delete", Drop("uid-of-a", A, A2)),
    ],
)
@pytest.mark.parametrize("is_waited_for", [False, True])
def test_R22_a_handler_that_returns_a_coroutine_ends_the_watch(
    handler: str, delta: Delta[Any], is_waited_for: bool
) -> None:
    """In one line, at the first call: its work would never be done. A lambda is no coroutine function, so it shows only then."""
    handlers: Any = {handler: lambda first, second: _later(first)}
    cache: Cache[Any] = Cache(HandlerFuncs(**handlers), metadata_of)
    cache.objects["uid-of-a"] = A
    if is_waited_for:
        cache.notifier.listen("uid-of-a")
    with pytest.raises(ConfigError, match=rf"{handler}=.*coroutine.*subscribe"):
        cache.apply(delta, "5")
    assert isinstance(cache.fault, ConfigError)


def test_R22_what_else_a_handler_returns_does_not_matter() -> None:
    """`lambda obj, preexisting: seen.append(obj) or 5`: only what should have been awaited is refused."""
    returns: Any = {name: lambda *_: 5 for name in ("add", "update", "delete")}
    cache: Cache[Any] = Cache(HandlerFuncs(**returns), metadata_of)
    for delta in (Put("uid-of-a", None, A), Put("uid-of-a", A, A2), Drop("uid-of-a", A2, A2)):
        cache.apply(delta, "5")
    assert cache.fault is None


async def test_handlers_have_run_when_those_who_wait_do(autojump_clock: object) -> None:
    """Whoever is woken sees the store, every index, and what the handlers have made of the change."""
    lines: list[str] = []
    cache: Cache[Any] = Cache(HandlerFuncs(add=lambda obj, preexisting: lines.append("handler")), metadata_of)

    async def wait() -> None:
        await cache.notifier.next_change()
        lines.append("waiter")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(1)
        cache.apply(Put("uid-of-a", None, A), "5")
        assert lines == ["handler"]
    assert lines == ["handler", "waiter"]
