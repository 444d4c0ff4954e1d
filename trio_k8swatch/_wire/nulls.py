"""JSON null is treated as an absent field, as Kubernetes does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

import msgspec

from .odd_times import without_odd_times

__all__ = ["tolerating_nulls"]

R = TypeVar("R")


def tolerating_nulls(decode: Callable[[bytes], R], text: bytes) -> R:
    """`decode(text)`; if that does not fit, once more without its nulls and odd times. Raises the first error.

    Clients in Go read null as empty, so servers written by hand get away with sending it. Real ones never do.
    """
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        try:
            return decode(msgspec.json.encode(_without_nulls(without_odd_times(msgspec.json.decode(text)))))
        except msgspec.ValidationError:
            raise error from None


def _without_nulls(value: Any) -> Any:
    if _is_object(value):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if _is_array(value) else value


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
