"""The door: what leaves `open_watch`, and what stays behind."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from core_helpers import ScriptedListWatcher, page, steady, thing
from trio.testing import MockClock

from trio_k8swatch import Accessors, HandlerFuncs, InitMode, ListOptions, ObjectMeta, Unavailable, open_watch
from trio_k8swatch._open import lone_exception

A = thing("a", 1)


def raising(*errors: BaseException) -> None:
    with lone_exception():
        raise BaseExceptionGroup("several", errors)


def test_a_lone_exception_leaves_as_itself() -> None:
    """With the context and the cause that it had."""
    context, error = KeyError(), ZeroDivisionError()
    error.__context__ = context
    with pytest.raises(ZeroDivisionError) as caught:
        raising(error)
    assert caught.value is error
    assert error.__context__ is context


def test_several_exceptions_stay_a_group() -> None:
    """Nothing is lost; what is no group is left alone."""
    with pytest.raises(ExceptionGroup) as caught:
        raising(ZeroDivisionError(), KeyError())
    assert len(caught.value.exceptions) == 2
    with pytest.raises(ZeroDivisionError), lone_exception():
        raise ZeroDivisionError
    with lone_exception():
        pass


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt(), ExceptionGroup("mine", [ValueError()])])
async def test_what_the_block_raises_leaves_as_it_is(error: BaseException, autojump_clock: MockClock) -> None:
    """A group of its own included."""
    source = ScriptedListWatcher(page(A, at=5))
    with pytest.raises(type(error)) as caught:
        async with open_watch(source):
            raise error
    # trio makes new groups of groups.
    assert caught.value is error or caught.value.exceptions == error.exceptions
    assert source.open_streams == 0


async def test_errors_of_the_block_and_of_the_watch_are_both_told(autojump_clock: MockClock) -> None:
    """As a group."""
    source = ScriptedListWatcher(page(A, at=5))
    with pytest.raises(ExceptionGroup) as caught:
        async with open_watch(source):
            source.stream.cut(ZeroDivisionError())
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError
    assert {type(error) for error in caught.value.exceptions} == {ZeroDivisionError, KeyError}


async def test_leaving_leaves_nothing(autojump_clock: MockClock) -> None:
    """Whether by the end, by cancellation, or in the middle of a list: no task, no stream, no wait."""
    before = trio.lowlevel.current_statistics().tasks_living
    for seconds in (0, 1, 5):
        source = ScriptedListWatcher(page(A, at=5), lambda _: trio.sleep_forever())
        with trio.move_on_after(2):
            async with open_watch(source, config=steady()) as store:
                store.request_relist()
                await trio.sleep(seconds)
        assert source.open_streams == 0
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert store.stopped
    gc.collect()


async def test_an_outer_cancellation_is_no_error(autojump_clock: MockClock) -> None:
    """At the start and later."""
    for source in (ScriptedListWatcher(lambda _: trio.sleep_forever()), ScriptedListWatcher(page(A, at=5))):
        with trio.move_on_after(3) as scope:
            async with open_watch(source):
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_a_mode_may_be_named_by_its_word(autojump_clock: MockClock) -> None:
    """As it is written in configurations."""
    async with open_watch(ScriptedListWatcher(page(A, at=5)), init_mode="defer") as store:  # type: ignore[arg-type] - lenient at runtime
        assert store.items() == [A]
    assert InitMode("sync") is InitMode.SYNC


class Foreign:
    """A client in thirty lines, over a list of rows: no type of this library in it."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = [("a", 1)]
        self.version = 1
        self.changed = trio.Event()
        self.log: list[tuple[int, str, tuple[str, int]]] = []
        self.is_down = False

    def write(self, kind: str, row: tuple[str, int]) -> None:
        self.version += 1
        row = (row[0], self.version)
        self.rows = [other for other in self.rows if other[0] != row[0]]
        if kind != "DELETED":
            self.rows.append(row)
        self.log.append((self.version, kind, row))
        self.changed.set()
        self.changed = trio.Event()

    async def list(self, options: ListOptions, /) -> tuple[int, list[tuple[str, int]]]:
        await trio.lowlevel.checkpoint()
        if self.is_down:
            raise Unavailable("down")
        return self.version, list(self.rows)

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[AsyncIterator[tuple[str, tuple[str, int]]]]:
        async def events() -> AsyncGenerator[tuple[str, tuple[str, int]]]:
            since = int(options.resource_version or 0)
            while True:
                for version, kind, row in list(self.log):
                    if version > since:
                        since = version
                        yield kind, row
                await self.changed.wait()

        stream = events()
        try:
            yield stream
        finally:
            await stream.aclose()


ROWS: Accessors[tuple[str, int]] = Accessors(
    items=lambda listing: listing[1],
    resource_version=lambda listing: str(listing[0]),
    metadata=lambda row: ObjectMeta(name=row[0], uid=row[0], resource_version=str(row[1])),
)


async def test_A1_A6_anyones_client_can_be_watched(autojump_clock: MockClock) -> None:
    """With three small functions as glue; its items are the store's from then on."""
    client = Foreign()
    told: list[Any] = []
    handlers = HandlerFuncs[Any](
        add=lambda row, preexisting: told.append(("add", row, preexisting)),
        update=lambda old, new: told.append(("update", old, new)),
        delete=lambda row, may_be_stale: told.append(("delete", row, may_be_stale)),
    )
    async with open_watch(client, accessors=ROWS, handlers=handlers, config=steady()) as store:
        client.write("ADDED", ("b", 0))
        client.write("MODIFIED", ("a", 0))
        await store.at_least("3")
        assert store.items() == [("a", 3), ("b", 2)]
        client.write("DELETED", ("b", 0))
        await store.at_least("4")
        await store.relist()
    assert told == [
        ("add", ("a", 1), True),
        ("add", ("b", 2), False),
        ("update", ("a", 1), ("a", 3)),
        ("update", ("b", 2), ("b", 4)),
        ("delete", ("b", 4), False),
    ]


async def test_A6_accessors_are_needed_only_where_things_look_otherwise(autojump_clock: MockClock) -> None:
    """Plain dicts, as every JSON client has them, need none."""

    class Plain(Foreign):
        async def list(self, options: ListOptions, /) -> Any:
            meta = {"name": "a", "uid": "u", "resourceVersion": "1"}
            return {"metadata": {"resourceVersion": "5"}, "items": [{"metadata": meta}]}

    async with open_watch(Plain()) as store:
        assert store.items()[0]["metadata"]["name"] == "a"
