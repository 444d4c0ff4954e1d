"""What follows which failure."""

from __future__ import annotations

import pytest

from trio_k8swatch import (
    ApiError,
    Expired,
    Forbidden,
    K8sWatchError,
    NotFound,
    ProtocolError,
    Status,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from trio_k8swatch._reflector.plan import (
    Next,
    after_list_failure,
    after_watch_failure,
    refuses_streaming,
    retry_after_of,
)


def api(type_: type[ApiError], code: int, retry_after: float | None = None, message: str = "") -> ApiError:
    return type_("refused", status=Status(code=code, message=message), retry_after=retry_after)


@pytest.mark.parametrize(
    ("error", "first", "again"),
    [
        (api(Expired, 410), Next.LIST, Next.LIST),
        (ProtocolError("x"), Next.LIST, Next.LIST),
        (api(NotFound, 404), Next.LIST, Next.LIST),
        (api(Unauthorized, 401), Next.WATCH, Next.WATCH),
        (api(Forbidden, 403), Next.WATCH, Next.WATCH),
        (api(TooManyRequests, 429), Next.WATCH, Next.WATCH),
        (Unavailable("x"), Next.WATCH, Next.WATCH),
        (api(ApiError, 500), Next.WATCH, Next.LIST),
        (api(ApiError, 0), Next.LIST, Next.LIST),
        (api(ApiError, 504), Next.WATCH, Next.LIST),
    ],
)
def test_B2_W1_a_failed_watch_is_answered_by_its_code(error: K8sWatchError, first: Next, again: Next) -> None:
    """The Go package tried the same version for ever, whatever the server said."""
    assert after_watch_failure(error, in_a_row=1) is first
    assert after_watch_failure(error, in_a_row=2) is again


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (api(Expired, 410), Next.CONSISTENT_LIST),
        (ProtocolError("x"), Next.CONSISTENT_LIST),
        (api(ApiError, 504, message="Too large resource version"), Next.CONSISTENT_LIST),
        (api(ApiError, 504), Next.LIST),
        (Unavailable("x"), Next.LIST),
        (api(Forbidden, 403), Next.LIST),
    ],
)
def test_L6_a_failed_list_does_not_ask_again_for_a_version_that_is_not_to_be_had(
    error: K8sWatchError, expected: Next
) -> None:
    """Neither one that is history, nor one that the server has yet to reach."""
    assert after_list_failure(error) is expected


@pytest.mark.parametrize(("code", "refuses"), [(400, True), (422, True), (410, False), (500, False)])
def test_a_server_without_streaming_lists_says_so_by_its_code(code: int, *, refuses: bool) -> None:
    """As invalid, or as a bad request."""
    assert refuses_streaming(api(ApiError, code)) is refuses
    assert not refuses_streaming(Unavailable("x"))


def test_only_the_server_can_say_when_to_come_back() -> None:
    """No answer says nothing."""
    assert retry_after_of(api(TooManyRequests, 429, retry_after=3)) == 3
    assert retry_after_of(api(TooManyRequests, 429)) is None
    assert retry_after_of(Unavailable("x")) is None
