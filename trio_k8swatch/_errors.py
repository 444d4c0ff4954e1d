"""The errors that this library raises, as one tree.

K8sWatchError
├── ApiError                 the API server refused the request (`.status`)
│   ├── Expired              410: this resourceVersion or continue token has expired
│   ├── Unauthorized         401: no valid credentials
│   ├── Forbidden            403: the credentials are valid, but lack the permission
│   ├── NotFound             404: no such resource, or no such object
│   ├── Conflict             409: changed by another writer, or owned by another manager
│   ├── AlreadyExists        409: an object of this name exists
│   ├── Invalid              422: the server does not accept the object (`.causes`)
│   ├── Unsupported          405, 406, 415: the resource does not support this verb or media type
│   │   └── NotWatchable     it cannot be listed or watched as JSON
│   └── TooManyRequests      429: retry later
├── Unavailable              no response: refused, reset, timed out, TLS failed
├── ProtocolError            a response that cannot be understood
├── ConfigError              kubeconfig, credentials or arguments are wrong
├── StaleError               the store is older than the caller can accept
└── WatchStopped             the watch has ended, so what was waited for can no longer happen

No httpx type is in here: where one was the cause, it is chained as `__cause__`.
"""

import msgspec

__all__ = [
    "AlreadyExists",
    "ApiError",
    "ConfigError",
    "Conflict",
    "Expired",
    "Forbidden",
    "Invalid",
    "K8sWatchError",
    "NotFound",
    "NotWatchable",
    "ProtocolError",
    "StaleError",
    "Status",
    "StatusCause",
    "StatusDetails",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unsupported",
    "WatchStopped",
]


class StatusCause(msgspec.Struct, frozen=True, rename="camel"):
    """One cause inside `StatusDetails`."""

    reason: str | None = None
    message: str | None = None
    field: str | None = None


class StatusDetails(msgspec.Struct, frozen=True, rename="camel"):
    """What a `Status` says beyond its message; `retry_after_seconds` is in seconds."""

    name: str | None = None
    group: str | None = None
    kind: str | None = None
    uid: str | None = None
    causes: tuple[StatusCause, ...] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a refusal, as `meta/v1.Status` has it.

    Where the server sent plain text or HTML instead, `code` is the HTTP status and `message` the beginning of that text.
    """

    code: int = 0
    reason: str = ""
    message: str = ""
    details: StatusDetails | None = None


class K8sWatchError(Exception):
    """The root: everything this library raises on purpose. Its message is one line, whatever text of a peer is in it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(_one_line(arg) if isinstance(arg, str) else arg for arg in args))


def _one_line(message: str) -> str:
    """`message` without what would break a line of a log, or give orders to a terminal."""
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in message)


class ApiError(K8sWatchError):
    """The API server refused. `status` is what it said, `retry_after` the seconds it asked us to wait, if it did."""

    def __init__(self, message: str, *, status: Status, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def may_have_happened(self) -> bool:
        """Whether a write may have been done although it was answered so: servers and proxies give up before etcd does."""
        return self.status.code >= 500 and self.status.code != 501


class Expired(ApiError):
    """410 Gone or reason Expired: history is no longer kept that far back; list again."""


class Unauthorized(ApiError):
    """401: the credentials were not accepted, even after one refresh."""


class Forbidden(ApiError):
    """403: the user may not do this; the message names the verb, the resource and the user."""


class NotFound(ApiError):
    """404: the resource is not served, or the object does not exist."""


class Conflict(ApiError):
    """409: the object is no longer at the resourceVersion or uid that was given, or another manager owns a field.

    Read it again, and decide again; `Resource.update` does.
    """


class AlreadyExists(ApiError):
    """409: an object of this name is there already."""


class Invalid(ApiError):
    """422: the server does not accept the object; `causes` says which fields, and why."""

    @property
    def causes(self) -> tuple[StatusCause, ...]:
        """What is wrong, field by field; empty if the server says it only in its message."""
        details = self.status.details
        return (details.causes or ()) if details is not None else ()


class Unsupported(ApiError):
    """405, 406 or 415: the resource has no such verb or subresource, or does not take this kind of patch."""


class NotWatchable(Unsupported):
    """405, 406 or 415: this resource cannot be listed or watched as JSON."""


class TooManyRequests(ApiError):
    """429: throttled, or the server is starting or stopping. `retry_after` says for how long, if the server did."""


class Unavailable(K8sWatchError):
    """No answer came: connection refused or reset, name not found, TLS failure, time limit reached.

    `may_have_happened` says of a write whether the server may have done it: False if the request never left. Where that
    cannot be known it is True.
    """

    def __init__(self, message: str = "", *, may_have_happened: bool = True) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened


class ProtocolError(K8sWatchError):
    """The answer was not what the Kubernetes API promises: not JSON, another kind, no resourceVersion, a line too long."""


class ConfigError(K8sWatchError):
    """Kubeconfig, credentials or arguments are wrong. The message names the file and the field."""


class StaleError(K8sWatchError):
    """Raised by `Store.require_fresh`: the copy has not been confirmed for longer than the caller accepts."""


class WatchStopped(K8sWatchError):
    """The watch has ended, so what the caller waits for cannot happen any more."""
