"""The progress of a long list, shown on a terminal only."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["ListProgress"]


class ListProgress:
    """A bar on stderr, if that is a terminal, from the first page of a list that has more until this is closed."""

    def __init__(self, what: str, console: Console | None = None) -> None:
        self._what = what
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._closed = not self._console.is_terminal

    def on_page(self, taken: int, total: int | None) -> None:
        """A page came: so many objects were read of so many, None if that is not known."""
        if self._closed:
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                auto_refresh=False,
                transient=True,
            )
            self._progress.add_task(f"listing {self._what}", total=total)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], completed=taken, total=total, refresh=True)

    def close(self) -> None:
        """Take the bar away. May be called twice."""
        self._closed = True
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
