"""F87, F89, F90: what users' handlers may do."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from faults.harness import Cluster, cluster, pod

from trio_k8swatch import (
    HandlerFuncs,
    IndexedStore,
    ListStrategy,
    NameIndex,
    ProtocolError,
    State,
    Unavailable,
    WatchConfig,
    WatchStopped,
    open_watch,
)


class Mishap(Exception):
    """What a user's code raises."""


def resource(it: Cluster):
    return it.client.resource("v1", "pods")


@pytest.mark.parametrize("what", ["add", "update", "delete"])
@pytest.mark.parametrize("error", [Mishap, KeyboardInterrupt, SystemExit])
async def test_F87_a_handler_raises(what, error, autojump_clock):
    """Its error leaves `open_watch` unchanged; store and indexes agree, and no handler is called afterwards."""
    told = []

    def fail(*_args):
        told.append(what)
        raise error("oh")

    async with cluster() as it:
        store = names = None
        with pytest.raises(error) as caught:
            async with open_watch(resource(it), handlers=HandlerFuncs(**{what: fail})) as store:
                names = IndexedStore(store, NameIndex())
                it.fake.create(pod("a"))
                it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
                it.fake.delete("pods", "a")
                await trio.sleep_forever()
        assert caught.value.__class__ is error
        assert told == [what]
        assert store is not None
        assert names is not None
        assert store.stopped
        assert len(names.index) == len(store)
        with pytest.raises(WatchStopped):
            await store.relist()


class Mine(Unavailable):
    """One of our errors, made otherwise than those."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@pytest.mark.parametrize("list_strategy", ["pages", "stream"])
@pytest.mark.parametrize("what", ["preexisting", "add", "update", "delete", "relisted"])
@pytest.mark.parametrize(
    "error", [Mine(7, "mine"), ProtocolError("mine"), Mishap("mine")], ids=lambda error: type(error).__name__
)
async def test_R10_a_handlers_error_leaves_as_it_was_raised(list_strategy, what, error, autojump_clock):
    """The same object, with its text, its cause and its context: also if it is of a class of ours, or of one made from it."""
    cause, context = ValueError("the reason"), KeyError("before")
    error.__cause__, error.__context__ = cause, context

    def fail():
        raise error

    handlers = HandlerFuncs(
        add=lambda obj, preexisting: fail() if what == "preexisting" or (what == "add" and not preexisting) else None,
        update=lambda old, new: fail() if what == "update" else None,
        delete=lambda obj, may_be_stale: fail() if what == "delete" or may_be_stale else None,
    )
    async with cluster() as it:
        it.fake.create(pod("a"))
        with pytest.raises(type(error)) as caught:
            config = WatchConfig(list_strategy=ListStrategy(list_strategy))
            async with open_watch(resource(it), handlers=handlers, config=config):
                if what == "relisted":
                    it.fake.faults.gone()
                elif what == "add":
                    it.fake.create(pod("b"))
                else:
                    it.fake.patch("pods", "a", {"status": {"phase": "Running"}})
                it.fake.delete("pods", "a")
                await trio.sleep_forever()
        assert caught.value is error
        assert error.__cause__ is cause
        assert error.__context__ is context
        assert str(error) == "mine"


async def test_F87_a_handler_raises_a_group(autojump_clock):
    """An exception group raised by a handler stays that group."""
    group = BaseExceptionGroup("mine", [Mishap("a"), Mishap("b")])

    def fail(*_args):
        raise group

    async with cluster() as it:
        it.fake.create(pod("a"))
        with pytest.raises(ExceptionGroup) as caught:
            async with open_watch(resource(it), handlers=HandlerFuncs(add=fail)):
                pass
        assert (caught.value.message, caught.value.exceptions) == (group.message, group.exceptions)


async def test_F87_a_handler_raises_during_a_relist(autojump_clock):
    """In the middle of a list: the store and the indexes have the complete list."""
    async with cluster() as it:
        it.fake.create(pod("a"))

        def fail(obj, stale):
            raise Mishap

        with pytest.raises(Mishap):
            async with open_watch(resource(it), handlers=HandlerFuncs(delete=fail)) as store:
                names = IndexedStore(store, NameIndex())
                it.fake.faults.gone()
                it.fake.delete("pods", "a")
                for n in range(5):
                    it.fake.create(pod(f"new-{n}"))
                await trio.sleep_forever()
        assert len(store) == len(names.index) == 5


async def test_F89_a_handler_calls_the_store(autojump_clock):
    """Inside a handler, plain calls work, and so do `request_relist()` and `stop()`; nothing deadlocks."""
    async with cluster() as it:
        store = None
        seen = []

        def add(obj, preexisting):
            if store is not None:
                seen.append((len(store), store.get(obj.metadata.uid) is obj, obj in store, len(store.items())))
                assert store.listen(obj.metadata.uid) is not None
                assert store.health.state is State.LIVE
                store.request_relist()
                if len(seen) == 2:
                    store.stop()

        with trio.fail_after(100):
            async with open_watch(resource(it), handlers=HandlerFuncs(add=add)) as store:
                it.fake.create(pod("a"))
                await trio.sleep(20)
                it.fake.create(pod("b"))
                it.fake.create(pod("c"))
                while not store.stopped:
                    await trio.sleep(1)
        assert seen == [(1, True, True, 1), (2, True, True, 2)]


async def test_F89_the_lock_is_not_taken_twice(autojump_clock):
    """Inside `locked()`, an async call that needs the lock raises instead of deadlocking."""
    async with cluster() as it:
        async with it.watch() as w:
            async with w.store.locked():
                with pytest.raises(RuntimeError):
                    await w.store.nop_update("x")


async def test_F90_a_handler_changes_the_object(autojump_clock):
    """Objects handed out are immutable, or copies."""
    async with cluster() as it:
        it.fake.create(pod("a"))
        async with it.watch() as w:
            obj = w.store.items()[0]
            with pytest.raises(AttributeError):
                obj.metadata.name = "b"
            with pytest.raises(AttributeError):
                obj.raw = b"{}"
            obj.to_dict()["metadata"]["name"] = "b"
            obj["spec"]["containers"].clear()
            w.store.items().clear()
