"""Connections: kubeconfig files, service accounts, and explicit servers."""

from __future__ import annotations

from ._connection import TLS, Connection
from ._environment import Surroundings
from ._load import from_cluster, from_kubeconfig, load, to

__all__ = ["TLS", "Connection", "Surroundings", "from_cluster", "from_kubeconfig", "load", "to"]
