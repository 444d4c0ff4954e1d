"""Faults of HTTP statuses: the server, or something in front of it, says no."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal, Unpack

from trio_k8swatch.testing._http.answers import refusal, text_answer
from trio_k8swatch.testing._http.health_endpoints import PATHS, stopping
from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing._http.request_info import kind_of_call
from trio_k8swatch.testing._http.statuses import (
    EXPIRED_CONTINUE,
    Refused,
    expired,
    invalid_with,
    too_large_resource_version,
    unauthorized,
)

from ._base import FaultBase
from ._fault import Fault, WhenOptions
from ._responses import Instead, status, text

BAD_GATEWAY_HTML: Final = (
    "<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"
)


class RefusalFaults(FaultBase):
    """What may be answered instead of what was asked for."""

    def status(
        self,
        code: int,
        reason: str = "InternalError",
        message: str = "Internal error occurred: injected by FakeApiServer",
        *,
        retry_after: str | float | None = None,
        **when: Unpack[WhenOptions],
    ) -> Fault:
        """Any `Status` with any code, once. `retry_after` is the header, as it is: a date or nonsense too."""
        headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
        return self._once(f"status({code})", status(Refused(code, reason, message), headers), "any", when)

    def unauthorized(self, **when: Unpack[WhenOptions]) -> Fault:
        """401, once; `times=None` for ever."""
        return self._once("unauthorized", status(unauthorized()), "any", when)

    def forbidden(self, *, user: str = "limited", **when: Unpack[WhenOptions]) -> Fault:
        """403, until removed: a role was taken away."""

        def refuse(request: Request) -> Response:
            verb, resource, namespace = kind_of_call(request)
            plural, _, group = resource.partition(".")
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            message = (
                f'{resource} is forbidden: User "{user}" cannot {verb} resource "{plural}" '
                f'in API group "{group}" {where}'
            )
            details = {"group": group, "kind": plural} if group else {"kind": plural}
            return refusal(Refused(403, "Forbidden", message, details=details))

        return self._lasting("forbidden", Instead(refuse), "any", when)

    def too_many_requests(self, *, retry_after: str | float | None = 1, **when: Unpack[WhenOptions]) -> Fault:
        """429 in plain text, as priority and fairness sends it, once. `retry_after` is the header, or None for none."""
        headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
        answer = text(429, "Too many requests, please try again later.\n", headers=headers)
        return self._once("too_many_requests", answer, "any", when)

    def shutting_down(self, **when: Unpack[WhenOptions]) -> Fault:
        """The server is about to stop: 429 in plain text with Retry-After, and /readyz fails. Until removed."""

        def refuse(request: Request) -> Response | None:
            if request.path in PATHS:
                return stopping() if request.path == "/readyz" else None
            headers = (("Connection", "close"), ("Retry-After", "5"))
            refused = text_answer(429, "The apiserver is shutting down, please try again later.\n", headers)
            # This is said in front of the filter that forbids caching.
            return replace(refused, headers=tuple(pair for pair in refused.headers if pair[0] != "Cache-Control"))

        return self._lasting("shutting_down", Instead(refuse), "any", when)

    def unavailable(self, *, html: bool = True, code: int = 503, **when: Unpack[WhenOptions]) -> Fault:
        """A load balancer answers for a server that is away: an HTML page, or no body at all. Until removed."""
        answer = text(code, BAD_GATEWAY_HTML if html else "", "text/html" if html else "text/plain")
        return self._lasting("unavailable", answer, "any", when)

    def redirect(self, location: str, *, code: int = 307, **when: Unpack[WhenOptions]) -> Fault:
        """A proxy sends the client elsewhere, once."""
        return self._once("redirect", text(code, "", headers=(("Location", location),)), "any", when)

    def too_large_resource_version(
        self, *, form: Literal["cause", "message", "old"] = "cause", **when: Unpack[WhenOptions]
    ) -> Fault:
        """504: this server has not seen that resourceVersion yet. Once.

        Servers have said it in three forms: with a cause, in the message only, and, before 1.17.3, with a number first.
        """

        def refuse(request: Request) -> Response:
            current = self._server.storage.resource_version
            asked = request.parameter("resourceVersion")
            wanted = int(asked) if asked.isdigit() else current + 1
            if form == "cause":
                return refusal(too_large_resource_version(wanted, current))
            message = f"Too large resource version: {wanted}, current: {current}"
            details = {"retryAfterSeconds": 1} if form == "message" else {}
            prefix = "Timeout: " if form == "message" else ""
            return refusal(Refused(504, "Timeout", prefix + message, details=details))

        return self._once("too_large_resource_version", Instead(refuse), "read", when)

    def expired_list(self, **when: Unpack[WhenOptions]) -> Fault:
        """A list, or one of its later pages, is answered 410. Once."""

        def refuse(request: Request) -> Response:
            if request.parameter("continue"):
                return refusal(expired(EXPIRED_CONTINUE))
            return refusal(expired("The resourceVersion for the provided list is too old."))

        return self._once("expired_list", Instead(refuse), "list", when)

    def storage_initializing(self, **when: Unpack[WhenOptions]) -> Fault:
        """429 with a Status: a custom resource has just been defined, or a watch cache is cold. Until removed."""
        refused = Refused(429, "TooManyRequests", "storage is (re)initializing", retry_after_seconds=1)
        return self._lasting("storage_initializing", status(refused), "read", when)

    def not_served(self, **when: Unpack[WhenOptions]) -> Fault:
        """404 in plain text, until removed: a group that is not there (yet, or any more)."""
        return self._lasting("not_served", Instead(lambda _: text_answer(404, "404 page not found\n")), "any", when)

    def not_watchable(self, code: int = 405, **when: Unpack[WhenOptions]) -> Fault:
        """A watch is refused: the resource has no such verb (405), no such format (406, 415). Until removed."""
        reasons = {405: "MethodNotAllowed", 406: "NotAcceptable", 415: "UnsupportedMediaType"}
        refused = Refused(code, reasons[code], "the server does not allow this method on the requested resource")
        return self._lasting("not_watchable", status(refused), "watch", when)

    def watch_list_unsupported(self, **when: Unpack[WhenOptions]) -> Fault:
        """An older server: `sendInitialEvents` is answered 422. Until removed."""
        why = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        refused = invalid_with(
            "ListOptions",
            "meta.k8s.io",
            "",
            [{"reason": "FieldValueForbidden", "message": f"Forbidden: {why}", "field": "sendInitialEvents"}],
        )
        effect = Instead(lambda request: refusal(refused) if request.parameter("sendInitialEvents") else None)
        return self._lasting("watch_list_unsupported", effect, "watch", when)
