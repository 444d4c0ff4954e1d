"""Things to watch, and a source of them that says exactly what a test has written down."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any, NamedTuple

import msgspec
import trio

from trio_k8swatch import (
    Added,
    Backoff,
    Bookmark,
    Deleted,
    Failure,
    HandlerFuncs,
    ListMeta,
    ListOptions,
    Modified,
    ObjectMeta,
    Status,
    TimeRange,
    WatchConfig,
    WatchEvent,
)
from trio_k8swatch._wire.event_types import Page, bookmark_at


class Thing(msgspec.Struct, frozen=True):
    """An object with one field of its own."""

    metadata: ObjectMeta
    value: int = 0


def thing(
    name: str, version: str | int = 1, *, uid: str | None = None, namespace: str = "default", value: int = 0
) -> Thing:
    """A thing called `name`; its uid is `uid-of-NAME` unless told otherwise."""
    uid = f"uid-of-{name}" if uid is None else uid
    return Thing(ObjectMeta(name=name, namespace=namespace, uid=uid, resource_version=str(version)), value)


def page(*things: Any, at: str | int, token: str | None = None) -> Page[Any]:
    """One page of a list that was read at version `at`."""
    return Page(list(things), ListMeta(resource_version=str(at), continue_token=token))


def bookmark(version: str | int) -> Bookmark:
    return bookmark_at(str(version))


def failure(code: int, reason: str = "", message: str = "") -> Failure:
    return Failure(Status(code=code, reason=reason, message=message))


class Call(NamedTuple):
    """One request that a source was sent."""

    verb: str
    time: float
    options: ListOptions


class Stream:
    """One watch stream. It has what it was made with, takes more by `send`, and stays open until `end` or `cut`."""

    def __init__(self, *events: WatchEvent[Any], ends: bool = False) -> None:
        self._in, self._out = trio.open_memory_channel[Any](math.inf)
        if events:
            self.send(*events)
        if ends:
            self.end()

    def send(self, *events: WatchEvent[Any]) -> None:
        """These arrive together."""
        self._in.send_nowait(events)

    def cut(self, error: Exception) -> None:
        """The stream breaks."""
        self._in.send_nowait(error)

    def end(self) -> None:
        """The server ends it."""
        self._in.close()

    async def receive(self) -> Iterator[WatchEvent[Any]] | None:
        try:
            got = await self._out.receive()
        except trio.EndOfChannel:
            return None
        if isinstance(got, Exception):
            raise got
        return iter(got)


class ScriptedListWatcher:
    """Answers lists and watches in the order of its scripts.

    A list is a `Page`, an exception, or a function of the options. A watch is a `Stream`, an exception, or a function. The
    last list is repeated for ever; after the last watch all watches are open and silent.
    """

    def __init__(self, *lists: Any, watches: list[Any] | None = None) -> None:
        self.lists: deque[Any] = deque(lists or [page(at=1)])
        self.watches: deque[Any] = deque(watches or [])
        self.calls: list[Call] = []
        self.streams: list[Stream] = []
        self.open_streams = 0

    @property
    def stream(self) -> Stream:
        """The newest watch."""
        return self.streams[-1]

    def verbs(self) -> list[str]:
        return [call.verb for call in self.calls]

    def times(self, verb: str) -> list[float]:
        return [call.time for call in self.calls if call.verb == verb]

    async def page(self, options: ListOptions, take: Callable[[Page[Any]], object], /) -> ListMeta:
        self.calls.append(Call("list", trio.current_time(), options))
        await trio.lowlevel.checkpoint()
        answer = self.lists.popleft() if len(self.lists) > 1 else self.lists[0]
        page = await _given(answer, options)
        take(page)
        return page.metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[Stream]:
        self.calls.append(Call("watch", trio.current_time(), options))
        await trio.lowlevel.checkpoint()
        answer = self.watches.popleft() if self.watches else Stream()
        stream = await _given(answer, options)
        self.streams.append(stream)
        self.open_streams += 1
        try:
            yield stream
        finally:
            self.open_streams -= 1

    async def prefers_streaming_lists(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<ScriptedSource>"


async def _given(answer: Any, options: ListOptions) -> Any:
    if isinstance(answer, Exception):
        raise answer
    if callable(answer):
        answer = answer(options)
        if hasattr(answer, "__await__"):
            answer = await answer
    return answer


class Diary:
    """Writes down what handlers are told, and whatever else a test notes between."""

    def __init__(self, also: Callable[[], object] | None = None) -> None:
        self.lines: list[Any] = []
        self._also = also

    def note(self, *line: Any) -> None:
        self.lines.append(line)
        if self._also is not None:
            self._also()

    def names(self) -> list[str]:
        """`add a`, `update b`, `delete c`, in order."""
        return [f"{line[0]} {line[-2].metadata.name}" for line in self.lines]

    def handlers(self) -> HandlerFuncs[Any]:
        return HandlerFuncs(
            add=lambda obj, preexisting: self.note("add", obj, preexisting),
            update=lambda old, new: self.note("update", old, new),
            delete=lambda obj, may_be_stale: self.note("delete", obj, may_be_stale),
        )


@contextmanager
def broken(owner: type, **members: Any) -> Generator[None]:
    """Break rules of a class for a while, to show that a test notices."""
    before = {name: owner.__dict__[name] for name in members}
    for name, member in members.items():
        setattr(owner, name, member)
    try:
        yield
    finally:
        for name, member in before.items():
            setattr(owner, name, member)


def steady(**changes: Any) -> WatchConfig:
    """A configuration that always does the same: every failure is followed by 1 s of waiting."""
    settings: dict[str, Any] = {
        "retry_relist_after": TimeRange(1, 1),
        "retry_watch_after": TimeRange(1, 1),
        "rng": Random(1),
        **changes,
    }
    return WatchConfig(**settings)


__all__ = [
    "Added", "Backoff", "Call", "Deleted", "Diary", "Modified", "ScriptedListWatcher", "Stream", "Thing", "bookmark", "broken", "failure",
    "page", "steady", "thing",
]  # fmt: skip
