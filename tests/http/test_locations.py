"""An error says once what it prevented, whatever was read and wherever it broke."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from trio_k8swatch import DynamicObject, ListOptions, Resource, Unavailable, open_client


class Answer(httpx.AsyncBaseTransport):
    """The beginning of an answer, which then breaks, or goes silent."""

    def __init__(self, *, breaks: bool) -> None:
        self._breaks = breaks

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        breaks = self._breaks

        class Stream(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield b'{"kind":'
                if breaks:
                    raise httpx.ReadError("reset")
                await trio.sleep_forever()

        return httpx.Response(200, stream=Stream())


async def follow(pods: Resource[DynamicObject]) -> None:
    async with pods.watch(ListOptions(resource_version="1")) as events:
        async for _ in events:
            pass


READS = {"list": lambda pods: pods.list(), "get": lambda pods: pods.get("a"), "watch": follow}


@pytest.mark.parametrize(
    ("verb", "breaks"), [("list", True), ("list", False), ("get", True), ("get", False), ("watch", True)]
)
async def test_an_error_is_located_once(verb: str, *, breaks: bool, autojump_clock: object) -> None:
    """A list, an object, a watch; cut off, and silent."""
    async with open_client(transport=Answer(breaks=breaks)) as client:
        with pytest.raises(Unavailable) as caught:
            await READS[verb](client.resource("v1", "pods"))

    assert str(caught.value).startswith(f"cannot {verb} ")
    assert str(caught.value).count("cannot ") == 1
