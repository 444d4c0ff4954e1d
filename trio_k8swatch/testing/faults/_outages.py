"""Outages behind the server: etcd is away, or the watch cache is behind."""

from __future__ import annotations

from typing import Final, Unpack

import trio

from trio_k8swatch.testing._http.answers import JSON, refusal
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing._http.request_info import kind_of_call
from trio_k8swatch.testing._http.response_steps import Dropped
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import encode

from ._base import FaultBase
from ._fault import Effect, Fault, Strike, WhenOptions
from ._responses import Rewritten

# As recorded: what waits for etcd gives up after so long.
READ_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 34.003
DEFAULT_WATCH_SECONDS: Final = 60.0


class OutageFaults(FaultBase):
    """What may happen behind a server that is well itself."""

    def etcd_outage(self, **when: Unpack[WhenOptions]) -> Fault:
        """Etcd is away, until removed.

        Open watches are silent, and what the watch cache knows is answered. A consistent list hangs for a minute and
        gets no answer, a write gets 504 after 34 s, a watch that needs a consistent start an ERROR event at its end.
        """
        return self._lasting("etcd_outage", _EtcdOutage(), "any", when)

    def stale_lists(self, events: int = 1, **when: Unpack[WhenOptions]) -> Fault:
        """Another, lagging server answers lists that do not ask for more: so many changes behind. Until removed.

        Consistent lists and those NotOlderThan a version are as they should be; resourceVersion=0 is not.
        """

        def earlier(request: Request) -> Request:
            if request.parameter("resourceVersion") != "0":
                return request
            version = max(self._server.storage.resource_version - events, 1)
            return request.with_parameter("resourceVersion", str(version)).with_parameter(
                "resourceVersionMatch", "Exact"
            )

        return self._lasting("stale_lists", Rewritten(earlier), "list", when)


class _EtcdOutage(Effect):
    async def before(self, request: Request, strike: Strike) -> Request | Response:
        verb, _, _ = kind_of_call(request)
        if _needs_nothing(verb, request) or not strike():
            return request
        if verb == "watch":
            seconds = float(request.parameter("timeoutSeconds") or DEFAULT_WATCH_SECONDS)
            await trio.sleep(seconds)
            refused = Refused(500, "InternalError", "context deadline exceeded")
            line = encode({"type": "ERROR", "object": refused.body}) + b"\n"
            return answer(200, JSON, [line]).streamed()
        if verb in {"list", "get"}:
            await trio.sleep(READ_SECONDS)
            raise Dropped("eof")
        await trio.sleep(WRITE_SECONDS)
        message = "Timeout: request did not complete within requested timeout - context deadline exceeded"
        return refusal(Refused(504, "Timeout", message, details={}))


def _needs_nothing(verb: str, request: Request) -> bool:
    """Whether the watch cache, or the server alone, has the answer."""
    if verb in {"discovery", "other"}:
        return True
    return verb in {"list", "watch", "get"} and bool(request.parameter("resourceVersion"))
