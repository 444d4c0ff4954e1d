"""How the API server says no: `Status` bodies, word for word."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object

NOT_FOUND_TEXT: Final = "404 page not found\n"
NOT_ACCEPTABLE: Final = (
    "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
    "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)
EXPIRED_CONTINUE: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class Refused(Exception):
    """The API server refuses. `status` is the HTTP status, `body` the `Status` object, `reason` its reason.

    `by_admission`: who asked may ask, but what was asked is not allowed.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        metadata: Object | None = None,
        retry_after_seconds: int | None = None,
        by_admission: bool = False,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.by_admission = by_admission
        # What is said beside the refusal, as headers.
        self.warnings: list[str] = []
        self.status = status
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
        self.body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata or {},
            "status": "Failure",
        }
        self.body["message"] = message
        if reason:
            self.body["reason"] = reason
        if retry_after_seconds is not None:
            details = {**(details or {}), "retryAfterSeconds": retry_after_seconds}
        if details is not None:
            self.body["details"] = details
        self.body["code"] = status


class RefusedInText(Exception):
    """The API server refuses in plain text: filters in front of the API machinery do not write `Status` bodies."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{status}: {text.strip()}")
        self.status = status
        self.text = text
        self.headers = headers


def bad_request(message: str) -> Refused:
    """400."""
    return Refused(400, "BadRequest", message)


def unauthorized() -> Refused:
    """401: no credentials, or unknown ones."""
    return Refused(401, "Unauthorized", "Unauthorized")


def no_such_resource() -> Refused:
    """404: this server does not serve such a resource."""
    return Refused(404, "NotFound", "the server could not find the requested resource", details={})


def not_found(kind: ResourceType, name: str) -> Refused:
    """404: no object of that name."""
    return Refused(404, "NotFound", f'{kind.qualified} "{name}" not found', details=_details(kind, name))


def method_not_allowed() -> Refused:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return Refused(405, "MethodNotAllowed", message, details={})


def already_exists(kind: ResourceType, name: str) -> Refused:
    """409 on create."""
    return Refused(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_details(kind, name))


def conflict(kind: ResourceType, name: str, why: str = "") -> Refused:
    """409 on a write: the object is not what the client believes it to be."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return Refused(409, "Conflict", message, details=_details(kind, name))


def expired(message: str, **metadata: str) -> Refused:
    """410."""
    return Refused(410, "Expired", message, metadata=dict(metadata))


def unsupported_media_type(*accepted: str) -> Refused:
    """415."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return Refused(415, "UnsupportedMediaType", message)


def invalid(kind: str, group: str, name: str, *, field: str, cause: str, message: str, subject: str = "") -> Refused:
    """422: one field is wrong. `cause` is the machine's word for it, `message` the human's."""
    subject = subject or (f"{kind}.{group}" if group else kind)
    details: Object = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [{"reason": cause, "message": message, "field": field}]
    return Refused(422, "Invalid", f'{subject} "{name}" is invalid: {field}: {message}', details=details)


def invalid_with(kind: str, group: str, name: str, causes: list[Object]) -> Refused:
    """422 with these causes; what two of them say alike is said once in the message."""
    texts = list(dict.fromkeys(f"{cause['field']}: {cause['message']}" for cause in causes))
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Object = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details["causes"] = causes
    subject = f"{kind}.{group}" if group else kind
    return Refused(422, "Invalid", f'{subject} "{name}" is invalid: {listed}', details=details)


def too_large_resource_version(wanted: int, current: int) -> Refused:
    """504: that resourceVersion is not reached yet."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return Refused(504, "Timeout", message, details={"causes": causes}, retry_after_seconds=1)


def internal_error(error: Exception) -> Refused:
    """500: what a real server says when one of its handlers panics; here the fake itself is at fault."""
    what = f"{type(error).__name__}: {error}"
    message = f"Internal error occurred: FakeApiServer raised {what}"
    return Refused(500, "InternalError", message, details={"causes": [{"message": what}]})


def not_imitated(what: str) -> Refused:
    """501: this fake would have to invent an answer, so it gives none."""
    return Refused(501, "NotImplemented", f"FakeApiServer does not imitate {what}")


def _details(kind: ResourceType, name: str) -> Object:
    details: Object = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details
