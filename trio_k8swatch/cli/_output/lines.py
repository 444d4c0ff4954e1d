"""Changes as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

import msgspec

from trio_k8swatch._object_meta import DynamicObject, PartialObjectMetadata
from trio_k8swatch._store import Change
from trio_k8swatch.cli._table.columns import KubectlColumns, cells_at, headings
from trio_k8swatch.cli._table.server_table import TableReader, TableRow
from trio_k8swatch.discovery._rest_mapper import ServedResource

__all__ = ["JsonLines", "Lines", "NameLines", "TableLines"]

T = TypeVar("T")

_ON_ONE_LINE: Final = -1
"""msgspec's indent for no white space at all."""


class Lines(Protocol[T]):
    """One way to write changes."""

    def expect(self, objects: Iterable[T], now: float) -> None:
        """These will be the first."""
        ...

    def line(self, change: Change[T], now: float) -> bytes:
        """A change as a line, with its end; before the first one there may be a heading."""
        ...


class JsonLines:
    """`{"type":"ADDED","object":{...}}`, with every field that the server sent, in its order."""

    def expect(self, objects: Iterable[DynamicObject], now: float) -> None:
        """JSON needs no columns."""

    def line(self, change: Change[DynamicObject], now: float) -> bytes:
        """A change as JSON."""
        raw = change.object.raw
        if b"\n" in raw:
            raw = msgspec.json.format(raw, indent=_ON_ONE_LINE)
        return b'{"type":"%s","object":%s}\n' % (change.type.encode(), raw)


class NameLines:
    """`pod/web-0`, `deployment.apps/web`: as kubectl writes it, and takes it."""

    def __init__(self, served: ServedResource) -> None:
        kind = (served.singular or served.kind).lower()
        self._prefix = f"{kind}.{served.group}/" if served.group else f"{kind}/"

    def expect(self, objects: Iterable[PartialObjectMetadata], now: float) -> None:
        """Names need no columns."""

    def line(self, change: Change[PartialObjectMetadata], now: float) -> bytes:
        """The name of what changed."""
        return f"{self._prefix}{change.object.metadata.name}\n".encode()


class TableLines:
    """As `kubectl get --watch` appends them: no sign of what happened, the last state of what went."""

    def __init__(self, reader: TableReader, *, with_namespace: bool) -> None:
        self._reader = reader
        self._with_namespace = with_namespace
        self._layout = KubectlColumns()
        self._headed = False

    def expect(self, objects: Iterable[TableRow], now: float) -> None:
        """Make the columns wide enough."""
        heading = headings(self._reader.columns, with_namespace=self._with_namespace)
        rows = [cells_at(row, now, with_namespace=self._with_namespace) for row in objects]
        self._layout.widen([heading, *rows])

    def line(self, change: Change[TableRow], now: float) -> bytes:
        """The row; before the first one the heading."""
        rows = [cells_at(change.object, now, with_namespace=self._with_namespace)]
        if not self._headed:
            # Not sooner: where there is nothing, the columns come with the first event.
            rows.insert(0, headings(self._reader.columns, with_namespace=self._with_namespace))
            self._headed = True
        self._layout.widen(rows)
        return "".join(map(self._layout.line, rows)).encode()
