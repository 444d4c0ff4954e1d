"""Column widths: kubectl's, and a terminal's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trio_k8swatch.cli._table.columns import KubectlColumns, cut, fit, widths_of


def test_lines_stay_in_line_as_they_are_appended() -> None:
    """Columns are at least as wide as kubectl's, grow for what is longer, and never shrink."""
    columns = KubectlColumns()
    written = ""
    for cells in (["A", "NAME", "AGE"], ["x", "a-long-name", "1s"], ["y", "b", "2s"]):
        columns.widen([cells])
        written += columns.line(cells)
    assert written == "A     NAME   AGE\nx     a-long-name   1s\ny     b             2s\n"


def test_columns_that_fit_keep_their_widths() -> None:
    """With kubectl's gap of three, or two if that makes the difference."""
    assert fit([10, 5, 3], 24) == ([10, 5, 3], 3)
    assert fit([10, 5, 3], 22) == ([10, 5, 3], 2)


def test_the_widest_columns_give_way_first() -> None:
    """Narrow ones stay readable."""
    assert fit([60, 5, 30, 3], 60) == ([23, 5, 23, 3], 2)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=12), st.integers(0, 250))
def test_columns_never_get_more_than_there_is(widths: list[int], total: int) -> None:
    """Nor more than they want. Those that are shown get all there is, until they have what they want."""
    fitted, gap = fit(widths, total)
    assert all(got <= wanted for got, wanted in zip(fitted, widths, strict=True))
    shown = max((index for index, width in enumerate(fitted, 1) if width), default=1)
    used = sum(fitted) + gap * (shown - 1)
    if total >= 1:
        assert used <= total
        assert used == total or fitted[:shown] == widths[:shown]


def test_columns_that_would_become_unreadable_are_left_out() -> None:
    """From the right, as many as it takes: `-o wide` of pods in 80 places."""
    assert fit([9, 24, 5, 11, 8, 3, 15, 15, 14, 15], 78) == ([9, 24, 5, 11, 8, 3, 0, 0, 0, 0], 2)
    assert fit([39, 5, 7, 8, 3, 6, 4, 14, 15], 78) == ([17, 5, 7, 8, 3, 6, 4, 14, 0], 2)


@given(st.text(st.characters(categories=["L", "N", "P", "So"])), st.integers(0, 30), st.booleans())
def test_a_cut_text_is_exactly_as_wide_as_asked(text: str, width: int, keep_end: bool) -> None:
    """Also where characters take two places."""
    assert cell_len(cut(text, width, keep_end=keep_end)) == width


@pytest.mark.parametrize(
    ("text", "width", "keep_end", "shown"),
    [
        ("web-0", 8, False, "web-0   "),
        ("CrashLoopBackOff", 8, False, "CrashLo…"),
        ("web-1772ae2244-dnvtf", 11, True, "web-1…dnvtf"),
        ("web-1772ae2244-dnvtf", 1, True, "…"),
        ("日本語", 5, False, "日本…"),
        ("日本語の名前", 7, True, "日本…前"),
    ],
)
def test_what_is_cut_out_shows(text: str, width: int, keep_end: bool, shown: str) -> None:
    """By an ellipsis; in names it stands in the middle."""
    assert cut(text, width, keep_end=keep_end) == shown


def test_wide_characters_count_twice() -> None:
    """As they do in a terminal."""
    assert widths_of([["日本", "a"], ["b", "ccc"]]) == [4, 3]
