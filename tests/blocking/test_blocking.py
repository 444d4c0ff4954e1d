"""The same store for threads and scripts (issue 3), against the fake API server on a socket, in another thread."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from blocking_cluster import Server, current_context, served
from docs.pages import blocks, small_cluster

import trio_k8swatch
from trio_k8swatch import (
    ApiError,
    Change,
    ConfigError,
    Gone,
    HandlerFuncs,
    KeyIndex,
    ListOptions,
    Met,
    NameIndex,
    NotFound,
    ObjectMeta,
    StaleError,
    State,
    Unavailable,
    WatchConfig,
    WatchStopped,
    blocking,
)
from trio_k8swatch.blocking import ApiClient, IndexedStore, Store, open_client, open_watch
from trio_k8swatch.blocking._loop import Loop

PATIENCE_SECONDS = 10.0
"""For what should happen at once; only ever waited out by a test that fails."""


@pytest.fixture
def server() -> Iterator[Server]:
    with served() as server:
        for name in ("web-0", "web-1"):
            server.create(name)
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[ApiClient]:
    with open_client(base_url=server.url) as client:
        yield client


@pytest.fixture
def store(client: ApiClient) -> Iterator[Store[Any]]:
    with watch_pods(client) as store:
        yield store


def watch_pods(client: ApiClient, **options: Any) -> Any:
    return open_watch(client.resource("v1", "pods", namespace="default"), **options)


def names(objects: Any) -> list[str]:
    return [obj.metadata.name for obj in objects]


def tasks(loop: Loop) -> int:
    return loop.run(lambda: trio.lowlevel.current_statistics().tasks_living)


def never(_: object) -> bool:
    return False


def in_thread(f: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Call `f` in another thread; what it returns or raises is the one element of the list."""
    results: list[object] = []

    def call() -> None:
        try:
            results.append(f())
        except Exception as error:  # noqa: BLE001 - it is what the test wants to see
            results.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    return thread, results


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


# Reading


def test_the_store_is_full_when_the_block_begins_and_frozen_after_it(server: Server) -> None:
    """As in the async store, reads go on for ever."""
    with open_client(base_url=server.url) as client, watch_pods(client) as store:
        assert names(store) == ["web-0", "web-1"]
        assert store.health.state is State.LIVE
        assert not store.stopped
        uid = store.items()[0].metadata.uid
    assert names(store.items()) == ["web-0", "web-1"]
    assert uid in store
    assert store.get(uid) in store
    assert len(store) == 2
    assert store.stopped
    assert store.health.state is State.STOPPED
    assert store.health.staleness < PATIENCE_SECONDS
    with pytest.raises(StaleError):
        store.require_fresh(3600)


def test_fresh_enough(store: Store[Any]) -> None:
    """A store that was just listed is; not so for someone who accepts no age at all."""
    store.require_fresh(PATIENCE_SECONDS)
    with pytest.raises(StaleError):
        store.require_fresh(-1)


def test_it_follows_the_cluster(server: Server, store: Store[Any]) -> None:
    """What is written on the server is in the store once one has waited for it."""
    created = server.create("web-2")
    store.at_least(created["metadata"]["resourceVersion"], timeout=PATIENCE_SECONDS)
    assert store.get(created["metadata"]["uid"]).metadata.name == "web-2"
    server.delete("web-0")
    store.wait_until(lambda store: len(store) == 2, timeout=PATIENCE_SECONDS)
    assert names(store) == ["web-1", "web-2"]


def test_locked_holds_the_picture_still(server: Server, store: Store[Any]) -> None:
    """While writes go on, all reads in the block agree, those of indexes too; then the store catches up."""
    indexed = IndexedStore(store, NameIndex[Any]())
    before = store.resource_version
    with store.locked():
        created = server.create("web-2")
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            assert names(store) == ["web-0", "web-1"]
            assert indexed.index.get("default", "web-2") is None
            assert store.resource_version == before
            time.sleep(0.01)
    store.at_least(created["metadata"]["resourceVersion"], timeout=PATIENCE_SECONDS)
    assert indexed.index.get("default", "web-2") is not None


