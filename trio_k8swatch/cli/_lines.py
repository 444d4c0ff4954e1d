"""Changes as lines of text."""

from __future__ import annotations

from typing import Final

import msgspec

from trio_k8swatch._objects import DynamicObject, PartialObjectMetadata
from trio_k8swatch._resource_names import ServedResource
from trio_k8swatch._subscribe import Change

__all__ = ["json_line", "name_line"]

_ON_ONE_LINE: Final = -1
"""msgspec's indent for no white space at all."""


def json_line(change: Change[DynamicObject]) -> bytes:
    """`{"type":"ADDED","object":{...}}`, with every field that the server sent, in its order."""
    raw = change.object.raw
    if b"\n" in raw:
        raw = msgspec.json.format(raw, indent=_ON_ONE_LINE)
    return b'{"type":"%s","object":%s}\n' % (change.type.encode(), raw)


def name_line(change: Change[PartialObjectMetadata], served: ServedResource) -> bytes:
    """`pod/web-0`, `deployment.apps/web`: as kubectl writes it, and takes it."""
    kind = (served.singular or served.kind).lower()
    group = f".{served.group}" if served.group else ""
    return f"{kind}{group}/{change.object.metadata.name}\n".encode()
