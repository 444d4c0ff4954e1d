"""Which objects have changed, for readers who each follow at their own pace."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import partial

import trio

__all__ = ["Entry", "Journal"]


class Entry:
    """What changed at once. It lives until the last reader has gone on to the `next`."""

    __slots__ = ("_parked", "keys", "next")

    def __init__(self) -> None:
        self.keys: tuple[str, ...] = ()
        self.next: Entry | None = None
        """None until this one is written."""
        self._parked: set[trio.lowlevel.Task] = set()

    def written(self) -> Awaitable[object]:
        """Wait until this entry, which is not written yet, is: to be awaited at once.

        What `trio.Event` does, with less memory for each of ten thousand readers: no frame and no closure of its own.
        """
        task = trio.lowlevel.current_task()
        self._parked.add(task)
        return trio.lowlevel.wait_task_rescheduled(partial(_give_up, self._parked, task))  # noqa: ASYNC105 - the caller awaits it

    def write(self, keys: Iterable[str], following: Entry) -> None:
        """These have changed; `following` comes next. Wakes all readers."""
        self.keys = tuple(keys)
        self.next = following
        parked, self._parked = self._parked, set()
        for task in parked:
            trio.lowlevel.reschedule(task)

    def read(self) -> tuple[Entry, Iterable[str]]:
        """From here on: the first entry that is not written yet, and the keys in those before it, each once."""
        keys: dict[str, None] = {}
        entry = self
        while entry.next is not None:
            keys.update(dict.fromkeys(entry.keys))
            entry = entry.next
        return entry, keys


def _give_up(parked: set[trio.lowlevel.Task], task: trio.lowlevel.Task, _: object) -> trio.lowlevel.Abort:
    parked.discard(task)
    return trio.lowlevel.Abort.SUCCEEDED


class Journal:
    """One chain of entries for all readers: a change costs the same for one of them as for ten thousand."""

    def __init__(self) -> None:
        self.readers: int = 0
        """How many follow it. Without any, nothing has to be written."""
        self.end: Entry = Entry()
        """The entry that is not written yet."""

    def join(self) -> Entry:
        """Follow it, until `leave`: wait until this entry is `written`, `read` it, go on with the next."""
        self.readers += 1
        return self.end

    def leave(self) -> None:
        """Follow it no longer."""
        self.readers -= 1

    def write(self, keys: Iterable[str]) -> None:
        """These have changed. Wakes all readers."""
        entry, self.end = self.end, Entry()
        entry.write(keys, self.end)
