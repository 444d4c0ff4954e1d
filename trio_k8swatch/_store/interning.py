"""Equal parts of many objects, held in memory once.

The pods of a deployment have the same owner, the same labels and the same namespace, and each brings its own copies of
them off the wire. That is a third of what a copy of the metadata keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec.structs import force_setattr

from trio_k8swatch._object_meta import ObjectMeta, OwnerReference

__all__ = ["Interning", "inherit"]

_MAX_STRINGS: Final = 20_000
"""So many are remembered, then others: labels that never repeat must not add up."""

_MAX_OWNERS: Final = 1_000
"""So many are remembered, the newest: lists have siblings side by side, and owners come and go together with their objects."""

_MAX_SIBLINGS: Final = 4
"""So many of each owner: a zone or a revision may make a difference, but seldom more."""


class _Shared(NamedTuple):
    """Of an object's metadata, what others can use. The rest of it, annotations above all, is not to be pinned."""

    namespace: str
    labels: Mapping[str, str]
    owner_references: tuple[OwnerReference, ...]


def _shared_of(metadata: ObjectMeta) -> _Shared:
    return _Shared(metadata.namespace, metadata.labels, metadata.owner_references)


class Interning:
    """Makes new objects use parts of those that came before them."""

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        # Of each owner what its first objects share, no two of them with the same labels: the others are mostly like one.
        self._siblings: dict[str, list[_Shared]] = {}
        self._gone = 0

    def settle(self, metadata: object) -> None:
        """Replace parts of `metadata` by equal ones. Only `is` can tell the difference."""
        if type(metadata) is not ObjectMeta:
            return
        owners = metadata.owner_references
        siblings = self._siblings.get(owners[0].uid) if owners else None
        if siblings is None:
            self._share_strings(metadata)
            if owners:
                self._remember(owners[0].uid, metadata)
            return
        if owners == siblings[0].owner_references:
            force_setattr(metadata, "owner_references", siblings[0].owner_references)
        labels = metadata.labels
        for sibling in siblings:
            if labels == sibling.labels and metadata.namespace == sibling.namespace:
                force_setattr(metadata, "labels", sibling.labels)
                force_setattr(metadata, "namespace", sibling.namespace)
                return
        self._share_strings(metadata)
        if len(siblings) < _MAX_SIBLINGS:
            siblings.append(_shared_of(metadata))

    def forget_gone(self, left: int) -> None:
        """An object is gone, and `left` are left. Everything is forgotten now and then, and nothing is pinned after the last.

        Once more have gone than are left, most of what is remembered may be of those.
        """
        self._gone += 1
        if self._gone > left:
            self.clear()

    def clear(self) -> None:
        """Remember nothing."""
        self._strings.clear()
        self._siblings.clear()
        self._gone = 0

    def _remember(self, owner: str, metadata: ObjectMeta) -> None:
        if len(self._siblings) >= _MAX_OWNERS:
            del self._siblings[next(iter(self._siblings))]
        self._siblings[owner] = [_shared_of(metadata)]

    def _share_strings(self, metadata: ObjectMeta) -> None:
        if len(self._strings) > _MAX_STRINGS:
            self._strings.clear()
        share = self._strings.setdefault
        force_setattr(metadata, "namespace", share(metadata.namespace, metadata.namespace))
        labels = metadata.labels
        if isinstance(labels, dict):
            for key, value in labels.items():
                labels[key] = share(value, value)


def inherit(old: object, new: object) -> None:
    """Let the metadata of a new state use the parts of the old one that are the same."""
    if type(old) is ObjectMeta and type(new) is ObjectMeta:
        if new.labels == old.labels:
            force_setattr(new, "labels", old.labels)
        if new.owner_references == old.owner_references:
            force_setattr(new, "owner_references", old.owner_references)
