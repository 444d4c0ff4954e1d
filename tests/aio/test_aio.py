"""The store in an asyncio program: the same behaviour as in trio, in the thread of the loop, with nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from blocking_cluster import current_context, served
from docs.pages import blocks

import trio_k8swatch
from trio_k8swatch import Conflict, Gone, HandlerFuncs, Met, NameIndex, NotFound, WatchConfig, WatchStopped, aio
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod

ROOT = Path(__file__).parents[2]


def run(main: Callable[[], Awaitable[None]]) -> None:
    """`main` in an asyncio loop that complains about everything, within ten seconds; nothing is left afterwards."""

    async def limited() -> None:
        async with asyncio.timeout(10):
            await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_trio_token()

    asyncio.run(limited(), debug=True)
    gc.collect()


@asynccontextmanager
async def watching(fake: FakeApiServer, **options: Any) -> AsyncGenerator[aio.Store[Any]]:
    async with aio.open_client(transport=fake.transport()) as client:
        async with aio.open_watch(client.resource("v1", "pods"), **options) as store:
            yield store


@pytest.fixture
def fake() -> FakeApiServer:
    return FakeApiServer()


def created(fake: FakeApiServer, name: str) -> str:
    return str(fake.create(pod(name))["metadata"]["uid"])


def test_a_store_is_full_when_the_block_begins_and_follows(fake: FakeApiServer) -> None:
    """Items, an index, a handler and a wait, all in the thread of the loop."""

    async def main() -> None:
        created(fake, "a")
        seen: list[tuple[str, bool, int]] = []
        add = lambda obj, preexisting: seen.append((obj.metadata.name, preexisting, threading.get_ident()))  # noqa: E731
        async with watching(fake, handlers=HandlerFuncs(add=add)) as store:
            assert [obj.metadata.name for obj in store.items()] == ["a"]
            by_name = aio.IndexedStore(store, NameIndex())
            created(fake, "b")
            met = await store.wait_for(lambda obj: obj.metadata.name == "b")

            assert isinstance(met, Met)
            assert by_name.index.get("default", "b") is met.object
            assert met.object in store
            assert len(store) == 2
            assert store.health.state is trio_k8swatch.State.LIVE
        assert seen == [("a", True, threading.get_ident()), ("b", False, threading.get_ident())]

    run(main)


def test_the_store_can_be_read_after_its_block(fake: FakeApiServer) -> None:
    """Frozen: reads go on working, waiting raises WatchStopped."""

    async def main() -> None:
        uid = created(fake, "a")
        async with watching(fake) as store:
            pass

        assert [obj.metadata.name for obj in store.items()] == ["a"]
        assert store.stopped
        assert store.health.state is trio_k8swatch.State.STOPPED
        assert store.get(uid) is not None
        with pytest.raises(WatchStopped):
            await store.relist()

    run(main)


def test_everything_that_waits(fake: FakeApiServer) -> None:
    """relist, at_least, listen, wait_for, wait_until, subscribe, locked and the index calls are awaited in asyncio."""

    async def main() -> None:
        uid = created(fake, "a")
        async with watching(fake) as store, asyncio.TaskGroup() as group:
            indexed = aio.IndexedStore(store, NameIndex())
            listener = store.listen(uid)
            assert listener is not None
            assert store.listen("nobody") is None
            gone = group.create_task(store.wait_for(lambda _: False, uid=uid))
            async with store.subscribe() as changes:
                assert (await anext(changes)).object.metadata.name == "a"
                await store.relist()
                await store.request_relist().wait()
                version = fake.create(pod("b"))["metadata"]["resourceVersion"]
                await store.at_least(version)
                await store.wait_until(lambda now: len(now) == 2)
                assert await indexed.get_indexed(lambda index: index.get("default", "b")) is not None
                assert len(await indexed.list_indexed(lambda index: [index.get("default", "a")])) == 1
                await indexed.with_index(lambda index: index.get("default", "a"))
                assert await store.nop_update(uid)
                fake.delete("pods", "a")
                await listener.wait()
                assert listener.deleted
                assert [(await anext(changes)).type for _ in range(2)] == ["ADDED", "DELETED"]
            async with store.locked():
                fake.create(pod("c"))
                await asyncio.sleep(0.05)
                assert len(store) == 1
            await store.wait_until(lambda now: len(now) == 2)
            assert isinstance(await gone, Gone)

    run(main)


def test_lists_and_watches_by_hand(fake: FakeApiServer) -> None:
    """A resource lists and watches without a store."""

    async def main() -> None:
        created(fake, "a")
        async with aio.open_client(transport=fake.transport()) as client:
            pods = client.resource("v1", "pods")
            listing = await pods.list()
            options = trio_k8swatch.ListOptions(resource_version=listing.resource_version)
            async with pods.watch(options) as events:
                created(fake, "b")
                event = await anext(events)

            assert [obj.metadata.name for obj in listing.items] == ["a"]
            assert isinstance(event, trio_k8swatch.Added)
            assert b"gitVersion" in await client.get("/version")
            assert "pods" in repr(pods)

    run(main)


def test_two_watches_and_two_clients_share_one_run(fake: FakeApiServer) -> None:
    """They come and go independently, and the last one out ends the run."""

    async def main() -> None:
        other = FakeApiServer()
        created(other, "elsewhere")
        async with watching(fake) as first:
            async with watching(other) as second:
                assert len(second) == 1
            created(fake, "a")
            await first.wait_for(lambda obj: obj.metadata.name == "a")

    run(main)


def test_cancelling_a_task_cancels_what_it_waits_for(fake: FakeApiServer) -> None:
    """A time limit of asyncio ends the wait in trio, and the store goes on."""

    async def main() -> None:
        ended = []

        async def forever() -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(True)

        async with watching(fake) as store:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await store.wait_for(lambda _: False)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await store._guest.run(forever)
            assert ended == [True]
            created(fake, "a")
            await store.wait_until(lambda now: len(now) == 1)

    run(main)


def test_a_failing_watch_cancels_the_block_and_is_raised(fake: FakeApiServer) -> None:
    """The handler's own exception, as it was raised, out of `open_watch`; the task itself is not cancelled after it."""

    class Broken(Exception):
        pass

    error = Broken("by the handler")

    def add(obj: object, preexisting: bool) -> None:
        raise error

    async def main() -> None:
        with pytest.raises(Broken) as caught:
            async with watching(fake, handlers=HandlerFuncs(add=add)):
                created(fake, "a")
                await asyncio.sleep(5)

        assert caught.value is error
        await asyncio.sleep(0)

    run(main)


