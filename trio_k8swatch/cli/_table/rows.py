"""The rows of a live table, with what changed in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from trio_k8swatch._object_meta import key_of
from trio_k8swatch._store import Change
from trio_k8swatch.cli._table.ages import Cell, Growing
from trio_k8swatch.cli._table.server_table import TableRow

__all__ = ["NEWS_SECONDS", "Line", "View"]

NEWS_SECONDS: Final = 6.0
"""For so long a change is marked, and an object that went is still shown."""

_RATE_SECONDS: Final = 60.0


class Line(msgspec.Struct):
    """One object. Times are on the same clock as those of changes, None for never."""

    row: TableRow
    came: float | None = None
    touched: float | None = None
    """When anything of it last changed, shown or not."""
    went: float | None = None
    changed: dict[int, float] = msgspec.field(default_factory=dict[int, float])
    """When which cell last changed."""

    @property
    def newest(self) -> float:
        """When it was last news; 0 for what was there from the beginning."""
        return max(self.came or 0.0, self.touched or 0.0, self.went or 0.0)


class View:
    """All lines, and how busy it was lately."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._changes: deque[float] = deque()

    def take(self, change: Change[TableRow], now: float) -> None:
        """Show a change."""
        key = key_of(change.object.metadata)
        if not change.preexisting:
            self._changes.append(now)
        line = self._lines.get(key)
        if change.type == "DELETED":
            self._lines.setdefault(key, Line(change.object)).went = now
        elif line is None or line.went is not None:
            self._lines[key] = Line(change.object, came=None if change.preexisting else now)
        else:
            for index in _differences(line.row.cells, change.object.cells):
                line.changed[index] = now
            line.row, line.touched = change.object, now

    def lines(self, now: float) -> list[Line]:
        """By namespace and name, as a list from the server has them. What went is forgotten after a while."""
        faded = [key for key, line in self._lines.items() if line.went is not None and now - line.went >= NEWS_SECONDS]
        for key in faded:
            del self._lines[key]
        return sorted(self._lines.values(), key=lambda line: (line.row.metadata.namespace, line.row.metadata.name))

    def changes_per_minute(self, now: float) -> int:
        """Changes in the last minute."""
        while self._changes and now - self._changes[0] > _RATE_SECONDS:
            self._changes.popleft()
        return len(self._changes)


def _differences(old: Sequence[Cell], new: Sequence[Cell]) -> list[int]:
    """Which cells show something else; that an age is another is no news."""
    return [
        index for index, cell in enumerate(new) if index >= len(old) or _without_age(old[index]) != _without_age(cell)
    ]


def _without_age(cell: Cell) -> str:
    return f"{cell.before}{cell.after}" if isinstance(cell, Growing) else cell
