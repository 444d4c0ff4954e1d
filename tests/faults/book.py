"""What handlers were told, and whether it made sense at the moment it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import trio

from trio_k8swatch import HandlerFuncs, IndexedStore, NameIndex, Store
from trio_k8swatch._object_meta import key_of, metadata_of


class Told(NamedTuple):
    """One call of a handler. `flag` is `preexisting` of an add, `may_be_stale` of a delete."""

    what: str
    name: str
    flag: bool | None
    time: float
    version: str


@dataclass
class Book:
    """Handlers that write everything down, and look around at each call (invariants v and vi)."""

    told: list[Told] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    names: IndexedStore[Any, NameIndex[Any]] | None = None
    going: str | None = None
    """The object whose final state was told, so that its deletion has to come next."""
    nops: int = 0

    @property
    def handlers(self) -> HandlerFuncs[Any]:
        return HandlerFuncs(add=self.add, update=self.update, delete=self.delete)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What happened to which object, in order: `("add", "a")`."""
        return [(one.what, one.name) for one in self.told]

    def of(self, name: str) -> list[str]:
        """What happened to the objects of one name."""
        return [one.what for one in self.told if one.name == name]

    def deletes(self, name: str) -> list[bool | None]:
        """`may_be_stale` of each delete of that name."""
        return [one.flag for one in self.told if one.name == name and one.what == "delete"]

    def add(self, obj: Any, preexisting: bool) -> None:
        key = self._key("add", obj, preexisting)
        assert key not in self.known, f"(v) add of {key}, which is known"
        self.known[key] = obj
        self._look(key, obj)

    def update(self, old: Any, new: Any) -> None:
        key = self._key("update", new, None)
        known = self.known[key]
        if old is not known:
            assert old == known, "(v) update from a state that was never told"
            assert new is known, "(v) update from a copy that is no nop_update"
            self.nops += 1
            return
        self.known[key] = new
        store = self.names
        if store is not None and store.get(key) is None:
            # Final state first, then the deletion (H6).
            self.going = key
            self._look_gone(key, new)
        else:
            self._look(key, new)

    def delete(self, obj: Any, may_be_stale: bool) -> None:
        key = self._key("delete", obj, may_be_stale)
        assert self.going in {None, key}, f"(v) {self.going} was told to be going, and {key} went"
        assert may_be_stale or self.going == key, "(v) a witnessed deletion without its final state"
        self.going = None
        known = self.known.pop(key, None)
        assert known is obj, f"(v) deletion of {key} in a state that was never told, or twice"
        self._look_gone(key, obj)

    def check(self, store: Store[Any]) -> None:
        """(v) Whoever added up what handlers were told has the store."""
        assert self.going is None, f"(v) {self.going} never went"
        objects = {key_of(metadata_of(obj)): obj for obj in store.items()}
        assert self.known.keys() == objects.keys(), "(v) handlers know other objects than the store"
        assert all(self.known[key] is obj for key, obj in objects.items()), "(v) handlers know older states"

    def _key(self, what: str, obj: Any, flag: bool | None) -> str:
        meta = metadata_of(obj)
        self.told.append(Told(what, meta.name, flag, trio.current_time(), meta.resource_version))
        if what != "delete":
            assert self.going is None, f"(v) {what} of {meta.name} before the deletion of {self.going}"
        return key_of(meta)

    def _look(self, key: str, obj: Any) -> None:
        if self.names is not None:
            meta = metadata_of(obj)
            assert self.names.get(key) is obj, f"(vi) the store does not show {meta.name} as it was told"
            assert self.names.index.get(meta.namespace, meta.name) is obj, f"(vi) index behind handlers: {meta.name}"

    def _look_gone(self, key: str, obj: Any) -> None:
        if self.names is not None:
            meta = metadata_of(obj)
            assert self.names.get(key) is None, f"(vi) the store still shows {meta.name}"
            assert self.names.index.get(meta.namespace, meta.name) is not obj, (
                f"(vi) index behind handlers: {meta.name}"
            )
