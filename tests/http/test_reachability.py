"""What attempts show of a server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch._http.reachability import Attempt, Mode, Reachability


def attempt(number: int, began: float = 0.0) -> Attempt:
    return Attempt(number, began, Mode.OPEN, float("inf"), 10.0)


def test_old_news_does_not_close_it_again() -> None:
    """A request that hung during an outage fails after it; one that breaks now says more."""
    known = Reachability().failed(attempt(1), 1.0, 2, "x", jitter=1).answered(3, 2.0, 3)
    assert known.is_open
    assert known.failed(attempt(2), 3.0, 3, "x", jitter=1).is_open
    assert known.failed(attempt(2, began=1.5), 3.0, 3, "x", jitter=1).mode is Mode.DOUBTED
    assert known.failed(attempt(4), 3.0, 4, "x", jitter=1).mode is Mode.AWAY


def test_a_refusal_is_not_overruled_by_a_failure() -> None:
    """What the server asked for still counts."""
    known = Reachability().refused(0.0, 60.0, 1)
    assert known.failed(attempt(2), 1.0, 2, "x", jitter=1) == known
    assert known.doubted(1.0, 2) == known


def test_who_does_not_answer_at_once_is_soon_taken_to_be_away_but_given_more_time_then() -> None:
    """It may be slow; fresh attempts are made meanwhile."""
    known = Reachability().doubted(9.0, 0)
    assert known.answer_seconds == 4.0
    known = known.failed(attempt(1), 10.0, 1, "x", jitter=1)
    assert known.answer_seconds == 15.0
    assert Reachability().answer_seconds == float("inf")
    assert known.connect_seconds < Reachability().connect_seconds


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["fail", "ok", "busy", "doubt"])), max_size=50))
def test_attempts_are_never_further_apart_than_three_seconds_nor_closer_than_a_tenth(
    happenings: list[tuple[float, str]],
) -> None:
    """Whatever happens, while it is away; and any answer opens it."""
    known, now = Reachability(), 0.0
    for number, (seconds, what) in enumerate(happenings, start=1):
        now = max(now + seconds, known.opens_at)
        began = now
        if what == "fail":
            before = known.mode
            known = known.failed(attempt(number, began), now, number, "x", jitter=0.0)
            if before is not Mode.THROTTLED:
                assert 0.099 <= known.opens_at - began <= 3.001
        elif what == "ok":
            known = known.answered(number, now, number)
            assert known.is_open
        elif what == "busy":
            known = known.refused(now, 7.0, number)
            assert known.opens_at == now + 7.0
        else:
            known = known.doubted(now, number)
            assert not known.is_open
