"""Faults of metadata, in lists, objects and events alike: servers that do not number or name as etcd's do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Unpack

from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._http.response_steps import Line, Step

from ._base import FaultBase
from ._fault import Effect, Fault, Strike, WhenOptions
from ._filters import EachLine
from ._responses import AlteredBody

_VERSION: Final = re.compile(rb'("resourceVersion":")(\d+")')
# An object's own uid: before its resourceVersion, or, with sorted keys, at the end of its metadata. Owners' are not.
_OWN_UID: Final = re.compile(rb'"uid":"[^"]*",(?="resourceVersion")|,"uid":"[^"]*"(?=}(?:}|,"))')


class MetadataFaults(FaultBase):
    """What metadata may look like."""

    def opaque_versions(self, prefix: str = "kcp-", **when: Unpack[WhenOptions]) -> Fault:
        """All resourceVersions begin with letters, on the way out and on the way in. Until removed."""

        def named(content: bytes) -> bytes:
            return _VERSION.sub(rb"\g<1>" + prefix.encode() + rb"\2", content)

        return self._lasting("opaque_versions", _Everywhere(named, prefix), "any", when)

    def without_uid(self, **when: Unpack[WhenOptions]) -> Fault:
        """Objects have no uid, as those of some aggregated APIs. Until removed."""
        return self._lasting("without_uid", _Everywhere(lambda content: _OWN_UID.sub(b"", content)), "read", when)


class _Everywhere(Effect):
    """Rewrites bodies and events alike; takes `prefix` from versions that come back."""

    def __init__(self, change: Callable[[bytes], bytes], prefix: str = "") -> None:
        self._change = change
        self._prefix = prefix

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        version = request.parameter("resourceVersion")
        if not self._prefix or not version.startswith(self._prefix):
            return request
        return request.with_parameter("resourceVersion", version.removeprefix(self._prefix))

    def after(self, response: Response, strike: Strike) -> Response:
        return AlteredBody(lambda _, content: self._change(content)).after(response, strike)

    def filter(self, strike: Strike) -> Filter:
        def rewrite(line: Line) -> list[Step]:
            return [Line(line.type, self._change(line.data))]

        return EachLine(rewrite, strike)
