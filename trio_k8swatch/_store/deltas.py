"""What changed, given what we know and what the API server just said.

Rule 1: nothing here awaits, sleeps or reads a clock.
Rule 2: nothing here changes what is known. It returns the changes; the store makes them.
Rule 3: a deletion is never dropped for being doubtful, and nothing doubtful is kept without a list to settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Generic, TypeAlias, TypeVar

import msgspec

from trio_k8swatch._errors import ProtocolError
from trio_k8swatch._object_meta import Metadata, MetadataOf, key_of
from trio_k8swatch._resource_version import compare, is_older, is_well_formed
from trio_k8swatch._wire import Added, Bookmark, Deleted, Modified

from .interning import Interning, inherit

__all__ = ["Delta", "Drop", "ObjectEvent", "Put", "RelistDeltas", "WatchDeltas", "checked_version"]

T = TypeVar("T")


class Put(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """`new` is the state of its object now; `old` is what we had of it, if anything."""

    key: str
    old: T | None
    new: T


class Drop(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """The object is gone. `final` is the state in which it went, None if a list only showed its absence."""

    key: str
    old: T
    final: T | None


Delta: TypeAlias = Put[T] | Drop[T]
"""One change to the store."""

ObjectEvent: TypeAlias = Added[T] | Modified[T] | Deleted[T]
"""An event that is about an object."""


class WatchDeltas(Generic[T]):
    """Follows one collection through its watch.

    The whole state is `resource_version`, None for "ask for a list" and a string for "watch from here", and `doubt`: why
    what we know needs a list to confirm it although the watch goes on, None if it does not. `suspicion` is less: the server
    may have gone back in time, which a look at its version will show.
    """

    def __init__(self, metadata: MetadataOf) -> None:
        self._metadata = metadata
        self.resource_version: str | None = None
        self.doubt: str | None = None
        self.suspicion = False
        self._interning = Interning()
        # Our version if it is a number: then a longer look at the next one is seldom needed.
        self._number = ""

    def listed(self, version: str) -> None:
        """A whole list was read at `version`: whatever was doubtful is settled."""
        self._move_to(checked_version(version))
        self.doubt = None
        # What is remembered may be of objects that the list has shown to be gone.
        self._interning.clear()

    def received(self, known: Mapping[str, T], event: ObjectEvent[T]) -> Delta[T] | None:
        """What `event` changes; None if it says nothing new.

        A replay (F56) is what the stream has said before; a contradiction (F47) is what it cannot have said if we had
        heard everything. Replays are ignored. A contradiction is taken as far as it is news, and raises a doubt.
        Raises ProtocolError for an object without a resourceVersion: the next round could not begin there.
        """
        obj = event.object
        meta = self._metadata(obj)
        version, here = meta.resource_version or "", self._number
        is_plainly_ahead = len(version) == len(here) and version > here and version.isdecimal() and version.isascii()
        if is_plainly_ahead and type(event) is Modified and (old := known.get(meta.uid)) is not None:
            # What nearly every event is. Ahead of the watch is ahead of every object in it, but for items of a list that
            # were newer than the list (R11).
            before = self._metadata(old)
            ours = before.resource_version
            if len(ours) < len(version) or (len(ours) == len(version) and ours < version):
                self.resource_version = self._number = version
                inherit(before, meta)
                return Put(meta.uid, old, obj)
        key = meta.uid or _named(meta)
        order = self._reach(checked_version(meta.resource_version))
        old = known.get(key)
        if old is None:
            return self._unknown(event, key, order)
        change = self._known(event, key, old, order)
        if isinstance(change, Drop):
            self._interning.forget_gone(len(known) - 1)
        return change

    def _reach(self, version: str) -> int | None:
        """Move to `version`, never back. How it stands to where the watch was."""
        order = compare(version, self.resource_version or "")
        if order != -1:
            self._move_to(version)
        return order

    def _move_to(self, version: str) -> None:
        self.resource_version = version
        self._number = version if is_well_formed(version) else ""

    def _unknown(self, event: ObjectEvent[T], key: str, order: int | None) -> Delta[T] | None:
        kind = type(event)
        if order == -1:
            # A replay about an object that is gone by now, or news from a server that was rolled back (F58). A deletion
            # changes nothing in either.
            self.suspicion = self.suspicion or kind is not Deleted
            return None
        if kind is Added:
            self._interning.settle(self._metadata(event.object))
            return Put(key, None, event.object)
        self._question(order != 0, f"{event.type} for an object that was never added")
        return None if kind is Deleted or order == 0 else Put(key, None, event.object)

    def _known(self, event: ObjectEvent[T], key: str, old: T, order: int | None) -> Delta[T] | None:
        kind = type(event)
        new = event.object
        ours, theirs = self._metadata(old).resource_version, self._metadata(new).resource_version
        age = compare(theirs, ours)
        if kind is Deleted:
            # Versions as they were before Kubernetes 1.9: a deletion may carry the last version of the object.
            self._question(age == -1, "DELETED for an older state of an object")
            return None if age == -1 else Drop(key, old, new)
        if age == 0 or (age == -1 and order == 1):
            # A replay. Also what the watch has not come to yet, of an object that was newer than its list (R11).
            return None
        self._question(kind is Added, "ADDED for an object that is there already")
        if age == -1:
            return None
        inherit(self._metadata(old), self._metadata(new))
        return Put(key, old, new)

    def _question(self, is_contradiction: bool, why: str) -> None:  # noqa: FBT001 - reads as a condition
        if is_contradiction:
            self.doubt = why

    def marked(self, bookmark: Bookmark) -> bool:
        """Move to the version of `bookmark`; False if it says nothing (no version, F52).

        A version older than ours comes from a server that lags (F60) or was rolled back (F58): we stay where we are,
        and the watcher finds out which.
        """
        version = bookmark.resource_version
        if not version or version == "0":
            return False
        if not is_older(version, self.resource_version or ""):
            self._move_to(version)
        return True


class RelistDeltas(Generic[T]):
    """Puts a list together, page by page or event by event, out of everyone's sight.

    An object whose version did not change stays the object that it was, so a list that changes nothing makes nothing.
    With `replay` every object counts as changed: versions mean nothing after a server was rolled back.
    """

    def __init__(self, known: Mapping[str, T], metadata: MetadataOf, *, replay: bool = False) -> None:
        self._known = known
        self._metadata = metadata
        self._interning = Interning()
        self.replay = replay
        self.objects: dict[str, T] = {}

    def take(self, items: Iterable[T]) -> None:
        """The next items, in the order of the list. Of an object that comes twice the last one counts (L14)."""
        metadata, known, objects, settle = self._metadata, self._known, self.objects, self._interning.settle
        for obj in items:
            meta = metadata(obj)
            key = meta.uid or _named(meta)
            old = known.get(key)
            if old is None:
                settle(meta)
                objects[key] = obj
            else:
                objects[key] = old if self._is_unchanged(old, meta) else obj

    def received(self, event: ObjectEvent[T]) -> None:
        """One event of a streaming list, before the bookmark that ends it (F78)."""
        meta = self._metadata(event.object)
        if isinstance(event, (Added, Modified)):
            checked_version(meta.resource_version)
            self.take((event.object,))
        else:
            self.objects.pop(meta.uid or _named(meta), None)

    def deltas(self) -> Iterator[Delta[T] | None]:
        """What the complete list changes: first all drops, then additions and updates in the order of the list.

        So that a name which was freed and taken again while we were away never belongs to two objects at once (L9).
        None for each object that is as it was: who goes through a hundred thousand of them may want to stop in between.
        Made as they are asked for, against what was known when this was called.
        """
        known, objects = self._known, self.objects
        drops = (None if key in objects else Drop(key, old, None) for key, old in known.items())
        puts = (None if (old := known.get(key)) is obj else Put(key, old, obj) for key, obj in objects.items())
        return chain(drops, puts)

    def _is_unchanged(self, old: T, meta: Metadata) -> bool:
        version = meta.resource_version
        return not self.replay and bool(version) and self._metadata(old).resource_version == version


def checked_version(version: str) -> str:
    """`version`, if a watch can begin there; ProtocolError for none and for "0", which means "anything" (F53, F62)."""
    if not version or version == "0":
        raise ProtocolError(
            f"the server sent resourceVersion {version!r}: a watch from there would miss or repeat events"
        )
    return version


def _named(metadata: Metadata) -> str:
    if not metadata.name:
        raise ProtocolError("the server sent an object without uid and name: it cannot be identified")
    return key_of(metadata)
