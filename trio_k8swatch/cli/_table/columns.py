"""How wide columns are: as kubectl has them, or as a terminal allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from rich.cells import cell_len, chop_cells, set_cell_size

from trio_k8swatch.cli._output.safe_text import printable
from trio_k8swatch.cli._table.ages import text_at
from trio_k8swatch.cli._table.server_table import Column, TableRow

__all__ = ["KubectlColumns", "TableStyle", "cells_at", "cut", "fit", "headings", "widths_of"]

_PADDING: Final = 3
_LEAST_WIDTH: Final = 6
"""kubectl's, padding included."""

_READABLE_WIDTH: Final = 16
"""Names that are cut to less can no longer be distinguished."""

_ELLIPSIS: Final = "…"


class TableStyle(msgspec.Struct, frozen=True):
    """Which columns kubectl's options add to those of the server."""

    with_namespace: bool = False
    name_prefix: str = ""
    """`pod/`, where several resources are shown."""
    label_columns: tuple[str, ...] = ()
    show_labels: bool = False


def headings(columns: Iterable[Column], style: TableStyle) -> list[str]:
    """What stands above the columns."""
    namespace = ["NAMESPACE"] if style.with_namespace else []
    labels = [key.rpartition("/")[2].upper() for key in style.label_columns]
    return [
        *namespace,
        *(column.name.upper() for column in columns),
        *labels,
        *(["LABELS"] if style.show_labels else []),
    ]


def cells_at(row: TableRow, now: float, style: TableStyle) -> list[str]:
    """What stands in a row at `now`."""
    metadata = row.metadata
    cells = [text_at(cell, now) for cell in row.cells]
    if style.name_prefix and cells:
        cells[0] = style.name_prefix + cells[0]
    namespace = [metadata.namespace] if style.with_namespace else []
    labels = [printable(metadata.labels.get(key, "")) for key in style.label_columns]
    return [*namespace, *cells, *labels, *([_all_labels(metadata.labels)] if style.show_labels else [])]


def _all_labels(labels: Mapping[str, str]) -> str:
    return printable(",".join(f"{key}={value}" for key, value in sorted(labels.items()))) or "<none>"


class KubectlColumns:
    """Lays out rows as `kubectl get` does. Columns never become narrower again, so what is appended stays in line."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def widen(self, rows: Iterable[Sequence[str]]) -> None:
        """Make room for all these."""
        for row in rows:
            self._widths += [_LEAST_WIDTH] * (len(row) - len(self._widths))
            # The last one is as long as it is.
            for index, cell in enumerate(row[:-1]):
                self._widths[index] = max(self._widths[index], len(cell) + _PADDING)

    def line(self, row: Sequence[str]) -> str:
        """One row, with its end."""
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], self._widths, strict=False)]
        return "".join([*padded, *row[-1:], "\n"])


def widths_of(rows: Iterable[Sequence[str]]) -> list[int]:
    """How many places of a terminal the columns would like to have."""
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for index, cell in enumerate(row):
            widths[index] = max(widths[index], cell_len(cell))
    return widths


def fit(widths: Sequence[int], total: int) -> tuple[list[int], int]:
    """The widths that columns get in `total` places, and the gap between them.

    First the gaps shrink, then the widest columns, to one width that they share. Where that would be too narrow to read,
    the rightmost columns are left out: they get nothing.
    """
    for gap in (_PADDING, _PADDING - 1):
        if sum(widths) + gap * (len(widths) - 1) <= total:
            return list(widths), gap
    gap = _PADDING - 1
    shown = len(widths)
    while shown > 1 and _shared_width(widths[:shown], total - gap * (shown - 1)) < _READABLE_WIDTH:
        shown -= 1
    room = max(0, total - gap * (shown - 1))
    level = _shared_width(widths[:shown], room)
    fitted = [min(width, level) for width in widths[:shown]]
    # What is left over goes to the first that were cut.
    for index, width in enumerate(widths[:shown]):
        if sum(fitted) < room and fitted[index] < width:
            fitted[index] += 1
    return fitted + [0] * (len(widths) - shown), gap


def _shared_width(widths: Sequence[int], room: int) -> int:
    """The largest width to which all columns can be cut so that they fit into `room`; at least 1."""
    if sum(widths) <= room:
        return max(_READABLE_WIDTH, *widths)
    return max((width for width in range(1, room + 1) if sum(min(w, width) for w in widths) <= room), default=1)


def cut(text: str, width: int, *, keep_end: bool = False) -> str:
    """`text` in exactly `width` places, with an ellipsis where something is left out.

    `keep_end` leaves it out in the middle: names of pods differ in their last letters.
    """
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width < 1:
        return ""
    tail = (width - 1) // 2 if keep_end else 0
    end = "".join(reversed(chop_cells(text[::-1], tail)[0])) if tail else ""
    return set_cell_size(text, width - 1 - cell_len(end)) + _ELLIPSIS + end
