"""What Prometheus sees of a watch."""

from __future__ import annotations

from .metrics import Metrics, MetricsConfig, WatchMetrics

__all__ = ["Metrics", "MetricsConfig", "WatchMetrics"]
