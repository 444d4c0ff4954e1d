"""Prometheus metrics of the watch, on a port."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._metrics import Metrics

__all__ = ["PREFIX", "serving_metrics"]

PREFIX: Final = "trio_k8swatch"


@contextmanager
def serving_metrics(port: int | None) -> Generator[Metrics | None]:
    """Metrics that are served at `:port/metrics`, on all addresses, until the block is left; None without a port.

    Raises ConfigError if the port cannot be had.
    """
    if port is None:
        yield None
        return
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, registry=registry)
    except OSError as error:
        raise ConfigError(f"--metrics-port {port} cannot be had: {error.strerror}; choose another") from error
    try:
        yield Metrics(PREFIX, registry)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
