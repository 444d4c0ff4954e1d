"""A moving table in a terminal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from trio_k8swatch._exception_groups import lone_exception
from trio_k8swatch._store import Change, Policy, Store
from trio_k8swatch.cli._observed_list_watcher import ObservedListWatcher
from trio_k8swatch.cli._output.changes import OneForEach
from trio_k8swatch.cli._output.stdout import ReaderGone
from trio_k8swatch.cli._table.columns import TableStyle
from trio_k8swatch.cli._table.frame import Frame, draw, most_recent
from trio_k8swatch.cli._table.rows import Line, View
from trio_k8swatch.cli._table.server_table import TableReader, TableRow
from trio_k8swatch.cli._table.status_line import Situation, status_lines

__all__ = ["Screen", "is_screen"]

_REDRAW_SECONDS: Final = 1.0
"""Ages grow and marks fade also while nothing happens."""

_FIXED_LINES: Final = 2
"""Heading and status."""

_PAUSE_SECONDS: Final = 0.1
"""Between two drawings, so that a busy cluster costs no more than this."""


def is_screen() -> bool:
    """Whether standard output is a terminal, still there, in which text can be changed again."""
    return os.isatty(sys.stdout.fileno()) and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


class Screen:
    """Shows the rows of a store in place. Has the terminal for itself, and leaves the last picture behind in it."""

    def __init__(
        self,
        store: Store[TableRow],
        source: ObservedListWatcher[TableRow],
        reader: TableReader,
        *,
        what: str,
        style: TableStyle,
    ) -> None:
        self._store = store
        self._source = source
        self._reader = reader
        self._what = what
        self._style = style
        self._view = View()
        self._news = trio.Event()
        # As it was while it lasted: that it ended is what the last picture need not say.
        self._health = store.health
        self._console = _console()

    async def show(self, max_events: int | None) -> None:
        """Show what is there, and every change until there were enough, the watch ends, or this is cancelled.

        Raises ReaderGone if the terminal is closed without a signal.
        """
        try:
            with self._live() as live, lone_exception():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_drawing, live)
                    nursery.start_soon(self._follow_size)
                    async with self._store.subscribe(policy=Policy.BLOCK, name="screen") as changes:
                        await self._take(OneForEach(changes), max_events)
                    nursery.cancel_scope.cancel()
        except OSError:
            if is_screen():
                raise
            raise ReaderGone from None
        finally:
            if is_screen():
                self._console.print(*self._picture(keep_free=1), sep="\n")

    def _live(self) -> Live:
        return Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    async def _take(self, changes: AsyncIterator[Change[TableRow]], max_events: int | None) -> None:
        taken = 0
        while max_events is None or taken < max_events:
            try:
                change = await anext(changes)
            except StopAsyncIteration:
                return
            self._view.take(change, trio.current_time())
            self._news.set()
            taken += 1

    async def _keep_drawing(self, live: Live) -> None:
        while True:
            # A terminal that is held (Ctrl-S) is waited for here, and not by the whole loop.
            await trio.lowlevel.wait_writable(sys.stdout.fileno())
            if not is_screen():
                raise ReaderGone
            self._news = trio.Event()
            live.update(Group(*self._picture()), refresh=True)
            await trio.sleep(_PAUSE_SECONDS)
            with trio.move_on_after(_REDRAW_SECONDS - _PAUSE_SECONDS):
                await self._news.wait()

    async def _follow_size(self) -> None:
        with trio.open_signal_receiver(signal.SIGWINCH) as resized:
            async for _ in resized:
                self._news.set()

    def _picture(self, *, keep_free: int = 0) -> list[Text]:
        """The whole screen, or all but some lines of it: those that the shell's prompt will need."""
        now = trio.current_time()
        if not self._store.stopped:
            self._health = self._store.health
        width, height = self._console.size
        lines = self._view.lines(now)
        room = max(1, height - keep_free - _FIXED_LINES - self._health.is_failing)
        shown = most_recent(lines, room)
        table = draw(shown, self._reader.columns, Frame(width, now, self._style))
        status = status_lines(self._situation(lines, shown, now), width)
        blank = [] if keep_free else [Text("")] * (height - len(table) - len(status))
        return [*table, *blank, *status]

    def _situation(self, lines: list[Line], shown: list[Line], now: float) -> Situation:
        return Situation(
            health=self._health,
            now=now,
            what=self._what,
            objects=len(self._store),
            shown=len(self._store) if len(shown) == len(lines) else len(shown),
            changes_per_minute=self._view.changes_per_minute(now),
            reconnects=max(0, self._source.watches_opened - 1),
        )


def _console() -> Console:
    """Standard output, as it is encoded; letters that the terminal does not have become question marks."""
    stdout = sys.stdout
    file = open(stdout.fileno(), "w", encoding=stdout.encoding, errors="replace", closefd=False)  # noqa: SIM115 - it is not ours to close
    return Console(file=file, highlight=False, markup=False, emoji=False)
