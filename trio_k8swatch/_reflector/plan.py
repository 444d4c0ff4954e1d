"""What to do after a failure.

Rule 1: an error is a fact about the server, and says by its type what is still to be trusted.
Rule 2: what comes from here is only what to do; when is the business of the back-off.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from trio_k8swatch._errors import (
    ApiError,
    Expired,
    Forbidden,
    K8sWatchError,
    NotFound,
    ProtocolError,
    TooManyRequests,
    Unauthorized,
)
from trio_k8swatch._wire import is_too_large_version

__all__ = ["Next", "after_list_failure", "after_watch_failure", "refuses_streaming", "retry_after_of"]

_UNSUPPORTED: Final = frozenset({400, 422})
"""How servers refuse `sendInitialEvents` that do not have it (F31)."""


class Next(Enum):
    """What the next attempt is."""

    WATCH = "watch from the same version"
    LIST = "list, at least as new as what we have"
    CONSISTENT_LIST = "list, as new as the server can be"


def after_watch_failure(error: K8sWatchError, *, in_a_row: int) -> Next:
    """What to try when a watch request was refused, or its stream broke or made no sense.

    `in_a_row` counts failed watches since anything was last received; from 1.
    """
    if isinstance(error, (Expired, ProtocolError, NotFound)):
        return Next.LIST
    if isinstance(error, (Unauthorized, Forbidden, TooManyRequests)):
        return Next.WATCH
    if isinstance(error, ApiError):
        # An ERROR event that names no code is no Status at all (F40); an internal error may pass (F38), but not for ever.
        return Next.LIST if error.status.code == 0 or in_a_row > 1 else Next.WATCH
    return Next.WATCH


def after_list_failure(error: K8sWatchError) -> Next:
    """What to try when a list failed. A version that the server does not have yet, or any more, is not asked for again."""
    if isinstance(error, (Expired, ProtocolError)) or (isinstance(error, ApiError) and is_too_large_version(error)):
        return Next.CONSISTENT_LIST
    return Next.LIST


def refuses_streaming(error: K8sWatchError) -> bool:
    """Whether a server says with this that it has no streaming lists."""
    return isinstance(error, ApiError) and error.status.code in _UNSUPPORTED


def retry_after_of(error: K8sWatchError) -> float | None:
    """Seconds that the server asked for, if it did."""
    return error.retry_after if isinstance(error, ApiError) else None
