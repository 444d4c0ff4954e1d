"""Strange resourceVersions: those of servers that do not count as etcd does."""

from __future__ import annotations

import re
from typing import Unpack

from trio_k8swatch.testing._http import Request, Response
from trio_k8swatch.testing._steps import Line, Step

from ._answers import AlteredBody
from ._base import FaultBase
from ._fault import Effect, Fault, Filter, Strike, WhenOptions
from ._filters import EachLine

_FIELD = re.compile(rb'("resourceVersion":")(\d+")')


class VersionFaults(FaultBase):
    """What resourceVersions may look like."""

    def opaque_versions(self, prefix: str = "kcp-", **when: Unpack[WhenOptions]) -> Fault:
        """All resourceVersions begin with letters, on the way out and on the way in. Until removed."""
        return self._lasting("opaque_versions", _Prefixed(prefix), "any", when)


class _Prefixed(Effect):
    """Puts the prefix before versions that leave, and takes it from those that come back."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._replacement = rb"\g<1>" + prefix.encode() + rb"\2"

    async def before(self, request: Request, strike: Strike) -> Request | Response:
        version = request.parameter("resourceVersion")
        if not version.startswith(self._prefix):
            return request
        return request.with_parameter("resourceVersion", version.removeprefix(self._prefix))

    def after(self, response: Response, strike: Strike) -> Response:
        return AlteredBody(lambda _, content: self._named(content)).after(response, strike)

    def filter(self, strike: Strike) -> Filter:
        def rename(line: Line) -> list[Step]:
            return [Line(line.type, self._named(line.data))]

        return EachLine(rename, strike)

    def _named(self, content: bytes) -> bytes:
        return _FIELD.sub(self._replacement, content)
