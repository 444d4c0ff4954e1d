"""Rows and changes for tests of tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trio_k8swatch import Change
from trio_k8swatch._object_meta import ObjectMeta
from trio_k8swatch.cli._table.ages import Cell
from trio_k8swatch.cli._table.server_table import Column, TableRow

WIRE = Path(__file__).parent.parent / "testing" / "wire"

POD_COLUMNS = [Column("Name", format="name"), Column("Ready"), Column("Status"), Column("Restarts"), Column("Age")]


def row(name: str, *cells: Cell, namespace: str = "shop", uid: str | None = None) -> TableRow:
    return TableRow(ObjectMeta(name=name, namespace=namespace, uid=uid or f"{namespace}-{name}"), (name, *cells))


def there(row: TableRow) -> Change[TableRow]:
    return Change("ADDED", row, preexisting=True)


def added(row: TableRow) -> Change[TableRow]:
    return Change("ADDED", row)


def modified(row: TableRow) -> Change[TableRow]:
    return Change("MODIFIED", row)


def deleted(row: TableRow) -> Change[TableRow]:
    return Change("DELETED", row)


def recorded(case: str) -> list[dict[str, Any]]:
    """The responses in a recording of a real API server."""
    exchanges: Sequence[dict[str, Any]] = json.loads((WIRE / f"{case}.json").read_text())["exchanges"]
    return [exchange["response"] for exchange in exchanges]
