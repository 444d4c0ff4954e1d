"""A collection that changes, and tells a watcher what it did: a server without HTTP, with history and faults."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from core_helpers import Stream, Thing, bookmark, page, thing

from trio_k8swatch import Added, Deleted, Expired, ListMeta, ListOptions, Modified, Status, Unavailable
from trio_k8swatch._wire.event_types import Page

EXPIRED = Status(code=410, reason="Expired")


class SimulatedServer:
    """Keeps things, a history of events about them, and the watches that are open. Satisfies `Source`."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.version = 1
        self.history: list[tuple[int, Any]] = []
        self.compacted = 0
        self.streams: list[Stream] = []
        self.is_down = False
        self._made = 0

    # What happens in the cluster

    def put(self, name: str, value: int) -> None:
        """Create `name`, under a uid that was never used, or change it."""
        self.version += 1
        old = next((obj for obj in self.things.values() if obj.metadata.name == name), None)
        if old is None:
            self._made += 1
        uid = f"{self._made}" if old is None else old.metadata.uid
        new = thing(name, self.version, uid=uid, value=value)
        self.things[uid] = new
        self._happened(Added(new) if old is None else Modified(new))

    def delete(self, name: str) -> None:
        old = next((obj for obj in self.things.values() if obj.metadata.name == name), None)
        if old is not None:
            self.version += 1
            del self.things[old.metadata.uid]
            self._happened(Deleted(thing(name, self.version, uid=old.metadata.uid, value=old.value + 1)))

    def mark(self) -> None:
        for stream in self.streams:
            stream.send(bookmark(self.version))

    def _happened(self, event: Any) -> None:
        self.history.append((self.version, event))
        for stream in self.streams:
            stream.send(event)

    # What goes wrong

    def compact(self) -> None:
        """Forget all history."""
        self.compacted = self.version

    def cut(self) -> None:
        for stream in self.streams:
            stream.cut(Unavailable("cut"))
        self.streams.clear()

    def end(self) -> None:
        for stream in self.streams:
            stream.end()
        self.streams.clear()

    def repeat(self) -> None:
        """A proxy sends the newest event once more."""
        if self.history:
            for stream in self.streams:
                stream.send(self.history[-1][1])

    # What a watcher asks

    async def page(self, options: ListOptions, take: Callable[[Page[Thing]], object], /) -> ListMeta:
        await trio.sleep(0.01)
        if self.is_down:
            raise Unavailable("down")
        whole = page(*self.things.values(), at=self.version)
        take(whole)
        return whole.metadata

    @asynccontextmanager
    async def watch(self, options: ListOptions, /) -> AsyncGenerator[Stream]:
        await trio.sleep(0.01)
        if self.is_down:
            raise Unavailable("down")
        since = int(options.resource_version or 0)
        if since < self.compacted:
            raise Expired("too old", status=EXPIRED)
        stream = Stream(*[event for version, event in self.history if version > since])
        self.streams.append(stream)
        try:
            yield stream
        finally:
            if stream in self.streams:
                self.streams.remove(stream)

    async def prefers_streaming_lists(self) -> bool:
        return False
