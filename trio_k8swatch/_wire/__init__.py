"""Bytes in, values out: lines, events, pages, refusals, without a socket or a clock."""

from __future__ import annotations

from .event_types import (
    OBJECT_EVENT_OF,
    OBJECT_EVENTS,
    Added,
    Bookmark,
    Deleted,
    Failure,
    Listing,
    Modified,
    Page,
    WatchEvent,
    bookmark_at,
)
from .lines import Lines, LineSplitter
from .nulls import tolerating_nulls
from .object_decoder import Decoder, decoder_for
from .page_decoder import BROKEN
from .status_to_error import error_from_response, error_from_status, is_too_large_version, parse_retry_after
from .uid_filter import UidFilter

__all__ = [
    "BROKEN",
    "OBJECT_EVENTS",
    "OBJECT_EVENT_OF",
    "Added",
    "Bookmark",
    "Decoder",
    "Deleted",
    "Failure",
    "LineSplitter",
    "Lines",
    "Listing",
    "Modified",
    "Page",
    "UidFilter",
    "WatchEvent",
    "bookmark_at",
    "decoder_for",
    "error_from_response",
    "error_from_status",
    "is_too_large_version",
    "parse_retry_after",
    "tolerating_nulls",
]
