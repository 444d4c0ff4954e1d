"""Equal parts of many objects, held once.

The pods of a deployment have the same owner, the same labels and the same namespace, and each brings its own copies of
them off the wire. That is a third of what a copy of the metadata keeps.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import force_setattr

from ._objects import ObjectMeta, OwnerReference

__all__ = ["Sharing", "inherit"]

_MAX_VALUES: Final = 20_000
"""What has been seen is remembered up to here, then anew: labels that never repeat must not add up."""


class Sharing:
    """Makes new objects use parts of those that came before them."""

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        self._owners: dict[str, tuple[OwnerReference, ...]] = {}

    def settle(self, metadata: object) -> None:
        """Replace parts of `metadata` by equal ones. Nothing can be told of it but by `is`."""
        if type(metadata) is not ObjectMeta:
            return
        if len(self._strings) + len(self._owners) > _MAX_VALUES:
            self._strings.clear()
            self._owners.clear()
        share = self._strings.setdefault
        force_setattr(metadata, "namespace", share(metadata.namespace, metadata.namespace))
        labels = metadata.labels
        if isinstance(labels, dict):
            for key, value in labels.items():
                labels[key] = share(value, value)
        owners = metadata.owner_references
        if owners:
            known = self._owners.setdefault(owners[0].uid, owners)
            if known == owners:
                force_setattr(metadata, "owner_references", known)


def inherit(old: object, new: object) -> None:
    """Let the metadata of a new state use the parts of the old one that did not change."""
    if type(old) is ObjectMeta and type(new) is ObjectMeta:
        force_setattr(new, "namespace", old.namespace)
        if new.labels == old.labels:
            force_setattr(new, "labels", old.labels)
        if new.owner_references == old.owner_references:
            force_setattr(new, "owner_references", old.owner_references)
