"""What of a moving table is news, and for how long."""

from __future__ import annotations

from cli.tables import added, deleted, modified, row, there

from trio_k8swatch.cli._table.ages import Growing
from trio_k8swatch.cli._table.rows import NEWS_SECONDS, View


def names(view: View, now: float) -> list[str]:
    return [line.row.metadata.name for line in view.lines(now)]


def test_lines_are_in_the_order_of_a_list() -> None:
    """By namespace and name, wherever they came from."""
    view = View()
    for one in (there(row("b")), there(row("a")), added(row("ab")), added(row("z", namespace="early"))):
        view.take(one, 1.0)
    assert names(view, 1.0) == ["z", "a", "ab", "b"]


def test_what_is_there_at_the_beginning_is_no_news() -> None:
    """Only what comes later is marked."""
    view = View()
    view.take(there(row("a")), 1.0)
    view.take(added(row("b")), 2.0)
    assert [(line.came, line.newest) for line in view.lines(2.0)] == [(None, 0.0), (2.0, 2.0)]
    assert view.changes_per_minute(2.0) == 1


def test_the_cells_that_changed_are_known() -> None:
    """Each with its own moment; a growing age is no change."""
    view = View()
    view.take(there(row("a", "0/1", "Pending", Growing(0.0))), 1.0)
    view.take(modified(row("a", "0/1", "Running", Growing(0.5))), 2.0)
    view.take(modified(row("a", "1/1", "Running", Growing(0.5))), 3.0)
    [line] = view.lines(3.0)
    assert line.changed == {2: 2.0, 1: 3.0}
    assert line.touched == 3.0


def test_a_cell_with_an_age_in_it_changes_by_the_rest_of_it() -> None:
    """Another restart is news, the time since then is none."""
    view = View()
    view.take(there(row("a", Growing(0.0, "1 (", " ago)"))), 1.0)
    view.take(modified(row("a", Growing(0.9, "1 (", " ago)"))), 2.0)
    assert view.lines(2.0)[0].changed == {}
    view.take(modified(row("a", Growing(3.0, "2 (", " ago)"))), 3.0)
    assert view.lines(3.0)[0].changed == {1: 3.0}


def test_what_went_stays_for_a_moment() -> None:
    """Long enough to be seen."""
    view = View()
    view.take(there(row("a")), 1.0)
    view.take(deleted(row("a")), 2.0)
    assert names(view, 2.0 + NEWS_SECONDS - 0.1) == ["a"]
    assert names(view, 2.0 + NEWS_SECONDS) == []


def test_what_comes_back_under_its_name_is_another_line() -> None:
    """A new uid is a new object."""
    view = View()
    view.take(there(row("a", uid="1")), 1.0)
    view.take(deleted(row("a", uid="1")), 2.0)
    view.take(added(row("a", uid="2")), 3.0)
    assert [(line.went, line.came) for line in view.lines(3.0)] == [(2.0, None), (None, 3.0)]


def test_what_matches_the_selector_again_is_new() -> None:
    """It went and came, with the same uid."""
    view = View()
    for moment, one in ((1.0, there(row("a"))), (2.0, deleted(row("a"))), (3.0, added(row("a")))):
        view.take(one, moment)
    assert [(line.went, line.came) for line in view.lines(3.0)] == [(None, 3.0)]


def test_changes_are_counted_for_a_minute() -> None:
    """Then they are forgotten."""
    view = View()
    for second in range(10):
        view.take(added(row(str(second))), float(second))
    assert [view.changes_per_minute(moment) for moment in (9.0, 60.0, 64.5, 70.0)] == [10, 10, 5, 0]
