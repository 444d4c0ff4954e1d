"""Equal parts of many objects, held once.

The pods of a deployment have the same owner, the same labels and the same namespace, and each brings its own copies of
them off the wire. That is a third of what a copy of the metadata keeps.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import force_setattr

from ._objects import ObjectMeta

__all__ = ["Sharing", "inherit"]

_MAX_VALUES: Final = 20_000
"""What has been seen is remembered up to here, then anew: labels that never repeat must not add up."""


class Sharing:
    """Makes new objects use parts of those that came before them."""

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        # Of the first object of each owner: the others are mostly like it.
        self._siblings: dict[str, ObjectMeta] = {}

    def settle(self, metadata: object) -> None:
        """Replace parts of `metadata` by equal ones. Nothing can be told of it but by `is`."""
        if type(metadata) is not ObjectMeta:
            return
        owners = metadata.owner_references
        sibling = self._siblings.get(owners[0].uid) if owners else None
        if sibling is None:
            self._share_strings(metadata)
            if owners:
                self._siblings[owners[0].uid] = metadata
            return
        inherit(sibling, metadata)
        if metadata.labels is not sibling.labels:
            self._share_strings(metadata)

    def _share_strings(self, metadata: ObjectMeta) -> None:
        if len(self._strings) + len(self._siblings) > _MAX_VALUES:
            self._strings.clear()
            self._siblings.clear()
        share = self._strings.setdefault
        force_setattr(metadata, "namespace", share(metadata.namespace, metadata.namespace))
        labels = metadata.labels
        if isinstance(labels, dict):
            for key, value in labels.items():
                labels[key] = share(value, value)


def inherit(old: object, new: object) -> None:
    """Let the metadata of a new state, or of a sibling, use the parts of the old one that are the same."""
    if type(old) is ObjectMeta and type(new) is ObjectMeta:
        if new.namespace == old.namespace:
            force_setattr(new, "namespace", old.namespace)
        if new.labels == old.labels:
            force_setattr(new, "labels", old.labels)
        if new.owner_references == old.owner_references:
            force_setattr(new, "owner_references", old.owner_references)
