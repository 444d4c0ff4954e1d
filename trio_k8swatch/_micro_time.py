"""How Kubernetes writes a moment to the microsecond (`metav1.MicroTime`)."""

from __future__ import annotations

from datetime import datetime

__all__ = ["micro_time"]


def micro_time(utc: datetime) -> str:
    """`2026-11-29T06:34:47.000000Z`, for a moment in UTC."""
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
