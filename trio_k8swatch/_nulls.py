"""In Kubernetes, null is as good as absent; msgspec sees a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

__all__ = ["tolerating_nulls"]

R = TypeVar("R")


def tolerating_nulls(decode: Callable[[bytes], R], text: bytes) -> R:
    """`decode(text)`; if that does not fit, once more without the nulls in `text`. Raises the error of the first attempt.

    Clients in Go read null as empty, so servers written by hand get away with sending it. Real ones never do.
    """
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        try:
            return decode(msgspec.json.encode(_without_nulls(msgspec.json.decode(text))))
        except msgspec.ValidationError:
            raise error from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _without_nulls(inner) for key, inner in fields.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in cast("list[Any]", value)]
    return value