def test_a_failure_of_the_start_is_raised(fake: FakeApiServer) -> None:
    """No rights: the error comes out of `open_watch`, before the block."""
    fake.faults.forbidden()

    async def main() -> None:
        with pytest.raises(trio_k8swatch.Forbidden):
            async with watching(fake):
                pytest.fail("the block must not begin")

    run(main)


def test_an_error_of_the_block_leaves_as_it_is(fake: FakeApiServer) -> None:
    """Not in a group, and the watch is ended by it."""

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            async with watching(fake):
                raise ZeroDivisionError

    run(main)


def test_cancellation_from_outside_leaves_nothing(fake: FakeApiServer) -> None:
    """Cancelled at every one of its first steps, a program with a watch leaves no task and no trio run."""

    async def program() -> None:
        async with watching(fake) as store:
            await store.relist()
            await asyncio.sleep(5)

    async def main() -> None:
        for steps in range(40):
            task = asyncio.create_task(program())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_stop_and_relist_by_a_handler(fake: FakeApiServer) -> None:
    """Plain calls of the store work in handlers."""

    async def main() -> None:
        stores: list[aio.Store[Any]] = []

        def add(obj: object, preexisting: bool) -> None:
            for store in stores:
                store.request_relist()
                store.stop()

        async with watching(fake, handlers=HandlerFuncs(add=add)) as store:
            stores.append(store)
            created(fake, "a")
            with pytest.raises(WatchStopped):
                await store.wait_until(lambda now: len(now) == 2)

    run(main)


def test_a_trio_program_is_sent_to_the_trio_library(fake: FakeApiServer) -> None:
    """One line that says what to use, in both directions."""

    async def in_trio() -> None:
        asyncio_open = aio.open_client(transport=fake.transport())
        with pytest.raises(RuntimeError):
            async with asyncio_open:
                pass

    trio.run(in_trio)

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"trio_k8swatch\.aio"):
            async with trio_k8swatch.open_client(transport=fake.transport()):
                pass

    run(main)


def test_an_asyncio_loop_inside_a_foreign_trio_run_is_refused(fake: FakeApiServer) -> None:
    """Trio can only be a guest once in a thread."""

    async def main() -> None:
        ended = asyncio.get_running_loop().create_future()
        trio.lowlevel.start_guest_run(
            trio.sleep,
            0.05,
            run_sync_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            done_callback=ended.set_result,
            host_uses_signal_set_wakeup_fd=True,
        )
        with pytest.raises(RuntimeError, match="runs trio already"):
            async with aio.open_client(transport=fake.transport()):
                pass
        await ended

    run(main)


PROGRAM = """
import asyncio, sys
from trio_k8swatch import aio
from trio_k8swatch.testing import FakeApiServer

async def main():
    async with aio.open_client(transport=FakeApiServer().transport()) as client:
        async with aio.open_watch(client.resource("v1", "pods")):
            print("watching", flush=True)
            await asyncio.sleep(30)
"""


def test_ctrl_c_ends_the_program() -> None:
    """As any asyncio program: KeyboardInterrupt, after everything was closed, at once."""
    code = PROGRAM + "asyncio.run(main())\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"watching\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)

    assert process.returncode != 0
    assert errors.rstrip().endswith(b"KeyboardInterrupt")
    assert b"abandoned" not in errors


