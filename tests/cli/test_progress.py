"""The bar while a long list is read."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trio_k8swatch.cli._output.progress import ListProgress


def console(*, terminal: bool = True) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=80, color_system=None), out


@pytest.mark.parametrize(("total", "shown"), [(6000, "500/6000"), (None, "500/?")])
def test_it_shows_how_far_the_list_is(total: int | None, shown: str) -> None:
    """Also where the server does not say how far it goes."""
    terminal, out = console()
    with ListProgress("pods", terminal) as progress:
        progress.on_page(500, total)
        assert "listing pods" in out.getvalue()
        assert shown in out.getvalue()


def test_it_leaves_nothing_behind() -> None:
    """The line is cleared, the cursor is back, and later lists are not shown."""
    terminal, out = console()
    with ListProgress("pods", terminal) as progress:
        progress.on_page(500, 1000)
        progress.close()
        left = out.getvalue()
        progress.on_page(500, 1000)
    assert left.endswith(("\x1b[2K", "\x1b[1A\x1b[2K"))
    assert "\x1b[?25h" in left
    assert out.getvalue() == left


def test_it_is_only_for_terminals() -> None:
    """A log file does not want it."""
    file, out = console(terminal=False)
    with ListProgress("pods", file) as progress:
        progress.on_page(500, 1000)
    assert out.getvalue() == ""
