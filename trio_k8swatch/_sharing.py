"""Equal parts of many objects, held once.

The pods of a deployment have the same owner, the same labels and the same namespace, and each brings its own copies of
them off the wire. That is a third of what a copy of the metadata keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from msgspec.structs import force_setattr

from ._objects import ObjectMeta

__all__ = ["Sharing", "inherit"]

_MAX_VALUES: Final = 20_000
"""What has been seen is remembered up to here, then anew: labels that never repeat must not add up."""


class Sharing:
    """Makes new objects use parts of those that came before them."""

    def __init__(self) -> None:
        self._seen: dict[Any, Any] = {}

    def settle(self, metadata: object) -> None:
        """Replace parts of `metadata` by equal ones. Nothing can be told of it but by `is`."""
        if type(metadata) is not ObjectMeta:
            return
        seen = self._seen
        if len(seen) > _MAX_VALUES:
            seen.clear()
        share: Callable[[str, str], str] = seen.setdefault
        force_setattr(metadata, "namespace", share(metadata.namespace, metadata.namespace))
        labels = cast("dict[str, str]", metadata.labels)
        for key, value in labels.items():
            labels[key] = share(value, value)
        owners = metadata.owner_references
        if owners and seen.setdefault(owners[0].uid, owners) == owners:
            force_setattr(metadata, "owner_references", seen[owners[0].uid])


def inherit(old: object, new: object) -> None:
    """Let the metadata of a new state use the parts of the old one that did not change."""
    if type(old) is ObjectMeta and type(new) is ObjectMeta:
        force_setattr(new, "namespace", old.namespace)
        if new.labels == old.labels:
            force_setattr(new, "labels", old.labels)
        if new.owner_references == old.owner_references:
            force_setattr(new, "owner_references", old.owner_references)