def test_a_loop_that_is_closed_under_it_does_not_hang() -> None:
    """Whoever closes a loop with tasks in it abandons them; the process still ends by itself."""
    code = PROGRAM + (
        "loop = asyncio.new_event_loop()\n"
        "task = loop.create_task(main())\n"
        "loop.run_until_complete(asyncio.sleep(0.3))\n"
        "loop.close()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=False)

    assert ended.returncode == 0
    assert ended.stdout == b"watching\n"


def test_a_task_writes_with_every_verb(fake: FakeApiServer) -> None:
    """Answers and errors are those of the trio client."""

    async def main() -> None:
        async with aio.open_client(transport=fake.transport()) as client:
            maps = client.resource("v1", "configmaps", namespace="default")
            created = await maps.create({"metadata": {"name": "a"}, "data": {"x": "1"}})
            assert (await maps.update("a", lambda obj: obj["data"].update(y="2")))["data"] == {"x": "1", "y": "2"}
            with pytest.raises(Conflict):
                await maps.replace(created)
            assert (await maps.replace({**(await maps.get("a")).to_dict(), "data": {}})).get("data") is None
            assert (await maps.patch("a", {"data": {"x": "3"}}))["data"] == {"x": "3"}
            other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}
            assert (await maps.apply(other, field_manager="m")).metadata.name == "b"
            await maps.add_finalizer(created, "example.com/x")
            assert (kept := await maps.delete("a")) is not None
            assert kept.metadata.finalizers == ("example.com/x",)
            await maps.remove_finalizer(created, "example.com/x")
            with pytest.raises(NotFound):
                await maps.get("a")
            assert [obj.metadata.name for obj in await maps.delete_all()] == ["b"]
            with pytest.raises(NotFound):
                await maps.subresource("status").get("a")

    run(main)


def test_a_task_reads_what_it_wrote(fake: FakeApiServer) -> None:
    """The store shows the write, and then that it is gone."""

    async def main() -> None:
        async with aio.open_client(transport=fake.transport()) as client:
            maps = client.resource("v1", "configmaps", namespace="default")
            async with aio.open_watch(maps) as store:
                written = await maps.create({"metadata": {"name": "a"}})
                await store.at_least(written.metadata.resource_version)
                assert written.metadata.uid in {obj.metadata.uid for obj in store}
                await maps.delete("a")
                await store.gone(written.metadata.uid)
                assert len(store) == 0

    run(main)


def test_a_cancelled_write_is_abandoned(fake: FakeApiServer) -> None:
    """What the task waited for is cancelled in trio, and the client can go on."""

    async def main() -> None:
        async with aio.open_client(transport=fake.transport()) as client:
            maps = client.resource("v1", "configmaps", namespace="default")
            fake.faults.hang(times=1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await maps.create({"metadata": {"name": "a"}})
            assert (await maps.create({"metadata": {"name": "b"}})).metadata.name == "b"

    run(main)


@pytest.mark.parametrize("name", ["ApiClient", "IndexedStore", "Listener", "RelistTicket", "Resource", "Store"])
def test_everything_that_the_trio_library_has(name: str) -> None:
    """Nobody has to learn two libraries."""
    public = {attribute for attribute in dir(getattr(trio_k8swatch, name)) if not attribute.startswith("_")}
    inside = {
        "settle",
        "call",
        "read",
        "stream",
        "ask",
        "admitted",
        "next_attempt_at",
        "prefers_streaming_lists",
        "has_new_credentials",
    }
    # `each` runs trio tasks, so it belongs to trio programs.
    inside |= {"each", "page", "metadata"}

    assert public - inside - {*dir(getattr(aio, name))} == set()


def test_the_page_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    """The example in docs/asyncio.md runs and prints what the page shows."""
    shown = 0
    with served(small_cluster) as server, current_context(server):
        for block in blocks((ROOT / "docs" / "asyncio.md").read_text()):
            if block.language == "python" and block.note.startswith("not run"):
                exec(block.text, {})
            elif block.note == "shows":
                assert capsys.readouterr().out == block.text
                shown += 1
    assert shown == 1


def small_cluster() -> FakeApiServer:
    cluster = FakeApiServer()
    for number in range(3):
        cluster.create(pod(f"web-{number}"))
    return cluster


def test_handlers_run_within_steps_of_the_loop(fake: FakeApiServer) -> None:
    """A handler runs within the steps that the read itself takes: no thread, no poll."""

    async def main() -> None:
        arrived: asyncio.Queue[str] = asyncio.Queue()
        handlers = HandlerFuncs[Any](add=lambda obj, _: arrived.put_nowait(obj.metadata.name))
        async with watching(fake, handlers=handlers, config=WatchConfig()):
            for number in range(20):
                created(fake, f"pod-{number}")
                assert await arrived.get() == f"pod-{number}"

    run(main)
