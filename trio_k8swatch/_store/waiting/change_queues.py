"""Changes that wait for a subscriber, and what happens when there are too many of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, Literal, TypeVar

import msgspec

__all__ = ["Change", "InOrder", "Newest", "OrResync", "Policy", "queue_for"]

T = TypeVar("T")


class Policy(StrEnum):
    """What happens when a subscriber falls behind."""

    BLOCK = "block"
    """The watch waits until there is room. Nothing is left out, but everything else on this store waits as well."""
    COALESCE = "coalesce"
    """An object that changes again before it was handed out takes the place of its older state: at most one change waits
    for each object. A deletion is never left out, unless its object was never handed out."""
    RESYNC = "resync"
    """All waiting changes are discarded, and the current store is handed out again: first a deletion for each object that
    was handed out and is gone, then every object there is."""


class Change(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One change of one object, as `HandlerFuncs` would be notified of it: `type` is ADDED, MODIFIED or DELETED."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    """What happened, in the words of the watch protocol."""
    object: T
    """The state after the change; of a deletion the final state, or the last one seen if `may_be_stale`."""
    old: T | None = None
    """The state before, for MODIFIED and DELETED."""
    preexisting: bool = False
    """Whether the object existed before: handed out at the start of the subscription, or again after a resync."""
    may_be_stale: bool = False
    """Whether the deletion was missed, and found by a list."""


class InOrder(Generic[T]):
    """All changes, as they came."""

    def __init__(self) -> None:
        self._changes: deque[Change[T]] = deque()

    def put(self, key: str, change: Change[T]) -> None:
        del key
        self._changes.append(change)

    def pop(self) -> Change[T]:
        return self._changes.popleft()

    def __len__(self) -> int:
        return len(self._changes)


class Newest(Generic[T]):
    """One change for each object, at the place of its first."""

    def __init__(self) -> None:
        self._changes: dict[str, Change[T]] = {}

    def put(self, key: str, change: Change[T]) -> None:
        waiting = self._changes.get(key)
        merged = change if waiting is None else _merge(waiting, change)
        if merged is None:
            del self._changes[key]
        else:
            self._changes[key] = merged

    def pop(self) -> Change[T]:
        key = next(iter(self._changes))
        return self._changes.pop(key)

    def __len__(self) -> int:
        return len(self._changes)


class OrResync(Generic[T]):
    """Changes as they came, until there are too many; then the store anew, object by object."""

    def __init__(self, store: Mapping[str, T], buffer: int) -> None:
        self._store = store
        self._buffer = buffer
        self._changes: deque[tuple[str, Change[T]]] = deque()
        self._newest: dict[str, Change[T]] = {}
        self._told: dict[str, T] = {}
        # The objects still to be handed out anew, in order. While there are any, a change only puts its object among them.
        self._again: dict[str, None] = {}

    def look_at(self, store: Mapping[str, T]) -> None:
        """A relist may have put another mapping in the place of the old."""
        if store is not self._store:
            self._store = store
            # What went with it unseen is not to be handed out, though its deletion may be delivered only later.
            self._again = {key: None for key in self._again if key in store or key in self._told}

    def put(self, key: str, change: Change[T]) -> None:
        if self._again:
            self._put_again(key)
            return
        news = self._as_news(key, change)
        if news is None:
            return
        self._changes.append((key, news))
        self._newest[key] = news
        if len(self._changes) > self._buffer:
            self._changes.clear()
            self._newest.clear()
            self._again = dict.fromkeys(key for key in self._told if key not in self._store)
            self._again.update(dict.fromkeys(self._store))

    def _as_news(self, key: str, change: Change[T]) -> Change[T] | None:
        """`change` as seen by who has got all that waits: handing out the store anew may have run ahead of it."""
        newest = self._newest.get(key)
        shown = self._told.get(key) if newest is None else newest.object
        known = None if newest is not None and newest.type == "DELETED" else shown
        if known is change.object and change.type != "DELETED":
            return None
        if known is None:
            return None if change.type == "DELETED" else Change("ADDED", change.object, preexisting=change.preexisting)
        return Change("MODIFIED", change.object, known) if change.type == "ADDED" else change

    def _put_again(self, key: str) -> None:
        if key in self._store or key in self._told:
            self._again[key] = None
        else:
            self._again.pop(key, None)

    def pop(self) -> Change[T]:
        if self._again:
            key = next(iter(self._again))
            del self._again[key]
            change = self._as_it_is(key)
        else:
            key, change = self._changes.popleft()
            if self._newest.get(key) is change:
                del self._newest[key]
        if change.type == "DELETED":
            self._told.pop(key, None)
        else:
            self._told[key] = change.object
        return change

    def _as_it_is(self, key: str) -> Change[T]:
        if key not in self._store:
            last = self._told[key]
            return Change("DELETED", last, last, may_be_stale=True)
        return Change("ADDED", self._store[key], self._told.get(key), preexisting=True)

    def __len__(self) -> int:
        return len(self._again) or len(self._changes)


def _merge(waiting: Change[T], change: Change[T]) -> Change[T] | None:
    """One change that takes the reader from before `waiting` to after `change`; None if that is where it began."""
    if change.type == "DELETED":
        if waiting.type == "ADDED":
            return None
        return Change("DELETED", change.object, waiting.old, may_be_stale=change.may_be_stale)
    if waiting.type == "DELETED":
        # It left a selector and came back before anyone saw it gone.
        return Change("MODIFIED", change.object, waiting.old)
    return Change(waiting.type, change.object, waiting.old, preexisting=waiting.preexisting)


def queue_for(policy: Policy, buffer: int, store: Mapping[str, T]) -> InOrder[T] | Newest[T] | OrResync[T]:
    """What a subscriber with `policy` waits at."""
    if policy is Policy.BLOCK:
        return InOrder()
    return Newest() if policy is Policy.COALESCE else OrResync(store, buffer)
