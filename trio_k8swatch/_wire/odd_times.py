"""Times in an object's metadata that are no times."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, TypeGuard

import msgspec

__all__ = ["without_odd_times"]

_LEAP_SECOND: Final = re.compile(r":60(?=[.Z+-])")

_UNKNOWN: Final = "1970-01-01T00:00:00Z"
"""An object that is being deleted is that, whatever its server says of the time."""


def without_odd_times(obj: Any) -> Any:
    """`obj`, or an event of it, in plain dicts: what is no RFC 3339 time in its metadata is left out.

    A deletionTimestamp becomes the beginning of the epoch, a leap second the one before it.
    """
    if not _is_object(obj):
        return obj
    if "metadata" not in obj:
        return {**obj, "object": without_odd_times(obj["object"])} if "object" in obj else obj
    metadata = obj["metadata"]
    if not _is_object(metadata):
        return obj
    times = {name: metadata[name] for name in ("creationTimestamp", "deletionTimestamp") if name in metadata}
    return {**obj, "metadata": {**metadata, **{name: _time(name, value) for name, value in times.items()}}}


def _time(name: str, value: Any) -> Any:
    if isinstance(value, str):
        for text in (value, _LEAP_SECOND.sub(":59", value)):
            if _is_time(text):
                return text
    return _UNKNOWN if name == "deletionTimestamp" and value else None


def _is_time(text: str) -> bool:
    try:
        msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return False
    return True


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
