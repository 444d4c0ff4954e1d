"""Answers as the server words them: JSON, plain text, refusals."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._json import encode

from .messages import Headers, Response, answer
from .statuses import Refused

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"


def json_answer(status: int, value: object, headers: Headers = ()) -> Response:
    """`value` as one line of JSON."""
    return answer(status, JSON, [encode(value) + b"\n"], headers)


def text_answer(status: int, text: str, headers: Headers = ()) -> Response:
    """Plain text."""
    return answer(status, TEXT, [text.encode()], (("X-Content-Type-Options", "nosniff"), *headers))


def refusal(refused: Refused) -> Response:
    """A `Status` body with its HTTP status."""
    headers: list[tuple[str, str]] = []
    if refused.retry_after_seconds is not None and refused.status in {429, 500, 503, 504}:
        headers.append(("Retry-After", str(refused.retry_after_seconds)))
    if refused.status == 403 and not refused.by_admission:
        headers.append(("X-Content-Type-Options", "nosniff"))
    return json_answer(refused.status, refused.body, tuple(headers)).with_warnings(*refused.warnings)