def test_readers_in_threads_see_objects_and_indexes_agree(server: Server, store: Store[Any]) -> None:
    """Four threads read under `locked()` as fast as they can while pods come and go."""
    indexed = IndexedStore(store, KeyIndex(lambda pod: "all"))
    done = threading.Event()

    def read() -> int:
        reads = 0
        while not done.is_set():
            with store.locked():
                assert [id(obj) for obj in store] == [id(obj) for obj in indexed.index.get("all")]
            assert len(indexed.get_indexed(lambda index: index.get("all"))) >= 2
            reads += 1
        return reads

    readers = [in_thread(read) for _ in range(4)]
    for number in range(30):
        server.create(f"job-{number}")
        if number % 2:
            server.delete(f"job-{number}")
    store.wait_until(lambda store: len(store) == 17, timeout=PATIENCE_SECONDS)
    done.set()
    for thread, results in readers:
        thread.join()
        assert isinstance(results[0], int), results
        assert results[0] > 0


# Waiting


WAITS: dict[str, Callable[[Store[Any]], object]] = {
    "wait_until": lambda store: store.wait_until(never, timeout=0.01),
    "wait_for": lambda store: store.wait_for(never, timeout=0.01),
    "wait_for one": lambda store: store.wait_for(never, uid=store.items()[0].metadata.uid, timeout=0.01),
    "relist": lambda store: store.relist(timeout=0.01),
    "ticket": lambda store: store.request_relist().wait(timeout=0.01),
    "at_least": lambda store: store.at_least("999999", timeout=0.01),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
def test_a_wait_that_takes_too_long(
    server: Server, client: ApiClient, store: Store[Any], wait: Callable[[Store[Any]], object]
) -> None:
    """TimeoutError, nothing is left in the loop, and the store goes on."""
    uid = store.items()[0].metadata.uid
    before = tasks(client.resource("v1", "pods").loop)
    with server.fault("slow_list", seconds=0.3):
        with pytest.raises(TimeoutError, match=r"^it did not happen within 0\.01 s$"):
            wait(store)
    assert uid in store
    server.create("web-2")
    store.wait_until(lambda store: len(store) == 3, timeout=PATIENCE_SECONDS)
    # A list that was asked for goes on without whoever asked, in tasks of its own.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while tasks(client.resource("v1", "pods").loop) != before:
        assert time.monotonic() < deadline, "the wait has left a task behind"
        time.sleep(0.01)


def test_waiting_for_an_object(server: Server, store: Store[Any]) -> None:
    """Met when the condition holds, Gone when the object is deleted."""
    uid = store.items()[0].metadata.uid
    thread, results = in_thread(
        lambda: store.wait_for(lambda pod: "ready" in pod.metadata.labels, uid=uid, timeout=PATIENCE_SECONDS)
    )
    server.label("web-0", ready="yes")
    thread.join()
    met = results[0]
    assert isinstance(met, Met)
    assert met.object.metadata.labels == {"ready": "yes"}
    server.delete("web-0")
    assert isinstance(store.wait_for(never, uid=uid, timeout=PATIENCE_SECONDS), Gone)


def test_listener(server: Server, store: Store[Any]) -> None:
    """It returns after each change, loses none to a timeout, and says when its object went."""
    listener = store.listen(store.items()[0].metadata.uid)
    assert listener is not None
    with pytest.raises(TimeoutError):
        listener.wait(timeout=0.01)
    changed = server.label("web-0", ready="yes")
    store.at_least(changed["metadata"]["resourceVersion"], timeout=PATIENCE_SECONDS)
    listener.wait(timeout=PATIENCE_SECONDS)
    assert not listener.deleted
    server.delete("web-0")
    listener.wait(timeout=PATIENCE_SECONDS)
    assert listener.deleted
    assert store.listen("no such uid") is None


def test_relist_and_nop_update(client: ApiClient) -> None:
    """A relist returns after a list; a nop update calls the handler, in the watch's thread."""
    calls: list[tuple[str, int]] = []
    handlers = HandlerFuncs(update=lambda _, new: calls.append((new["metadata"]["name"], threading.get_ident())))
    with open_watch(client.resource("v1", "pods", type=dict), handlers=handlers) as store:
        listed = store.health.last_list_at
        store.relist(timeout=PATIENCE_SECONDS)
        assert store.health.last_list_at > listed
        assert store.nop_update(store.items()[0]["metadata"]["uid"])
        assert not store.nop_update("no such uid")
    assert [name for name, _ in calls] == ["web-0"]
    assert calls[0][1] != threading.get_ident()


def test_nobody_waits_for_a_watch_that_has_ended(client: ApiClient) -> None:
    """Threads that wait when the block ends get `WatchStopped`, as do those who come later."""
    with watch_pods(client) as store:
        waiting = [in_thread(lambda: store.wait_until(never)), in_thread(lambda: store.wait_for(never))]
        listener = store.listen(store.items()[0].metadata.uid)
        assert listener is not None
        waiting.append(in_thread(listener.wait))
        time.sleep(0.05)
    for thread, results in waiting:
        thread.join(PATIENCE_SECONDS)
        assert isinstance(results[0], WatchStopped), results
    for wait in (store.relist, lambda: store.wait_until(never), store.request_relist().wait):
        with pytest.raises(WatchStopped):
            wait()


def test_the_loop_ends_under_those_who_wait(server: Server) -> None:
    """When the client's block ends, too: what waits is cancelled, and says why."""
    with open_client(base_url=server.url) as client:
        pods = client.resource("v1", "pods")
        thread, results = in_thread(lambda: pods.loop.wait(trio.sleep_forever))
        assert eventually(lambda: tasks(pods.loop) > 3)
    thread.join(PATIENCE_SECONDS)
    assert isinstance(results[0], WatchStopped)
    for wait in (pods.list, lambda: client.get("/version")):
        with pytest.raises(WatchStopped, match="and the thread that it ran in"):
            wait()


def test_a_later_thread_is_not_taken_for_the_loop(server: Server) -> None:
    """The system gives the numbers of threads that have ended to new ones."""
    with open_client(base_url=server.url) as client, watch_pods(client) as store:
        pass
    for _ in range(5):
        thread, results = in_thread(store.relist)
        thread.join(PATIENCE_SECONDS)
        assert isinstance(results[0], WatchStopped), results


def test_stop(store: Store[Any]) -> None:
    """The block goes on, with a frozen store."""
    store.stop()
    assert eventually(lambda: store.stopped)
    store.stop()
    assert len(store) == 2
    with pytest.raises(WatchStopped):
        store.wait_until(never)


REFUSED: dict[str, Callable[[Store[Any]], object]] = {
    "relist": lambda store: store.relist(),
    "nop_update": lambda store: store.nop_update("uid"),
    "wait_until": lambda store: store.wait_until(never),
    "wait_for": lambda store: store.wait_for(never),
    "at_least": lambda store: store.at_least("1"),
    "locked": lambda store: store.locked().__enter__(),
    "subscribe": lambda store: store.subscribe().__enter__(),
    "with_index": lambda store: IndexedStore(store, NameIndex[Any]()).with_index(print),
    "get_indexed": lambda store: IndexedStore(store, NameIndex[Any]()).get_indexed(len),
    "list_indexed": lambda store: IndexedStore(store, NameIndex[Any]()).list_indexed(lambda _: ()),
}


@pytest.mark.parametrize("wait", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_wait_for_ever_is_refused(store: Store[Any], wait: Callable[[Store[Any]], object]) -> None:
    """Within `locked()`, in the thread that holds it; another thread may wait for its turn."""
    with store.locked():
        with pytest.raises(RuntimeError, match=r"^the store does not change within locked\(\)"):
            wait(store)
        thread, results = in_thread(lambda: store.nop_update("no such uid"))
        assert not results
        store.health, store.request_relist(), store.stop()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_handlers_read_but_do_not_wait(server: Server, client: ApiClient) -> None:
    """A handler that waits for its own watch would hang it: it gets RuntimeError, and that ends the watch."""
    seen: list[object] = []

    def update(_: object, new: Any) -> None:
        seen.append((new in store, len(store), store.health.state, store.failing))
        store.relist()

    opened = watch_pods(client, handlers=HandlerFuncs(update=update))
    with pytest.raises(RuntimeError, match="cannot wait for it there"), opened as store:
        break_the_watch(server, store)
    assert seen == [(True, 2, State.LIVE, False)]


# Subscriptions


def test_changes_come_in_order_and_end_with_the_watch(server: Server, client: ApiClient) -> None:
    """First what is there, then what happens, in a thread of its own; then the loop ends by itself."""
    with watch_pods(client) as store:

        def follow() -> list[tuple[str, str]]:
            with store.subscribe(policy="block") as changes:
                return [(change.type, change.object.metadata.name) for change in changes]

        thread, results = in_thread(follow)
        created = server.create("web-2")
        server.label("web-2", ready="yes")
        store.at_least(created["metadata"]["resourceVersion"], timeout=PATIENCE_SECONDS)
        server.delete("web-2")
        store.wait_until(lambda store: len(store) == 2, timeout=PATIENCE_SECONDS)
        time.sleep(0.05)
    thread.join(PATIENCE_SECONDS)
    assert results == [
        [
            ("ADDED", "web-0"),
            ("ADDED", "web-1"),
            ("ADDED", "web-2"),
            ("MODIFIED", "web-2"),
            # Deleting sets a field first.
            *([("MODIFIED", "web-2")] if len(results[0]) == 6 else []),  # type: ignore[arg-type]
            ("DELETED", "web-2"),
        ]
    ]


def test_many_changes_are_fetched_together_and_none_is_lost(server: Server, store: Store[Any]) -> None:
    """Timeouts between them do no harm either."""
    with store.subscribe() as changes:
        for number in range(250):
            server.create(f"job-{number}")
        got: list[Change[Any]] = []
        timeouts = 0
        until = time.monotonic() + PATIENCE_SECONDS
        while len(got) < 252 and time.monotonic() < until:
            try:
                change = changes.next(timeout=0.0005)
            except TimeoutError:
                timeouts += 1
            else:
                assert change is not None
                got.append(change)
    assert names(change.object for change in got) == ["web-0", "web-1", *(f"job-{number}" for number in range(250))]
    assert changes.next() is None


def test_a_subscription_of_a_watch_that_has_ended(server: Server) -> None:
    """What was there is handed out, then it ends; when the loop is over as well, there is nothing."""
    with open_client(base_url=server.url) as client, watch_pods(client) as store:
        store.stop()
        assert eventually(lambda: store.stopped)
        with store.subscribe() as changes:
            assert names(change.object for change in changes) == ["web-0", "web-1"]
    assert changes.next() is None
    with pytest.raises(WatchStopped), store.subscribe():
        pytest.fail("the block must not begin")


# Indexes


def test_an_index_is_kept_until_it_is_closed(server: Server, store: Store[Any]) -> None:
    """It is exact while it is in, and stays as it is after."""
    with IndexedStore(store, NameIndex[Any]()) as indexed:
        assert len(indexed.index) == 2
        server.create("web-2")
        indexed.wait_until(lambda store: len(store) == 3, timeout=PATIENCE_SECONDS)
        assert indexed.get_indexed(lambda index: index.get("default", "web-2")) in store
        assert names(indexed.list_indexed(lambda index: [index.get("default", "web-0")])) == ["web-0"]
        lengths: list[int] = []
        indexed.with_index(lambda index: lengths.append(len(index)))
        assert lengths == [3]
    indexed.close()
    server.create("web-3")
    store.wait_until(lambda store: len(store) == 4, timeout=PATIENCE_SECONDS)
    assert len(indexed.index) == 3


def test_an_index_nobody_has_is_taken_out(server: Server, store: Store[Any]) -> None:
    """By the loop, whatever thread collects the garbage."""
    index = NameIndex[Any]()
    indexed = IndexedStore(store, index)
    assert len(indexed) == 2
    del indexed
    gc.collect()
    server.create("web-2")
    store.wait_until(lambda store: len(store) == 3, timeout=PATIENCE_SECONDS)
    assert len(index) == 2


def test_an_index_of_a_frozen_store(server: Server) -> None:
    """It is filled and can be read when the watch and its thread are long gone."""
    with open_client(base_url=server.url) as client, watch_pods(client) as store:
        early = IndexedStore(store, NameIndex[Any]())
    late = IndexedStore(store, NameIndex[Any]())
    assert late.index.get("default", "web-0") is early.index.get("default", "web-0") is store.items()[0]
    late.close()
    del early, late
    gc.collect()


# Errors


def test_what_keeps_it_from_beginning_is_raised_as_it_is(client: ApiClient) -> None:
    """No such resource, no list of options that the watch decides about."""
    with pytest.raises(NotFound), open_watch(client.resource("example.com/v1", "pots")):
        pytest.fail("the block must not begin")
    with pytest.raises(ConfigError), watch_pods(client, list_options=ListOptions(resource_version="1")):
        pytest.fail("the block must not begin")


def test_nobody_is_there() -> None:
    """The port is closed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with open_client(base_url=url) as client, pytest.raises(Unavailable), watch_pods(client):
            pytest.fail("the block must not begin")


def test_nobody_answers() -> None:
    """The opening can be limited in time, and leaves no task behind."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with open_client(base_url=url) as client:
            loop = client.resource("v1", "pods").loop
            before = tasks(loop)
            limit = pytest.raises(TimeoutError, match=r"^it did not begin within 0\.05 s$")
            with limit, watch_pods(client, timeout=0.05):
                pytest.fail("the block must not begin")
            assert eventually(lambda: tasks(loop) == before)


class Broken(Exception):
    pass


def broken_handlers() -> HandlerFuncs[Any]:
    def update(_: object, __: object) -> None:
        raise Broken("the handler's bug")

    return HandlerFuncs(update=update)


def break_the_watch(server: Server, store: Store[Any]) -> None:
    server.label("web-0", ready="yes")
    assert eventually(lambda: store.stopped)


def test_a_watch_that_fails_is_raised_at_the_end_of_the_block(server: Server, client: ApiClient) -> None:
    """The error of a handler, as itself and not in a group."""
    with pytest.raises(Broken) as caught, watch_pods(client, handlers=broken_handlers()) as store:
        break_the_watch(server, store)
        assert len(store) == 2
    assert str(caught.value) == "the handler's bug"
    assert caught.value.__cause__ is None


def test_who_waited_for_it_learns_what_it_was(server: Server, client: ApiClient) -> None:
    """`WatchStopped` inside, the reason outside."""
    with pytest.raises(Broken) as caught, watch_pods(client, handlers=broken_handlers()) as store:
        break_the_watch(server, store)
        with pytest.raises(WatchStopped, match="Broken: the handler's bug"):
            store.relist()
        store.wait_until(never)
    assert isinstance(caught.value.__context__, WatchStopped)


def test_two_errors_leave_as_a_group(server: Server, client: ApiClient) -> None:
    """When the block has one of its own."""
    opened = watch_pods(client, handlers=broken_handlers())
    with pytest.raises(ExceptionGroup) as caught, opened as store:
        break_the_watch(server, store)
        raise LookupError("the block's own")
    assert [type(error) for error in caught.value.exceptions] == [LookupError, Broken]


def test_an_error_of_the_block_leaves_as_it_is(client: ApiClient) -> None:
    """Through both blocks, and the store is frozen."""
    error = LookupError("the block's own")
    with pytest.raises(LookupError) as caught, watch_pods(client) as store:
        raise error
    assert caught.value is error
    assert caught.value.__context__ is None
    assert store.stopped


def test_an_interrupt_wins(server: Server, client: ApiClient) -> None:
    """Whoever pressed Ctrl-C does not want to read about the watch."""
    opened = watch_pods(client, handlers=broken_handlers())
    with pytest.raises(KeyboardInterrupt), opened as store:
        break_the_watch(server, store)
        raise KeyboardInterrupt


def test_a_failure_that_is_not_to_be_retried(server: Server, client: ApiClient) -> None:
    """A policy of None: the failure comes out, as itself."""
    opened = watch_pods(client, config=WatchConfig(retry_relist_after=None))
    with pytest.raises(ApiError) as caught, opened as store, server.fault("unavailable"):
        store.relist(timeout=PATIENCE_SECONDS)
    assert caught.value.status.code == 503


# Lists, single watches, other clients


def test_a_list_and_a_get(client: ApiClient) -> None:
    """With time limits, and the types that were asked for."""
    pods = client.resource("v1", "pods", type=dict)
    listing = pods.list(ListOptions(page_size=1), timeout=PATIENCE_SECONDS)
    assert [obj["metadata"]["name"] for obj in listing.items] == ["web-0", "web-1"]
    assert b"gitVersion" in client.get("/version", timeout=PATIENCE_SECONDS)
    assert pods.type is dict
    assert repr(pods) == "<Resource pods (v1) in all namespaces>"
    with pytest.raises(NotFound):
        client.get("/no/such/path")


def test_one_watch_request(server: Server, client: ApiClient) -> None:
    """Events as they come, until one has enough."""
    pods = client.resource("v1", "pods")
    version = pods.list().metadata.resource_version
    with pods.watch(ListOptions(resource_version=version)) as events:
        with pytest.raises(TimeoutError):
            events.next(timeout=0.01)
        server.create("web-2")
        server.create("web-3")
        event = events.next(timeout=PATIENCE_SECONDS)
        assert isinstance(event, trio_k8swatch.Added)
        assert event.object.metadata.name == "web-2"
        assert next(events).type == "ADDED"


def test_a_foreign_client() -> None:
    """Anyone's async client gets a thread of its own; `Accessors` and types as for the async watch."""

    class Foreign:
        async def list(self, _: ListOptions) -> dict[str, Any]:
            meta = ObjectMeta(name="a", uid="1", resource_version="5")
            return {"metadata": {"resourceVersion": "5"}, "items": [{"metadata": meta}]}

        @asynccontextmanager
        async def watch(self, _: ListOptions) -> Any:
            send, receive = trio.open_memory_channel[Any](1)
            async with send, receive:
                meta = ObjectMeta(name="b", uid="2", resource_version="6")
                await send.send(("ADDED", {"metadata": meta}))
                yield receive

    before = threading.active_count()
    with open_watch(Foreign(), accessors=_accessors(), timeout=PATIENCE_SECONDS) as store:
        store.wait_until(lambda store: len(store) == 2, timeout=PATIENCE_SECONDS)
        assert "2" in store
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def _accessors() -> trio_k8swatch.Accessors[Any]:
    return trio_k8swatch.Accessors(
        items=lambda listing: listing["items"],
        resource_version=lambda listing: listing["metadata"]["resourceVersion"],
        metadata=lambda obj: obj["metadata"],
    )


def test_the_page_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    """The examples in docs/blocking.md run, one after the other, and print what the page shows."""
    page = (Path(__file__).parents[2] / "docs" / "blocking.md").read_text()
    names: dict[str, Any] = {}
    shown = 0
    with served(small_cluster) as server, current_context(server):
        for block in blocks(page):
            if block.language == "python":
                exec(block.text, names)
            elif block.note == "shows":
                assert capsys.readouterr().out == block.text, block.line
                shown += 1
    assert shown >= 5


async def test_not_in_a_trio_program() -> None:
    """It would hold up the loop that it is called in, and says what to do."""
    with pytest.raises(RuntimeError, match="use trio_k8swatch here, or call this in another thread"), open_client():
        pytest.fail("the block must not begin")


def test_nor_later(store: Store[Any]) -> None:
    """A store that is handed to a trio program can be read there, and not waited for."""

    async def main() -> int:
        with pytest.raises(RuntimeError, match="would hold up the trio loop of this thread"):
            store.relist()
        return len(store)

    assert trio.run(main) == 2


def test_everything_the_async_store_has() -> None:
    """So that nobody has to learn two libraries."""
    for theirs, ours in (
        (trio_k8swatch.Store, Store),
        (trio_k8swatch.IndexedStore, IndexedStore),
        (trio_k8swatch.Listener, blocking.Listener),
        (trio_k8swatch.RelistTicket, blocking.RelistTicket),
    ):
        public = {name for name in dir(theirs) if not name.startswith("_")} - {
            "settle",
            "tell",
            "stop_listening",
            "each",
        }
        assert public - set(dir(ours)) == set()


# Threads and Ctrl-C


def test_nothing_is_left(server: Server) -> None:
    """One thread more in the block, no daemon, and none after it; the server sees no request any more."""
    before = set(threading.enumerate())
    with open_client(base_url=server.url) as client, watch_pods(client) as one, watch_pods(client) as two:
        during = set(threading.enumerate()) - before
        assert len(during) == 1
        assert not any(thread.daemon for thread in during)
        assert names(one) == names(two)
    assert set(threading.enumerate()) == before
    assert eventually(lambda: server.open_watches == 0)


def test_an_interrupted_wait_is_cancelled_and_the_store_goes_on(
    server: Server, client: ApiClient, store: Store[Any]
) -> None:
    """Ctrl-C in a wait: KeyboardInterrupt, and whoever catches it can go on."""
    loop = client.resource("v1", "pods").loop
    before = tasks(loop)

    def interrupt() -> None:
        assert eventually(lambda: tasks(loop) > before)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread, results = in_thread(interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.wait_until(never, timeout=6 * PATIENCE_SECONDS)
    thread.join()
    assert results == [None]
    assert eventually(lambda: tasks(loop) == before)
    server.create("web-2")
    store.wait_until(lambda store: len(store) == 3, timeout=PATIENCE_SECONDS)


PROGRAM = """
import sys, threading, time
from trio_k8swatch.blocking import open_client, open_watch
from trio_k8swatch import HandlerFuncs

with open_client(base_url=sys.argv[1]) as client:
    {body}
"""

BODIES = {
    "following changes": """
    with open_watch(client.resource("v1", "pods")) as store, store.subscribe() as changes:
        for change in changes:
            print(change.object.metadata.name, flush=True)
""",
    "waiting for a condition": """
    with open_watch(client.resource("v1", "pods")) as store:
        print("web-1", flush=True)
        store.wait_until(lambda store: False)
""",
    "sleeping, with another thread in locked()": """
    with open_watch(client.resource("v1", "pods")) as store:
        def hold():
            with store.locked():
                time.sleep(0.5)
        threading.Thread(target=hold).start()
        print("web-1", flush=True)
        time.sleep(60)
""",
    "waiting, with another thread that follows changes": """
    with open_watch(client.resource("v1", "pods")) as store:
        def follow():
            with store.subscribe() as changes:
                for change in changes:
                    print(change.object.metadata.name, flush=True)
        threading.Thread(target=follow).start()
        store.wait_until(lambda store: False)
""",
}


def interrupted(server: Server, body: str, *, signals: int = 1) -> tuple[int, str, float]:
    """Run a program, send it SIGINT when it has printed web-1: its return code, its stderr, the seconds that it took."""
    program = PROGRAM.format(body=textwrap.dedent(body).strip().replace("\n", "\n    "))
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(trio_k8swatch.__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "web-1\n":
                break
        began = time.monotonic()
        for _ in range(signals):
            time.sleep(0.1)  # so that it waits; any moment must do, but that is the one meant
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, errors, time.monotonic() - began


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_ctrl_c_ends_a_program(server: Server, body: str) -> None:
    """A real SIGINT: at once, with the traceback of KeyboardInterrupt alone, no thread and no connection is left."""
    code, errors, seconds = interrupted(server, body)
    assert code == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert errors.count("Traceback") == 1
    assert "Warning" not in errors
    assert seconds < 5
    assert eventually(lambda: server.open_watches == 0)


def test_ctrl_c_before_the_first_answer(server: Server) -> None:
    """A server that accepts and says nothing holds up nobody."""
    with server.fault("hang"):
        code, errors, seconds = interrupted(
            server,
            """
            print("web-1", flush=True)
            with open_watch(client.resource("v1", "pods")) as store:
                print("never")
            """,
        )
    assert code == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert seconds < 5


def test_ctrl_c_again_and_again(server: Server) -> None:
    """While a handler is busy the end has to wait for it; impatience breaks nothing."""
    code, errors, seconds = interrupted(
        server,
        """
        def nap(obj, preexisting):
            print("web-1", flush=True)
            time.sleep(1)
        with open_watch(client.resource("v1", "pods"), handlers=HandlerFuncs(add=nap)) as store:
            store.wait_until(lambda store: False)
        """,
        signals=3,
    )
    assert code == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert seconds < 5
