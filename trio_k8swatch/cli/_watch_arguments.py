"""What somebody asked for on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["Order", "Output", "Target"]


class Output(StrEnum):
    """How changes are written."""

    TABLE = "table"
    NAME = "name"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Target:
    """Which API server, and as whom."""

    kubeconfig: Path | None = None
    context: str | None = None
    server: str | None = None
    token_file: Path | None = None
    certificate_authority: Path | None = None
    insecure: bool = False
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One `trio-k8swatch watch`."""

    resource: str
    target: Target = field(default_factory=Target)
    namespace: str | None = None
    """None: that of the connection."""
    all_namespaces: bool = False
    label_selector: str | None = None
    field_selector: str | None = None
    output: Output = Output.TABLE
    max_events: int | None = None
    metrics_port: int | None = None
