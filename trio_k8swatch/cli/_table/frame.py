"""A moving table as it looks at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.cells import cell_len
from rich.text import Text

from trio_k8swatch.cli._table.columns import TableStyle, cells_at, cut, fit, headings, widths_of
from trio_k8swatch.cli._table.rows import NEWS_SECONDS, Line
from trio_k8swatch.cli._table.server_table import Column

__all__ = ["MARK_WIDTH", "Frame", "draw", "most_recent"]

MARK_WIDTH: Final = 2
"""What happened, as a sign before the row, so that it can also be seen without colours."""

_FRESH_SECONDS: Final = NEWS_SECONDS / 3
"""So long news stand out; after that they fade."""


class Frame(msgspec.Struct, frozen=True):
    """Where to draw, and when."""

    width: int
    now: float
    style: TableStyle = msgspec.field(default_factory=TableStyle)


def most_recent(lines: Sequence[Line], count: int) -> list[Line]:
    """If there is no room for all: those that changed last, in their order. Without news, the first."""
    if len(lines) <= count:
        return list(lines)
    chosen = sorted(range(len(lines)), key=lambda index: -lines[index].newest)[:count]
    return [lines[index] for index in sorted(chosen)]


def draw(lines: Sequence[Line], columns: Sequence[Column], frame: Frame) -> list[Text]:
    """The heading, and a text for each line; none is wider than the frame."""
    heading = headings(columns, frame.style)
    rows = [cells_at(line.row, frame.now, frame.style) for line in lines]
    widths, gap = fit(widths_of([heading, *rows]), frame.width - MARK_WIDTH)
    spaces = " " * gap
    offset = 1 if frame.style.with_namespace else 0
    names = {index + offset for index, column in enumerate(columns) if column.format == "name"}
    drawn = [Text(" " * MARK_WIDTH + spaces.join(map(cut, heading, widths)), style="bold")]
    for line, cells in zip(lines, rows, strict=True):
        sign, sign_style, row_style = _mark(line, frame.now)
        text = Text(style=row_style)
        text.append(sign.ljust(MARK_WIDTH), style=sign_style)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=False)):
            style = "" if line.went is not None else _news_style(line.changed.get(index - offset), frame.now)
            text.append(spaces if index else "").append(cut(cell, width, keep_end=index in names), style=style)
        drawn.append(text)
    for text in drawn:
        if cell_len(text.plain) > frame.width:
            text.truncate(frame.width)
        text.rstrip()
    return drawn


def _mark(line: Line, now: float) -> tuple[str, str, str]:
    """The sign before a row, its style, and that of the row."""
    if line.went is not None:
        return "-", "bold red", "red" if now - line.went < _FRESH_SECONDS else "red dim"
    if line.came is not None and now - line.came < NEWS_SECONDS:
        return "+", "bold green", "green" if now - line.came < _FRESH_SECONDS else ""
    if line.touched is not None and now - line.touched < NEWS_SECONDS:
        return "~", _news_style(line.touched, now), ""
    return " ", "", ""


def _news_style(since: float | None, now: float) -> str:
    if since is None or now - since >= NEWS_SECONDS:
        return ""
    return "bold yellow" if now - since < _FRESH_SECONDS else "yellow"
