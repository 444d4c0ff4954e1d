"""Ways to become someone the API server trusts."""

from __future__ import annotations

from trio_k8swatch.connect._connection import TLS, Connection
from trio_k8swatch.connect._load import from_cluster, from_kubeconfig, load, to
from trio_k8swatch.connect._proxy import split_proxy
from trio_k8swatch.connect._surroundings import Surroundings

__all__ = ["TLS", "Connection", "Surroundings", "from_cluster", "from_kubeconfig", "load", "split_proxy", "to"]
