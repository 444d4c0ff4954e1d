"""The copy of a shard, which objects leave when their slots are served no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, TypeVar

import trio

from trio_k8swatch._object_meta import MetadataOf
from trio_k8swatch._store import Cache, Delta, Drop, HandlerFuncs, Put, in_slices

from ._list_watcher import ShardListWatcher
from ._slots import bits, slot_of

__all__ = ["ShardCache"]

T = TypeVar("T")


class _SlotIndex:
    """The keys in each slot: of each object it is found out once."""

    def __init__(self, metadata: MetadataOf, slots: int) -> None:
        self._metadata = metadata
        self._slots = slots
        self._keys: dict[int, dict[str, Any]] = {}

    def _slot(self, obj: Any) -> int:
        return slot_of(self._metadata(obj).uid.encode(), self._slots)

    def add(self, obj: Any) -> None:
        meta = self._metadata(obj)
        self._keys.setdefault(self._slot(obj), {})[meta.uid or f"{meta.namespace}/{meta.name}"] = None

    def update(self, old: Any, new: Any) -> None:
        """An object stays in its slot."""

    def delete(self, obj: Any) -> None:
        meta, slot = self._metadata(obj), self._slot(obj)
        keys = self._keys[slot]
        del keys[meta.uid or f"{meta.namespace}/{meta.name}"]
        if not keys:
            del self._keys[slot]

    def fresh(self) -> Self:
        return type(self)(self._metadata, self._slots)

    def adopt(self, fresh: Self) -> None:
        self._keys = fresh._keys

    def keys_in(self, slots: int) -> list[str]:
        return [key for slot in bits(slots) for key in self._keys.get(slot, ())]


class ShardCache(Cache[T]):
    """What `ShardStore` shows."""

    def __init__(
        self,
        list_watcher: ShardListWatcher[T],
        handlers: HandlerFuncs[T],
        metadata: MetadataOf,
        source: Any,
        slots: int,
    ) -> None:
        super().__init__(handlers, metadata, name=repr(source), source=source)
        self._list_watcher = list_watcher
        self._in_slots = _SlotIndex(metadata, slots)
        self.indexes.attach(self._in_slots, ())

    async def replace(self, objects: dict[str, T], deltas: list[Delta[T]], version: str) -> None:
        """Commit a list, without what is served no more since it began."""
        if self._list_watcher.listing.is_narrowed:
            await self._leave_out_lost(objects, deltas)
        await super().replace(objects, deltas, version)
        self._list_watcher.commit()

    async def _leave_out_lost(self, objects: dict[str, T], deltas: list[Delta[T]]) -> None:
        # Both belong to the list that is being committed, and what becomes of it is decided from them.
        has = self._list_watcher.listing.has
        lost: set[str] = set()

        def look(some: list[tuple[str, T]]) -> None:
            lost.update(key for key, obj in some if not has(self.metadata(obj).uid.encode()))

        await in_slices([*objects.items()], look)
        for key in lost:
            # What was here already stays as it was: `let_go` waits for the lock, and will tell that it has gone.
            if key in self.objects:
                objects[key] = self.objects[key]
            else:
                del objects[key]
        deltas[:] = [delta for delta in deltas if not (isinstance(delta, Put) and delta.key in lost)]

    async def let_go(self, slots: int) -> None:
        """Remove the objects in these slots, and tell that they are gone. Takes the lock."""
        self._list_watcher.narrow(slots)
        async with self.lock:
            if self.why_ended is not None:
                return
            with trio.CancelScope(shield=True):
                await in_slices(self._gone(slots), self._apply_some, slice_objects=100)

    def _gone(self, slots: int) -> Iterator[Drop[T]]:
        for key in self._in_slots.keys_in(slots):
            yield Drop(key, self.objects[key], None)

    def _apply_some(self, drops: list[Drop[T]]) -> None:
        for drop in drops:
            self.apply(drop, self.resource_version)
