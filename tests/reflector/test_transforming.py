"""Objects are transformed before anyone sees them."""

from __future__ import annotations

import msgspec
import pytest
import trio

from trio_k8swatch import (
    ConfigError,
    DynamicObject,
    Expired,
    HandlerFuncs,
    ListStrategy,
    ProtocolError,
    Status,
    Unavailable,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod


def slim(obj: DynamicObject) -> DynamicObject:
    """Without its spec."""
    fields = msgspec.json.decode(obj.raw, type=dict[str, msgspec.Raw])
    del fields["spec"]
    return DynamicObject(obj.metadata, msgspec.json.encode(fields))


@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.STREAM])
async def test_lists_and_events_are_transformed(strategy: ListStrategy, autojump_clock: object) -> None:
    """Store, handlers and subscribers see the transformed object, from a list as from an event."""
    fake = FakeApiServer()
    fake.create(pod("listed"))
    seen: list[DynamicObject] = []
    handlers = HandlerFuncs[DynamicObject](add=lambda obj, _: seen.append(obj), update=lambda _, new: seen.append(new))
    config = WatchConfig(list_strategy=strategy)
    async with open_client(transport=fake.transport()) as client:
        pods = client.resource("v1", "pods")
        async with open_watch(pods, handlers=handlers, transform=slim, config=config) as store:
            fake.create(pod("watched"))
            version = fake.patch("pods", "listed", {"metadata": {"labels": {"x": "y"}}})["metadata"]["resourceVersion"]
            await store.at_least(version)

            assert [obj.metadata.name for obj in seen] == ["listed", "watched", "listed"]
            assert all("spec" not in obj and "status" in obj for obj in [*seen, *store])


async def test_what_a_transform_raises_ends_the_watch(autojump_clock: object) -> None:
    """As it was raised, like the exception of a handler."""
    fake = FakeApiServer()
    error = ZeroDivisionError("by the transform")

    def transform(obj: DynamicObject) -> DynamicObject:
        raise error

    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(ZeroDivisionError) as caught:
            async with open_watch(client.resource("v1", "pods"), transform=transform) as store:
                fake.create(pod("a"))
                await store.wait_until(lambda _: False)

    assert caught.value is error


async def test_R22_a_transform_that_is_async_is_refused(autojump_clock: object) -> None:
    """Or coroutines would be stored in the place of objects."""

    async def transform(obj: DynamicObject) -> DynamicObject:
        return obj

    fake = FakeApiServer()
    fake.create(pod("a"))
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(ConfigError, match=r"transform=.* to be awaited"):
            async with open_watch(client.resource("v1", "pods"), transform=transform):  # type: ignore[type-var]
                pass


@pytest.mark.parametrize("strategy", [ListStrategy.PAGES, ListStrategy.STREAM])
@pytest.mark.parametrize("during", ["list", "watch", "relist"])
@pytest.mark.parametrize("kind", [Unavailable, Expired, ProtocolError, ConfigError])
async def test_R10_an_error_of_ours_that_a_transform_raises_is_its_own(
    strategy: ListStrategy, during: str, kind: type[Exception], autojump_clock: object
) -> None:
    """It reaches its owner as it was raised, and is not retried as if the server had failed."""
    fake = FakeApiServer()
    fake.create(pod("a"))
    error = kind("by the transform") if kind is not Expired else Expired("by the transform", status=Status(code=410))
    fails = during == "list"
    calls = 0

    def transform(obj: DynamicObject) -> DynamicObject:
        nonlocal calls
        if fails and calls == 0:
            calls += 1
            raise error
        return obj

    config = WatchConfig(list_strategy=strategy)
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(kind) as caught:
            async with open_watch(client.resource("v1", "pods"), transform=transform, config=config) as store:
                fails = True
                if during == "watch":
                    fake.create(pod("b"))
                else:
                    store.request_relist()
                await trio.sleep(60)

    assert caught.value is error
    assert calls == 1
