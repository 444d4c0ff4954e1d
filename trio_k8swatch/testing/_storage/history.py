"""What the cluster holds and how it came to be so: collections of objects, and one resourceVersion for all of them."""

from __future__ import annotations

from collections import deque

import trio

from trio_k8swatch.testing._json import Object, copied

from .collection import Change, ChangeType, Collection, Key, Revision
from .snapshots import Snapshots

__all__ = ["Change", "ChangeType", "Collection", "Key", "Revision", "Storage"]


class Storage:
    """Collections under one counter, as etcd keeps them."""

    def __init__(self, *, first_resource_version: int, history_limit: int, compaction_seconds: float) -> None:
        self.resource_version: int = first_resource_version
        # Up to here nothing is remembered: for watches, and for lists of the past, which time compacts.
        self._forgotten = self._compacted = first_resource_version
        # Which objects name an owner, by the owner's uid: (qualified name, key).
        self.dependents: dict[str, set[tuple[str, Key]]] = {}
        self._collections: dict[str, Collection] = {}
        self._history_limit = history_limit
        self._compaction_seconds = compaction_seconds
        self._revisions: deque[tuple[float, int]] = deque()
        self._advanced = trio.Event()
        self.snapshots: Snapshots = Snapshots()

    async def reaches(self, resource_version: int, seconds: float) -> bool:
        """Wait until that resourceVersion is reached, but no longer than `seconds`; whether it is."""
        with trio.move_on_after(seconds):
            while self.resource_version < resource_version:
                await self._advanced.wait()
        return self.resource_version >= resource_version

    def __getitem__(self, name: str) -> Collection:
        """The collection of a resource, by its qualified name; made empty where there is none yet."""
        if name not in self._collections:
            self._collections[name] = Collection(self._history_limit, self._forgotten)
        return self._collections[name]

    def collections(self) -> dict[str, Collection]:
        """All there are, by qualified name."""
        return self._collections

    def put(self, name: str, key: Key, obj: Object, time: float, *, custom: bool) -> Revision:
        """Add the object or replace it; its resourceVersion is set here. `obj` belongs to the storage from then on."""
        collection = self[name]
        new = self._next(obj, time, custom=custom)
        old = collection.current.get(key)
        self._note_owners(name, key, old, new)
        collection.record(Change("ADDED" if old is None else "MODIFIED", key, old, new, time))
        self._advance()
        return new

    def load(self, name: str, key: Key, obj: Object, time: float, *, custom: bool) -> None:
        """Store the object under the resourceVersion it has; one from the past has no part in the history."""
        version = int(obj["metadata"].get("resourceVersion") or 0)
        if version == 0 or version > self.resource_version:
            self.resource_version = version - 1 if version else self.resource_version
            self.put(name, key, obj, time, custom=custom)
            return
        collection = self[name]
        revision = Revision(obj, version, custom=custom)
        self._note_owners(name, key, collection.current.get(key), revision)
        collection.put_in_the_past(key, revision)

    def drop(self, name: str, key: Key, time: float) -> Revision:
        """Remove the object; returns its last state, under the resourceVersion of the deletion."""
        collection = self[name]
        old = collection.current[key]
        new = self._next(copied(old.object), time, custom=old.custom)
        self._note_owners(name, key, old, None)
        collection.record(Change("DELETED", key, old, new, time))
        self._advance()
        return new

    def compact(self, resource_version: int | None = None) -> None:
        """Forget the history up to a resourceVersion, by default all of it, for watches and for lists alike."""
        up_to = self.resource_version if resource_version is None else resource_version
        self._forgotten = max(self._forgotten, up_to)
        self._compacted = max(self._compacted, up_to)
        for collection in self._collections.values():
            collection.forget(up_to)

    def oldest_list(self, name: str, now: float) -> int:
        """The oldest resourceVersion at which a list of a resource is possible: etcd is compacted every few minutes."""
        self._compact_by_time(now)
        return max(self._compacted, self[name].floor)

    def _compact_by_time(self, now: float) -> None:
        while self._revisions and self._revisions[0][0] < now - self._compaction_seconds:
            self._compacted = max(self._compacted, self._revisions.popleft()[1])

    def roll_back(self, resource_version: int) -> None:
        """Be as it was then, as if a backup had been restored: what came later never happened, and nobody is notified.

        ValueError if the history does not reach back so far.
        """
        oldest = max((one.floor for one in self._collections.values()), default=self._forgotten)
        if not oldest <= resource_version <= self.resource_version:
            known = f"only {oldest} to {self.resource_version} are remembered"
            raise ValueError(f"cannot roll back to resourceVersion {resource_version}: {known}")
        for collection in self._collections.values():
            collection.roll_back(resource_version)
        self.resource_version = resource_version
        while self._revisions and self._revisions[-1][1] > resource_version:
            self._revisions.pop()
        self.dependents.clear()
        for name, collection in self._collections.items():
            for key, revision in collection.current.items():
                self._note_owners(name, key, None, revision)

    def _note_owners(self, name: str, key: Key, old: Revision | None, new: Revision | None) -> None:
        for uid in _owners(old):
            self.dependents[uid].discard((name, key))
            if not self.dependents[uid]:
                del self.dependents[uid]
        for uid in _owners(new):
            self.dependents.setdefault(uid, set()).add((name, key))

    def _next(self, obj: Object, time: float, *, custom: bool) -> Revision:
        self.resource_version += 1
        self._compact_by_time(time)
        if not self._revisions or self._revisions[-1][0] < time:
            self._revisions.append((time, self.resource_version))
        else:
            self._revisions[-1] = (time, self.resource_version)
        obj["metadata"]["resourceVersion"] = str(self.resource_version)
        return Revision(obj, self.resource_version, custom=custom)

    def _advance(self) -> None:
        self._advanced.set()
        self._advanced = trio.Event()


def _owners(revision: Revision | None) -> list[str]:
    if revision is None:
        return []
    return list({one["uid"] for one in revision.object["metadata"].get("ownerReferences") or ()})
