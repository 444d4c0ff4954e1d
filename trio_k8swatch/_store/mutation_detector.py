"""Detects objects of the store that were changed in place, as client-go's mutation detector does."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, Generic, TypeVar

import msgspec

from trio_k8swatch._object_meta import MetadataOf

from .deltas import Delta, Drop

__all__ = ["MutationDetector"]

T = TypeVar("T")

_DIGEST_BYTES: Final = 16


class MutationDetector(Generic[T]):
    """Remembers what every object looked like when it was committed, and looks again when its next change comes."""

    def __init__(self, metadata: MetadataOf) -> None:
        self._metadata = metadata
        self._digests: dict[str, bytes] = {}

    def check(self, deltas: Iterable[Delta[T]]) -> None:
        """Raise RuntimeError if an object that is about to change is not what was committed; remember the new ones."""
        for delta in deltas:
            known = self._digests.pop(delta.key, None)
            if known is not None and delta.old is not None and _digest(delta.old) != known:
                meta = self._metadata(delta.old)
                raise RuntimeError(
                    f"{meta.namespace}/{meta.name} was changed in place by someone who got it from the store:"
                    " objects of the store are shared, change a copy (WatchConfig.detect_mutation found this)"
                )
            if not isinstance(delta, Drop):
                self._digests[delta.key] = _digest(delta.new)


def _digest(obj: object) -> bytes:
    return blake2b(msgspec.msgpack.encode(obj), digest_size=_DIGEST_BYTES).digest()
