"""What happens again is counted, and what is sent is bounded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_k8swatch._http.recorder.series import SeriesBook


def sent(book, key, of, now):
    """One occurrence whose request is answered at once: the count that was sent, or None."""
    series = book.note(key, of, now)
    if series is None:
        return None
    book.sent(series, "name", now)
    return series.count


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ([0], [1]),
        ([0, 5], [1, None]),
        ([0, 10], [1, 2]),
        ([0, 9.5, 10], [1, None, 3]),
        ([0, 1, 2, 3, 10], [1, None, None, None, 5]),
        ([0, 360], [1, 2]),
        ([0, 360.1], [1, 1]),
        ([0, 300, 600, 900], [1, 2, 3, 4]),
        ([0, 10, 15, 20], [1, 2, None, 4]),
    ],
)
def test_repetitions_are_counted_and_sent_every_ten_seconds(times, counts):
    """A series goes on while no two occurrences are more than six minutes apart."""
    book = SeriesBook()
    assert [sent(book, "a", "pod", now) for now in times] == counts


def test_one_request_of_a_series_is_under_way_at_a_time():
    book = SeriesBook()
    first = book.note("a", "pod", 0)
    assert book.note("a", "pod", 100) is None
    book.sent(first, "name", 101)
    assert book.note("a", "pod", 111).count == 3


def test_a_repetition_is_under_way_until_it_is_said_to_be_sent():
    book = SeriesBook()
    book.sent(book.note("a", "pod", 0), "name", 0)
    again = book.note("a", "pod", 100)
    assert again.is_sending
    assert book.note("a", "pod", 200) is None
    book.sent(again, "name", 200)
    assert not again.is_sending


def test_a_new_series_has_no_event_yet():
    series = SeriesBook().note("a", "pod", 0)
    assert (series.name, series.sent_at, series.is_sending) == ("", 0.0, True)


def test_repetitions_spend_what_the_object_may_cost():
    book = SeriesBook()
    for number in range(25):
        sent(book, number, "pod", 0)
    sent(book, "a", "other", 0)
    assert book.note("a", "pod", 280) is None


def test_what_was_heard_of_last_is_forgotten_last():
    book = SeriesBook()
    sent(book, "first", "first", 0)
    for number in range(4000):
        sent(book, number, number, 0)
    assert book.note("first", "first", 5) is None
    for number in range(4000, 4096):
        sent(book, number, number, 5)
    assert book.note("first", "first", 6) is None
    assert sent(book, 0, 0, 6) == 1


def test_the_budget_of_an_object_that_is_written_of_is_not_forgotten():
    book = SeriesBook()
    for number in range(25):
        sent(book, ("a", number), "a", 0)
    for number in range(4000):
        sent(book, number, number, 0)
    assert sent(book, "more", "a", 1) is None
    for number in range(4000, 4100):
        sent(book, number, number, 1)
    assert sent(book, "still more", "a", 2) is None


def test_after_a_failure_the_next_one_begins_anew():
    book = SeriesBook()
    book.failed(book.note("a", "pod", 0))
    assert book.note("a", "pod", 1).count == 1


def test_a_late_failure_does_not_forget_the_series_that_came_after_it():
    book = SeriesBook()
    slow = book.note("a", "pod", 0)
    newer = book.note("a", "pod", 400)
    book.failed(slow)
    book.sent(newer, "name", 400)
    assert book.note("a", "pod", 420).count == 2


def test_one_object_gets_25_events_at_once_and_then_one_in_five_minutes():
    book = SeriesBook()
    assert [sent(book, number, "pod", 0) for number in range(30)] == [1] * 25 + [None] * 5
    assert sent(book, "x", "other", 0) == 1
    assert sent(book, "y", "pod", 299) is None
    assert sent(book, "y", "pod", 300) == 1
    assert sent(book, "z", "pod", 301) is None


def test_what_is_remembered_is_bounded():
    book = SeriesBook()
    for number in range(5000):
        sent(book, number, number, 0)
    assert len(book) == 4096
    assert sent(book, 4999, 4999, 5) is None
    assert sent(book, 0, 0, 5) == 1


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_no_occurrence_is_counted_twice_or_lost_from_a_series(steps):
    """What is sent is the number of occurrences so far; requests of one object stay within its budget."""
    book, now, happened, requests = SeriesBook(), 0.0, {}, 0
    for key, pause in steps:
        now += pause
        happened[key] = happened.get(key, 0) + 1
        series = book.note(key, "pod", now)
        if series is not None:
            requests += 1
            assert series.count == happened[key]
            book.sent(series, "name", now)
        elif key not in book._series:
            happened[key] = 0
    assert requests <= 25 + now / 300
