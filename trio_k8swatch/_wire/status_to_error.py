"""What a refusal means: an HTTP response or a Status as one of our errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from trio_k8swatch._errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    NotWatchable,
    Status,
    TooManyRequests,
    Unauthorized,
    Unsupported,
)

from .page_decoder import BROKEN

__all__ = ["error_from_response", "error_from_status", "is_too_large_version", "parse_retry_after"]

_QUOTED_BODY_CHARACTERS: Final = 200

_BY_CODE: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: NotWatchable,
    406: NotWatchable,
    409: Conflict,
    410: Expired,
    415: NotWatchable,
    422: Invalid,
    429: TooManyRequests,
}

_WAY_OUT: Final[Mapping[type[ApiError], str]] = {
    Unauthorized: "the credentials were not accepted: check the token or certificate, or log in again",
    Forbidden: "give this user list and watch on the resource (kubectl auth can-i list RESOURCE)",
    NotFound: "check the resource and its API version (kubectl api-resources); is the CustomResourceDefinition installed?",
    NotWatchable: "this resource cannot be listed and watched as JSON",
}

_decode_status: Final = msgspec.json.Decoder(Status).decode


def error_from_status(status: Status, *, doing: str, retry_after: float | None = None, verb: str = "") -> ApiError:
    """The error that says `status`. `doing` is what was refused, for people: `list pods (v1) in all namespaces`.

    `verb` is what Kubernetes calls it, if it was about a single object or a write.
    """
    error_type = _type_of(status, verb)
    if retry_after is None and status.details is not None and status.details.retry_after_seconds:
        retry_after = _sane(status.details.retry_after_seconds)
    said = " ".join(status.message.split()) or "without a message"
    reason = f" {status.reason}" if status.reason else ""
    way_out = _way_out_of_a_call(error_type, status, verb) if verb else _WAY_OUT.get(error_type)
    message = f"cannot {doing}: the server answered {status.code}{reason}: {said}" + (
        f" ({way_out})" if way_out else ""
    )
    return error_type(message, status=status, retry_after=retry_after)


def _type_of(status: Status, verb: str) -> type[ApiError]:
    # Expired is what 410 is called; some proxies and old servers keep only one of the two.
    if status.reason in {"Expired", "Gone"}:
        return Expired
    if status.reason == "AlreadyExists":
        return AlreadyExists
    error_type = _BY_CODE.get(status.code, ApiError)
    return Unsupported if verb and error_type is NotWatchable else error_type


def _way_out_of_a_call(error_type: type[ApiError], status: Status, verb: str) -> str | None:
    if error_type is Forbidden and "cannot " in status.message:
        return f"give this user the verb {verb} on the resource (kubectl auth can-i {verb} RESOURCE)"
    if error_type is Unsupported or (error_type is NotFound and not (status.details and status.details.name)):
        return "check the resource, its API version and subresource (kubectl api-resources); if it has namespaces, give one"
    return _WAY_OUT[Unauthorized] if error_type is Unauthorized else None


def error_from_response(
    code: int, headers: Mapping[str, str], body: bytes, *, doing: str, now_epoch: float, verb: str = ""
) -> ApiError:
    """The error behind a response that is not a success, whatever its body: a Status, plain text, HTML or nothing.

    `now_epoch` is the wall clock in seconds, for a Retry-After that is a date.
    """
    retry_after = parse_retry_after(headers.get("retry-after", ""), now_epoch=now_epoch)
    try:
        status = _decode_status(body)
    except BROKEN:
        status = Status()
    if not (status.code or status.reason or status.message):
        status = Status(message=_as_text(body))
    # The HTTP status is what proxies agree on; a body that says otherwise keeps its reason and message.
    status = msgspec.structs.replace(status, code=code)
    return error_from_status(status, doing=doing, retry_after=retry_after, verb=verb)


def parse_retry_after(value: str, *, now_epoch: float) -> float | None:
    """Seconds to wait: from whole or fractional seconds or an HTTP date; None for anything else.

    Never negative, never NaN or infinite. The cap is the business of who waits (`_backoff_curves`).
    """
    value = value.strip()
    if not value:
        return None
    try:
        return _sane(float(value))
    except ValueError:
        pass
    try:
        return _sane(parsedate_to_datetime(value).timestamp() - now_epoch)
    except (ValueError, OverflowError):
        return None


def is_too_large_version(error: ApiError) -> bool:
    """Whether the server has not reached the version that was asked for, in any of the three forms this ever took.

    As client-go's `isTooLargeResourceVersionError`: a cause since 1.18, before that only texts.
    """
    details = error.status.details
    causes = details.causes or () if details else ()
    if any(cause.reason == "ResourceVersionTooLarge" for cause in causes):
        return True
    texts = [error.status.message, *(cause.message or "" for cause in causes)]
    return error.status.code == 504 and any("too large resource version" in text.lower() for text in texts)


def _sane(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _as_text(body: bytes) -> str:
    """The beginning of a body that is no Status, on one line and without its markup."""
    text = re.sub(r"<[^>]*>", " ", body[: _QUOTED_BODY_CHARACTERS * 10].decode("utf-8", "replace"))
    text = " ".join("".join(c if c.isprintable() or c.isspace() else "?" for c in text).split())
    return text if len(text) <= _QUOTED_BODY_CHARACTERS else text[:_QUOTED_BODY_CHARACTERS] + "…"
