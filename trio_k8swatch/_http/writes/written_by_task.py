"""What a request has written, for those who watch over a task's writes."""

from __future__ import annotations

from typing import Final

import msgspec

from trio_k8swatch._observed_writes import Write
from trio_k8swatch._wire import BROKEN

from .call import Call

__all__ = ["write_of"]

_READS: Final = frozenset({"GET", "HEAD"})


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None


class _Details(msgspec.Struct, frozen=True):
    uid: str = ""


class _Answer(msgspec.Struct, frozen=True):
    kind: str = ""
    metadata: _Meta = _Meta()
    details: _Details | None = None


def write_of(call: Call, answer: bytes | None) -> Write | None:
    """What `call` has written, with its answer, or None if none came; None if it has written nothing."""
    if call.method in _READS or "dryRun" in call.query:
        return None
    api_version, namespace, plural = _place(call.path)
    if answer is None:
        return Write(api_version, plural, namespace, "", "")
    try:
        said = msgspec.json.decode(answer, type=_Answer)
    except BROKEN:
        return Write(api_version, plural, namespace, "", "")
    meta = said.metadata
    if said.kind == "Status":
        uid = said.details.uid if said.details else ""
        return Write(api_version, plural, namespace, uid, "", gone=bool(uid))
    gone = call.method == "DELETE" and meta.deletion_timestamp is None
    return Write(
        api_version, plural, meta.namespace or namespace, meta.uid, "" if gone else meta.resource_version, gone
    )


def _place(path: str) -> tuple[str, str, str]:
    """API version, namespace and plural of `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/…`."""
    parts = path.strip("/").split("/")
    at = 2 if parts[0] == "api" else 3
    api_version, rest = "/".join(parts[1:at]), parts[at:]
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in {"status", "finalize"}:
        return api_version, rest[1], rest[2]
    return api_version, "", rest[0]
