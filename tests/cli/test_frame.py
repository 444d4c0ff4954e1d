"""How a moving table looks: compared with pictures that somebody has looked at (`golden/`)."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from cli.tables import POD_COLUMNS, added, deleted, modified, row, there
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from trio_k8swatch import Health, State
from trio_k8swatch.cli._table.ages import Growing
from trio_k8swatch.cli._table.columns import TableStyle
from trio_k8swatch.cli._table.frame import Frame, draw, most_recent
from trio_k8swatch.cli._table.rows import View
from trio_k8swatch.cli._table.server_table import Column
from trio_k8swatch.cli._table.status_line import Situation, status_lines

GOLDEN = Path(__file__).parent / "golden"
NOW = 1000.0
LIVE = Health(
    state=State.LIVE,
    since=900.0,
    is_failing=False,
    staleness=2.5,
    resource_version="77",
    last_error="Unavailable: it was down, but that is over",
    last_error_at=899.0,
    failures=0,
    last_byte_at=None,
    last_event_at=None,
    last_bookmark_at=None,
    last_list_at=None,
)
FAILING = replace(
    LIVE,
    state=State.RECONNECTING,
    is_failing=True,
    since=NOW - 125,
    staleness=130.0,
    last_error="Unavailable: cannot watch pods (v1) in all namespaces: https://api.example:6443 cannot be reached: refused",
)
SITUATION = Situation(LIVE, NOW, "pods in all namespaces", objects=6, shown=6, changes_per_minute=12, reconnects=2)


def pod(name: str, ready: str, status: str, restarts: str | Growing = "0", *, born: float = NOW - 7200):
    return row(name, ready, status, restarts, Growing(born))


def busy_view() -> View:
    """Every kind of line there is."""
    view = View()
    for one in (
        there(pod("api-cc98a6416d-j4x9r", "1/1", "Running")),
        there(pod("cart-6f5a921187-nz2jw", "0/1", "CrashLoopBackOff", Growing(NOW - 43, "7 (", " ago)"))),
        there(pod("search-ebce164dba-q5984", "1/1", "Running", born=NOW - 3 * 86400)),
        there(pod("web-62d82c07cd-7rclv", "1/1", "Running")),
        there(pod("web-62d82c07cd-gmg7f", "1/1", "Terminating")),
        there(pod("worker-00a0116be5-with-a-name-that-is-longer-than-most-xkk8g", "1/1", "Running")),
    ):
        view.take(one, 10.0)
    view.take(modified(pod("search-ebce164dba-q5984", "0/1", "Running", born=NOW - 3 * 86400)), NOW - 4)
    view.take(deleted(pod("web-62d82c07cd-gmg7f", "1/1", "Terminating")), NOW - 4)
    view.take(added(pod("web-1772ae2244-p8hnr", "0/1", "Pending", born=NOW - 3)), NOW - 3)
    view.take(deleted(pod("web-62d82c07cd-7rclv", "1/1", "Running")), NOW - 1)
    view.take(added(pod("web-1772ae2244-9w4q9", "0/1", "Pending", born=NOW - 1)), NOW - 1)
    view.take(modified(pod("web-1772ae2244-9w4q9", "0/1", "ContainerCreating", born=NOW - 1)), NOW - 0.5)
    return view


def picture(width: int, situation: Situation = SITUATION) -> list[Text]:
    table = draw(busy_view().lines(NOW), POD_COLUMNS, Frame(width, NOW, TableStyle(with_namespace=True)))
    return [*table, *status_lines(situation, width)]


def printed(lines: list[Text], width: int, *, colour: bool) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=True, color_system="standard", no_color=not colour, highlight=False
    )
    console.print(*lines, sep="\n")
    return out.getvalue()


@pytest.mark.parametrize("colour", [True, False], ids=["colour", "plain"])
@pytest.mark.parametrize("width", [80, 200])
def test_the_table_looks_as_it_did(width: int, colour: bool) -> None:
    """Run with REWRITE_GOLDEN=1 and look at the difference if it is to look otherwise."""
    drawn = printed(picture(width), width, colour=colour)
    golden = GOLDEN / f"{width}-{'colour' if colour else 'plain'}.txt"
    if "REWRITE_GOLDEN" in os.environ:
        golden.write_text(drawn)
    assert drawn == golden.read_text()


@pytest.mark.parametrize("width", [80, 200])
def test_an_outage_looks_as_it_did(width: int) -> None:
    """What was tried and why it failed, before for how long."""
    drawn = printed(status_lines(replace(SITUATION, health=FAILING), width), width, colour=True)
    golden = GOLDEN / f"{width}-outage.txt"
    if "REWRITE_GOLDEN" in os.environ:
        golden.write_text(drawn)
    assert drawn == golden.read_text()


def test_without_colour_there_is_no_colour() -> None:
    """NO_COLOR leaves signs, bold and faint."""
    drawn = printed(picture(80), 80, colour=False)
    assert not any(f"[{code}m" in drawn or f";{code}m" in drawn for code in range(30, 48))
    assert {line[0] for line in drawn.replace("\x1b[1m", "").replace("\x1b[2m", "").splitlines()} >= set("+~- ")


@given(st.integers(1, 250), st.sampled_from([LIVE, FAILING]))
def test_nothing_is_wider_than_the_terminal(width: int, health: Health) -> None:
    """However narrow it is."""
    lines = picture(width, replace(SITUATION, health=health))
    assert max(cell_len(line.plain) for line in lines) <= width


def test_columns_that_a_row_lacks_are_left_empty() -> None:
    """While a changed CustomResourceDefinition is taking effect."""
    view = View()
    view.take(there(row("a")), NOW)
    [_, line] = draw(view.lines(NOW), [Column("Name"), Column("Size"), Column("Age")], Frame(40, NOW))
    assert line.plain == "  a"


def test_news_fade() -> None:
    """Bold, then not, then as everything else."""
    view = View()
    view.take(there(pod("a", "0/1", "Pending")), 0.0)
    view.take(modified(pod("a", "1/1", "Pending")), NOW)
    styles: list[set[str]] = []
    for seconds in (0, 3, 6):
        [_, line] = draw(view.lines(NOW), POD_COLUMNS, Frame(80, NOW + seconds))
        styles.append({str(span.style) for span in line.spans if line.plain[span.start : span.end].strip() == "1/1"})
    assert styles == [{"bold yellow"}, {"yellow"}, set()]


def test_where_there_is_no_room_the_news_are_shown() -> None:
    """In their usual order; without news the first."""
    view = View()
    for name in "abcdefgh":
        view.take(there(row(name)), 0.0)
    assert [line.row.metadata.name for line in most_recent(view.lines(NOW), 3)] == ["a", "b", "c"]
    view.take(modified(row("g")), NOW - 100)
    view.take(modified(row("e")), NOW)
    assert [line.row.metadata.name for line in most_recent(view.lines(NOW), 3)] == ["a", "e", "g"]


def status(width: int, **changes: object) -> list[str]:
    return [line.plain for line in status_lines(replace(SITUATION, **changes), width)]


def test_the_status_says_what_matters_first() -> None:
    """And leaves out the rest where there is no room."""
    assert status(200) == ["live · 6 pods in all namespaces · confirmed 2s ago · 2 reconnects · 12 changes/min"]
    assert status(70) == ["live · 6 pods in all namespaces · confirmed 2s ago · 2 reconnects"]
    assert status(30) == ["live · 6 pods in all namespac…"]


def test_the_status_says_if_something_is_not_shown() -> None:
    """Nobody should take a part for the whole."""
    assert status(60, shown=4)[-1] == "live · the latest 4 of 6 pods in all namespaces"


def test_an_old_error_is_not_shown() -> None:
    """Only one that still matters."""
    assert len(status(80)) == 1
    assert status(80, health=FAILING)[0].startswith("Unavailable: cannot watch")
    assert status(80, health=FAILING)[1].startswith("reconnecting for 2m5s · ")


def test_before_the_first_list_nothing_is_confirmed() -> None:
    """An infinite age is no age."""
    starting = replace(LIVE, state=State.STARTING, staleness=float("inf"))
    assert "confirmed" not in status(200, health=starting)[0]


@pytest.mark.parametrize(
    ("next_attempt_at", "expected"),
    [
        (NOW + 2.4, "reconnecting for 2m5s (unreachable), next attempt in 2s"),
        (NOW - 0.1, "reconnecting for 2m5s (unreachable), trying"),
        (None, "reconnecting for 2m5s (unreachable)"),
    ],
)
def test_the_status_line_says_why_and_when_next(next_attempt_at: float | None, expected: str) -> None:
    """While the watch fails."""
    health = replace(FAILING, reason="unreachable", next_attempt_at=next_attempt_at)
    line = status_lines(replace(SITUATION, health=health), 200)[-1].plain
    assert line.startswith(f"{expected} · ")
