"""Equal parts of many objects, held in memory once.

The pods of a deployment have the same owner, the same labels and the same namespace, and each brings its own copies of
them off the wire. That is a third of what a copy of the metadata keeps.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import force_setattr

from trio_k8swatch._object_meta import ObjectMeta

__all__ = ["Interning", "inherit"]

_MAX_STRINGS: Final = 20_000
"""So many are remembered, then others: labels that never repeat must not add up."""

_MAX_OWNERS: Final = 1_000
"""So many are remembered, the newest: lists have siblings side by side, and owners come and go together with their objects."""

_MAX_SIBLINGS: Final = 4
"""So many of each owner: a zone or a revision may make a difference, but seldom more."""


class Interning:
    """Makes new objects use parts of those that came before them."""

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        # Of each owner the first objects, no two of them with the same labels: the others are mostly like one of them.
        self._siblings: dict[str, list[ObjectMeta]] = {}

    def settle(self, metadata: object) -> None:
        """Replace parts of `metadata` by equal ones. Nothing can be told of it but by `is`."""
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
            siblings.append(metadata)

    def _remember(self, owner: str, metadata: ObjectMeta) -> None:
        if len(self._siblings) >= _MAX_OWNERS:
            del self._siblings[next(iter(self._siblings))]
        self._siblings[owner] = [metadata]

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
