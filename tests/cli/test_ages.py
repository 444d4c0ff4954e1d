"""Ages: written as kubectl does, read back, growing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch.cli._table.ages import Growing, age, growing, seconds_of, text_at

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1.5, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (2 * MINUTE, "2m"),
        (2 * MINUTE + 5, "2m5s"),
        (10 * MINUTE - 1, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 7 * MINUTE, "3h7m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY + 23 * HOUR, "8d"),
        (2 * YEAR - 1, "729d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 3 * DAY, "2y3d"),
        (8 * YEAR + 300 * DAY, "8y"),
    ],
)
def test_ages_are_written_as_kubectl_writes_them(seconds: float, text: str) -> None:
    """The steps of apimachinery's HumanDuration."""
    assert age(seconds) == text


@given(st.integers(0, 20 * YEAR))
def test_what_is_written_is_read_back(seconds: int) -> None:
    """As the least age that looks so."""
    read = seconds_of(age(seconds))
    assert read is not None
    assert read <= seconds
    assert age(read) == age(seconds)


@pytest.mark.parametrize("text", ["", "<unknown>", "<invalid>", "s", "12", "5m3x", "1h 2m", "web-0", "3s4m"])
def test_other_text_is_no_age(text: str) -> None:
    """Only what kubectl would write is taken for an age."""
    assert seconds_of(text) is None
    assert growing(text, 0.0, is_age=True) == text


def test_an_age_grows() -> None:
    """By the seconds that went by since it was written."""
    cell = growing("43s", 1000.0, is_age=True)
    assert [text_at(cell, 1000.0 + passed) for passed in (0, 1, 76, 77)] == ["43s", "44s", "119s", "2m"]


def test_an_age_inside_of_text_grows() -> None:
    """Restarts say how long ago the last one was."""
    cell = growing("7 (43s ago)", 10.0, is_age=False)
    assert [text_at(cell, 10.0), text_at(cell, 11.0)] == ["7 (43s ago)", "7 (44s ago)"]


@pytest.mark.parametrize("text", ["7", "7 (ago)", "7 (never ago)", "(x", "", "web (2)", "5m"])
def test_text_without_age_stays(text: str) -> None:
    """Also where it looks a little like one: a column that is no age may hold `5m` of processor time."""
    assert growing(text, 10.0, is_age=False) == text


def test_our_clock_is_used_where_it_agrees_with_the_server() -> None:
    """`12h` may be nearly thirteen, and turns into `13h` when it is."""
    exact = growing("12h", 0.0, is_age=True, exactly=12 * HOUR + 59 * MINUTE)
    assert [text_at(exact, 0.0), text_at(exact, 61.0)] == ["12h", "13h"]


def test_our_clock_is_not_used_where_it_disagrees() -> None:
    """A wrong clock must not show."""
    wrong = growing("12h", 0.0, is_age=True, exactly=3 * DAY)
    assert [text_at(wrong, 0.0), text_at(wrong, 3600.0)] == ["12h", "13h"]


@given(st.integers(0, 20 * YEAR), st.lists(st.integers(0, YEAR), min_size=2, max_size=2).map(sorted))
def test_ages_never_shrink(start: int, moments: list[int]) -> None:
    """Whatever they began as."""
    cell = growing(age(start), 0.0, is_age=True)
    assert isinstance(cell, Growing)
    earlier, later = (seconds_of(cell.at(moment)) for moment in moments)
    assert earlier is not None
    assert later is not None
    assert earlier <= later
