"""Ways to become someone the API server trusts."""

from __future__ import annotations

from trio_k8swatch.connect._connection import TLS, Connection

__all__ = ["TLS", "Connection"]
