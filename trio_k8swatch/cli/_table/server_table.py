"""`meta.k8s.io` Tables as the server sends them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import trio

from trio_k8swatch._errors import ProtocolError, Status
from trio_k8swatch._object_meta import ListMeta, ObjectMeta
from trio_k8swatch._wire import (
    BROKEN,
    OBJECT_EVENT_OF,
    Bookmark,
    Failure,
    Lines,
    Page,
    WatchEvent,
    bookmark_at,
    tolerating_nulls,
)
from trio_k8swatch.cli._output.safe_text import printable
from trio_k8swatch.cli._table.ages import Cell, age, growing

__all__ = ["Column", "TableReader", "TableRow"]

_LINE_END: Final = re.compile("[\f\n\r]")
_AGES: Final = frozenset({"age", "last seen", "first seen"})


class Column(msgspec.Struct, frozen=True):
    """One column. Those of a `priority` above 0 are for `kubectl get -o wide`."""

    name: str
    type: str = ""
    format: str = ""
    priority: int = 0


class TableRow(msgspec.Struct, frozen=True):
    """One object as a row: the cells of the columns that are shown, ready to be shown."""

    metadata: ObjectMeta
    cells: tuple[Cell, ...]


class _Partial(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Row(msgspec.Struct, frozen=True):
    cells: list[Any] = []
    object: _Partial = _Partial()


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    """A Table, or the list that a server sends which has no tables."""

    kind: str = ""
    metadata: ListMeta = ListMeta()
    column_definitions: tuple[Column, ...] | None = None
    rows: list[_Row] | None = None
    items: list[_Partial] | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


_WITHOUT_TABLES: Final = (Column("Name", "string", "name"), Column("Age", "string"))

_decode_table: Final = msgspec.json.Decoder(_Table).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode


class TableReader:
    """Reads pages and events whose objects are rows. It remembers the columns, which a watch names only once.

    Ages grow by `now`, in seconds; `epoch` is the wall clock. `wide` shows the columns of `kubectl get -o wide`, too. All
    errors are ProtocolError.
    """

    def __init__(
        self,
        now: Callable[[], float] = trio.current_time,
        epoch: Callable[[], float] = time.time,
        *,
        wide: bool = False,
    ) -> None:
        self._now = now
        self._epoch = epoch
        self._wide = wide
        self._columns: tuple[Column, ...] = _WITHOUT_TABLES

    @property
    def columns(self) -> list[Column]:
        """Those that are shown, in order."""
        return [column for column in self._columns if self._wide or column.priority == 0]

    def page(self, body: bytes) -> Page[TableRow]:
        """One body of a list."""
        try:
            table = tolerating_nulls(_decode_table, body)
        except BROKEN as error:
            raise ProtocolError(f"the body of a list ({len(body)} bytes) is no table: {error}") from error
        if table.kind != "Table" and not table.kind.endswith("List"):
            raise ProtocolError(f"asked for a table, the server sent {table.kind or 'something without a kind'}")
        return Page(self._rows(table), table.metadata)

    def events(self, lines: Lines) -> Iterator[WatchEvent[TableRow]]:
        """The events of some lines."""
        for line in lines.buffer[lines.begin : lines.stop].split(b"\n"):
            if line.strip():
                try:
                    yield self._event(line)
                except BROKEN as error:
                    raise ProtocolError(f"a line of the watch ({len(line)} bytes) is no event: {error}") from error

    def _event(self, line: bytes) -> WatchEvent[TableRow]:
        event = _decode_event(line)
        if event.type == "ERROR":
            return Failure(msgspec.json.decode(event.object, type=Status))
        table = tolerating_nulls(_decode_table, bytes(event.object))
        if event.type == "BOOKMARK":
            return self._bookmark(table)
        if event.type not in OBJECT_EVENT_OF:
            raise ProtocolError(f"an event of unknown type {event.type!r}")
        if table.kind != "Table":
            lone = tolerating_nulls(msgspec.json.Decoder(_Partial).decode, bytes(event.object))
            return OBJECT_EVENT_OF[event.type](self._plain(lone.metadata))
        rows = self._rows(table)
        if not rows:
            raise ProtocolError(f"a table without a row, in an event {event.type}")
        return OBJECT_EVENT_OF[event.type](rows[0])

    def _bookmark(self, table: _Table) -> Bookmark:
        # Of a bookmark, too, the server makes a table, in some versions with a row of nothing but the version.
        inside = table.rows[0].object.metadata.resource_version if table.rows else ""
        return bookmark_at(table.metadata.resource_version or inside)

    def _rows(self, table: _Table) -> list[TableRow]:
        if table.kind != "Table":
            return [self._plain(item.metadata) for item in table.items or ()]
        if table.column_definitions:
            self._columns = table.column_definitions
        return [self._row(row) for row in table.rows or ()]

    def _row(self, row: _Row) -> TableRow:
        metadata = row.object.metadata
        pairs = zip(self._columns, row.cells, strict=False)
        shown = [pair for pair in pairs if self._wide or pair[0].priority == 0]
        return TableRow(metadata, tuple(self._cell(column, cell, metadata) for column, cell in shown))

    def _plain(self, metadata: ObjectMeta) -> TableRow:
        """A row for an object that the server makes none of."""
        old = self._age_of(metadata)
        written = "<unknown>" if old is None else age(old)
        return TableRow(
            metadata,
            tuple(self._cell(*pair, metadata) for pair in zip(_WITHOUT_TABLES, (metadata.name, written), strict=True)),
        )

    def _cell(self, column: Column, value: Any, metadata: ObjectMeta) -> Cell:
        name = column.name.lower()
        exactly = self._age_of(metadata) if name == "age" else None
        return growing(_text(value), self._now(), is_age=name in _AGES or column.type == "date", exactly=exactly)

    def _age_of(self, metadata: ObjectMeta) -> float | None:
        created = metadata.creation_timestamp
        return None if created is None else self._epoch() - created.timestamp()


def _text(value: Any) -> str:
    """A cell as kubectl writes it, its first line only."""
    if isinstance(value, str):
        first, *more = _LINE_END.split(value, maxsplit=1)
        return printable(first) + ("..." if more else "")
    if value is None:
        return ""
    return printable(msgspec.json.encode(value).decode())
