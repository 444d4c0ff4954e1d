"""Which objects have changed, for readers who each follow at their own pace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import trio

__all__ = ["Entry", "Journal"]


class Entry:
    """What changed at once. It lives until the last reader has gone on to the `next`."""

    __slots__ = ("keys", "next", "written")

    def __init__(self) -> None:
        self.keys: tuple[str, ...] = ()
        self.next: Entry | None = None
        """None until this one is written."""
        self.written: trio.Event = trio.Event()

    def read(self) -> tuple[Entry, Iterable[str]]:
        """From here on: the first entry that is not written yet, and the keys in those before it, each once."""
        keys: dict[str, None] = {}
        entry = self
        while entry.next is not None:
            keys.update(dict.fromkeys(entry.keys))
            entry = entry.next
        return entry, keys


class Journal:
    """One chain of entries for all readers: a change costs the same for one of them as for ten thousand."""

    def __init__(self) -> None:
        self.readers: int = 0
        """How many follow it. Without any, nothing has to be written."""
        self.end: Entry = Entry()
        """The entry that is not written yet."""

    def __enter__(self) -> Self:
        """Follow it in the block from `end` on: wait until an entry is `written`, `read` it, go on with the next."""
        self.readers += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.readers -= 1

    def write(self, keys: Iterable[str]) -> None:
        """These have changed. Wakes all readers."""
        entry = self.end
        self.end = Entry()
        entry.keys = tuple(keys)
        entry.next = self.end
        entry.written.set()
