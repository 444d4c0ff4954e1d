"""Refusals as errors."""

from __future__ import annotations

import json
import math
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_k8swatch import ApiError, Expired, Forbidden, NotFound, NotWatchable, Status, TooManyRequests, Unauthorized
from trio_k8swatch._errors import StatusCause, StatusDetails
from trio_k8swatch._wire.status_to_error import (
    error_from_response,
    error_from_status,
    is_too_large_version,
    parse_retry_after,
)


@given(st.one_of(st.text(max_size=40), st.floats().map(str), st.integers().map(str)), st.floats(0, 2e9))
@example("nan", 0)
@example("-1", 0)
@example("inf", 0)
@example("Wed, 21 Oct 2015 07:28:00 GMT", 2e9)
@example("Wed, 21 Oct 99999 07:28:00 GMT", 0)
@example("1 Jan 1 00:00 +9999", 0)
@example("9" * 400, 0)
def test_a_retry_after_is_never_negative_and_always_a_number(value: str, now: float) -> None:
    """Whatever a server or a proxy puts there; and nothing that it puts there raises."""
    seconds = parse_retry_after(value, now_epoch=now)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1", 1), (" 10 ", 10), ("0", 0), ("1.5", 1.5), ("-3", 0), ("", None), ("soon", None), ("nan", None)],
)
def test_a_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    """Whole or fractional; less than nothing is nothing."""
    assert parse_retry_after(value, now_epoch=0) == seconds


def test_a_retry_after_may_be_a_date() -> None:
    """In the future; one that is past means now."""
    now = 1_700_000_000.0
    assert parse_retry_after(formatdate(now + 30, usegmt=True), now_epoch=now) == 30
    assert parse_retry_after(formatdate(now - 30, usegmt=True), now_epoch=now) == 0


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (405, "MethodNotAllowed", NotWatchable),
        (406, "NotAcceptable", NotWatchable),
        (415, "UnsupportedMediaType", NotWatchable),
        (410, "Expired", Expired),
        (410, "Gone", Expired),
        (410, "", Expired),
        (0, "Expired", Expired),
        (500, "Expired", Expired),
        (429, "TooManyRequests", TooManyRequests),
        (500, "InternalError", ApiError),
        (504, "Timeout", ApiError),
        (0, "", ApiError),
    ],
)
def test_a_status_becomes_the_error_of_its_code(code: int, reason: str, expected: type[ApiError]) -> None:
    """Where code and reason disagree, Expired is believed from either."""
    error = error_from_status(Status(code=code, reason=reason, message="m"), doing="list pods")
    assert type(error) is expected
    assert error.status.code == code
    assert str(error).startswith(f"cannot list pods: the server answered {code}")


def test_an_error_says_the_way_out_on_one_line() -> None:
    """What, where, and what to do."""
    error = error_from_status(Status(code=403, reason="Forbidden", message="no\n  rights"), doing="list pods")
    assert str(error) == (
        "cannot list pods: the server answered 403 Forbidden: no rights"
        " (give this user list and watch on the resource (kubectl auth can-i list RESOURCE))"
    )
    assert "without a message" in str(error_from_status(Status(code=500), doing="list pods"))


def test_the_details_of_a_status_may_say_when_to_come_back() -> None:
    """If the header does not; zero says nothing."""
    details = StatusDetails(retry_after_seconds=7)
    assert error_from_status(Status(code=429, details=details), doing="x").retry_after == 7
    assert error_from_status(Status(code=429, details=details), doing="x", retry_after=3).retry_after == 3
    assert (
        error_from_status(Status(code=429, details=StatusDetails(retry_after_seconds=0)), doing="x").retry_after is None
    )
    assert error_from_status(Status(code=429, details=StatusDetails()), doing="x").retry_after is None


def response_error(code: int, body: bytes, headers: dict[str, str] | None = None) -> ApiError:
    return error_from_response(code, headers or {}, body, doing="list pods", now_epoch=0)


def test_a_body_that_is_a_status_explains_a_refusal() -> None:
    """The HTTP status wins over the code inside."""
    body = json.dumps({"kind": "Status", "code": 500, "reason": "Forbidden", "message": "why"}).encode()
    error = response_error(403, body, {"retry-after": "5"})
    assert type(error) is Forbidden
    assert (error.status.code, error.status.message, error.retry_after) == (403, "why", 5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"too many requests\n", "too many requests"),
        (b"<html><body><h1>Bad Gateway</h1></body></html>", "Bad Gateway"),
        (b"", "without a message"),
        (b"{}", "{}"),
        (b"[1,2]", "[1,2]"),
        (b"\xff\x00", "�?"),
        (b'{"message": 5}', '{"message": 5}'),
    ],
)
def test_a_body_that_is_no_status_is_quoted(body: bytes, said: str) -> None:
    """Without its markup and what cannot be printed."""
    assert str(response_error(502, body)).endswith(f"502: {said}")


def test_a_long_body_is_quoted_in_part() -> None:
    """An error is a line, not a page."""
    assert len(str(response_error(502, b"x" * 100_000))) < 300
    assert str(response_error(502, b"x" * 100_000)).endswith("x…")


@pytest.mark.parametrize(
    ("status", "is_too_large"),
    [
        (Status(code=504, details=StatusDetails(causes=(StatusCause(reason="ResourceVersionTooLarge"),))), True),
        (Status(code=504, message="Too large resource version: 9, current: 5"), True),
        (Status(code=504, details=StatusDetails(causes=(StatusCause(message="Too large resource version"),))), True),
        (Status(code=504, details=StatusDetails(causes=(StatusCause(),))), False),
        (Status(code=504, message="timeout"), False),
        (Status(code=500, message="Too large resource version"), False),
        (Status(code=504, details=StatusDetails()), False),
    ],
)
def test_a_version_that_the_server_has_not_reached_is_recognised(status: Status, *, is_too_large: bool) -> None:
    """In all the forms that servers have used."""
    assert is_too_large_version(ApiError("m", status=status)) is is_too_large
