"""Which requests share a connection, against a real socket."""

from __future__ import annotations

import trio
from raw_server import HEAD, RawServer, chunk, raw_server, with_length

from trio_k8swatch import PartialObjectMetadata, open_client, open_watch

WATCHES = 12
LIST = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}'
BOOKMARK = b'{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"8"}}}\n'


async def answer(stream: trio.SocketStream, target: str) -> bool:
    if "watch=true" in target:
        await stream.send_all(HEAD + chunk(BOOKMARK))
        await trio.sleep_forever()
    await stream.send_all(with_length(LIST))
    return True


async def open_all(server: RawServer, at_once: bool) -> int:
    """Open all watches; how many connections there are then."""
    async with open_client(base_url=server.url) as client, trio.open_nursery() as nursery:

        async def watch(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            async with open_watch(client.resource("v1", "pods", type=PartialObjectMetadata)) as store:
                await store.at_least("8")
                task_status.started()
                await trio.sleep_forever()

        if at_once:
            async with trio.open_nursery() as starting:
                for _ in range(WATCHES):
                    starting.start_soon(nursery.start, watch)
        else:
            for _ in range(WATCHES):
                await nursery.start(watch)
        count = server.open_connections
        nursery.cancel_scope.cancel()
    return count


async def test_a_watch_goes_on_with_the_connection_of_its_list() -> None:
    """Twelve watches have twelve connections, opened one after the other, and none but these was ever made."""
    async with raw_server(answer) as server:
        assert await open_all(server, at_once=False) == WATCHES
    assert server.connections == WATCHES


async def test_watches_that_are_opened_at_once_leave_no_connection_idle() -> None:
    """However their lists and watches follow each other, each watch takes one that a list has left."""
    async with raw_server(answer) as server:
        assert await open_all(server, at_once=True) == WATCHES
