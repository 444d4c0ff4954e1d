"""When the server is asked again, row by row and as laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from reflector.tables import rows

from trio_k8swatch import Adaptive, ApiError, Backoff, Status, TimeRange, TooManyRequests, Unavailable
from trio_k8swatch._backoff_curves import MAX_RETRY_AFTER_SECONDS
from trio_k8swatch._reflector import pause_before_retry as pacing
from trio_k8swatch._reflector.next_step import End, Outcome
from trio_k8swatch._reflector.pause_before_retry import Pace, list_due, paced, requested

FREE = {End.ENDED, End.QUIET, End.REQUESTED, End.SUSPICION, End.LISTED, End.STALLED, End.UNSUPPORTED}
FREE |= {End.SAME_SERVER, End.ROLLED_BACK}
FAILURE = Unavailable("x")


class Longest(Random):
    """Chance that always falls on the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        del a
        return b


def outcome(end: End, *, brought: bool = False) -> Outcome:
    return Outcome(end, None if end in FREE else FAILURE, brought=brought)


def told(seconds: float | None) -> Outcome:
    return Outcome(End.THROTTLED, TooManyRequests("x", status=Status(code=429), retry_after=seconds))


def table() -> list[tuple[End, bool, str]]:
    """What follows an end that has brought something or not, in the words of the docstring."""
    return [
        (End(end), brought, cell)
        for ends, with_, without in rows(pacing)
        for end in ends.split(", ")
        for brought, cell in ((True, with_), (False, without))
    ]


def pauses(end: End, *, brought: bool, times: int, every: float = 0.0) -> list[float]:
    """The longest pauses after `times` such ends, each `every` seconds after the pause before it."""
    pace, now, drawn = Pace(), 0.0, list[float]()
    for _ in range(times):
        pace, pause = paced(pace, outcome(end, brought=brought), now, Longest(1), Adaptive())
        drawn.append(pause)
        now += pause + every
    return drawn


@pytest.mark.parametrize(("end", "brought", "cell"), table())
def test_a_row_of_the_table(end: End, cell: str, *, brought: bool) -> None:
    """What the docstring says is what happens."""
    got = pauses(end, brought=brought, times=40)
    match cell.split(";", maxsplit=1)[0].split(", "):
        case ["at once"]:
            assert set(got) == {0.0}
        case ["budget"]:
            assert max(got[:5]) <= 0.1
            assert all(4.0 <= pause <= 4.501 for pause in got[6:])
        case ["once at once", start, top]:
            assert got[0] <= 0.1
            low, high = float(start.removeprefix("then ")), float(top)
            assert got[1:4] == [low, low * 2, low * 4]
            assert max(got) == high
        case [start, top]:
            later = 4.5 if "after a minute" in cell else float(top)
            assert got[0] == float(start)
            assert got[1] == float(start) * 2
            assert max(got) == later
            assert float(top) in got
        case _:
            raise AssertionError(cell)


def test_the_table_says_something_of_every_end() -> None:
    """Once."""
    said = [end for end, brought, _ in table() if brought]
    assert sorted(said, key=str) == sorted(End, key=str)


@pytest.mark.parametrize("every", [0.0, 1.0, 2.0, 3.0, 4.0])
def test_a_connection_that_breaks_again_and_again_is_never_given_up_for_long(every: float) -> None:
    """Whatever the rhythm, when the budget is used up there are four and a half seconds of pause."""
    got = pauses(End.BROKEN, brought=True, times=50, every=every)
    assert 4.5 - every - 0.1 <= max(got) <= 4.501


def test_a_connection_that_breaks_every_six_seconds_is_resumed_at_once() -> None:
    """The budget fills as quickly."""
    assert max(pauses(End.BROKEN, brought=True, times=50, every=6.0)) <= 0.1


def test_a_refusal_from_a_healthy_server_does_not_pay_for_an_outage() -> None:
    """After a dozen refused connections a 410 is followed by a list at once."""
    pace, now = Pace(), 0.0
    for _ in range(12):
        pace, pause = paced(pace, outcome(End.UNREACHABLE), now, Longest(1), Adaptive())
        now += pause
    assert pause == 3.0
    pace, pause = paced(pace, outcome(End.EXPIRED), now, Longest(1), Adaptive())
    assert pause <= 0.1


def test_what_was_brought_ends_a_row_of_failures() -> None:
    """Of any family."""
    pace = Pace()
    for end in (End.UNREACHABLE, End.DENIED, End.THROTTLED):
        for _ in range(5):
            pace, _ = paced(pace, outcome(end), 0.0, Longest(1), Adaptive())
    pace, _ = paced(pace, outcome(End.ENDED, brought=True), 100.0, Longest(1), Adaptive())
    assert pace.rows == {}


def test_who_waits_at_the_door_of_its_client_does_not_wait_twice() -> None:
    """But it is counted."""
    pace, pause = paced(Pace(), outcome(End.UNREACHABLE), 0.0, Longest(1), Adaptive(), by_client=True)
    assert pause == 0.0
    _, pause = paced(pace, outcome(End.UNREACHABLE), 0.0, Longest(1), Adaptive())
    assert pause == 0.4


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**32))
def test_retry_after_wins_within_reason(asked: float, seed: int) -> None:
    """A little is added, so that not all come back at once; a week is not believed; nothing asked for is no pause."""
    for policy in (Adaptive(), TimeRange(1, 1)):
        _, pause = paced(Pace(), told(asked), 0.0, Random(seed), policy)
        if asked <= 0:
            assert pause <= 1
        else:
            assert min(asked, MAX_RETRY_AFTER_SECONDS) <= pause <= min(asked, MAX_RETRY_AFTER_SECONDS) * 1.1


class Counting:
    """A policy that waits as many seconds as there were failures."""

    reset_after_seconds = 60.0

    def delay(self, failures: int, rng: Random) -> float:
        del rng
        return float(failures)


def test_a_policy_of_the_users_counts_all_causes_together() -> None:
    """Until a time without failure. The wait itself is none."""
    pace, pause = paced(Pace(), outcome(End.BROKEN, brought=True), 0.0, Random(0), Counting())
    assert pause == 1
    pace, pause = paced(pace, outcome(End.EXPIRED), 60.9, Random(0), Counting())
    assert pause == 2
    pace, pause = paced(pace, outcome(End.SILENCE), 60.9 + 2 + 60, Random(0), Counting())
    assert pause == 1


def test_R7_lists_that_are_asked_for_are_paced() -> None:
    """The first comes at once, the others along a curve, until nobody has asked for a minute."""
    pace, now, begun = Pace(), 100.0, list[float]()
    for _ in range(8):
        now = list_due(pace, now)
        pace = requested(pace, now)
        begun.append(round(now - 100, 3))
    assert begun == [0, 0.2, 0.6, 1.4, 3.0, 6.2, 12.6, 25.4]
    assert list_due(pace, now + 60) == now + 60
    assert requested(pace, now + 60).requests == 1


# Laws

ends = st.sampled_from([end for end in End if end not in {End.LISTED, End.SAME_SERVER, End.ROLLED_BACK, End.REQUESTED}])
histories = st.lists(st.tuples(ends, st.booleans(), st.floats(0, 20)), min_size=1, max_size=120)
FOR_EVER = 300.0


def play(history: list[tuple[End, bool, float]], seed: int) -> Iterator[tuple[float, End, bool, float]]:
    """The moment of each end, what it was, and the pause after it. Who has brought something has lasted a moment."""
    pace, now, rng = Pace(), 0.0, Random(seed)
    for end, brought, lasted in history:
        now += lasted if brought else 0.0
        pace, pause = paced(pace, outcome(end, brought=brought), now, rng, Adaptive())
        yield now, end, brought, pause
        now += pause


def check_budget(history: list[tuple[End, bool, float]], seed: int) -> None:
    """No window of a minute holds more requests than the budget and the quickest curve allow.

    Ends that are no failures and cannot repeat by themselves (a streaming list given up, a suspicion) do not count.
    """
    once = {End.STALLED, End.UNSUPPORTED, End.SUSPICION}
    times = [now for now, end, *_ in play(history, seed) if end not in once]
    for i, first in enumerate(times):
        within = [time for time in times[i:] if time < first + 60.0]
        assert len(within) <= MOST_IN_A_MINUTE, f"{len(within)} requests in a minute"


MOST_IN_A_MINUTE = 5 + 14 + 4 * 8 + 60 / 0.7
"""The budget, what it gains, the beginnings of four curves, and rows that grow no more: the quickest of them to 3 s, with
jitter from a half. A mix of all of them stays below this."""


@settings(max_examples=300, deadline=None)
@given(histories, st.integers(0, 2**16))
def test_no_history_of_ends_makes_a_storm(history: list[tuple[End, bool, float]], seed: int) -> None:
    """Whatever ends follow each other in whatever order, the server is asked less than a few dozen times a minute."""
    check_budget(history, seed)


@given(ends, st.booleans(), st.integers(0, 2**16))
def test_no_single_cause_is_repeated_quickly_for_long(end: End, brought: bool, seed: int) -> None:
    """Forty times the same: never more than 12 in ten seconds, and in the end at most one in a second."""
    if end in {End.STALLED, End.UNSUPPORTED, End.SUSPICION}:
        return
    played = [*play([(end, brought, 0.0)] * 40, seed)]
    times = [now for now, *_ in played]
    assert all(b - a >= 10.0 for a, b in zip(times, times[12:], strict=False))
    assert all(pause >= 1.0 for *_, pause in played[-5:])


def check_quick(history: list[tuple[End, bool, float]], seed: int) -> None:
    """What a server's return is waited for takes three seconds at the most in the first minute of an outage."""
    quick = {End.UNREACHABLE, End.UNAVAILABLE}
    since: float | None = None
    for now, end, brought, pause in play(history, seed):
        if end not in quick | {End.BROKEN, End.INTERNAL_ERROR} or brought:
            since = None
        elif since is None:
            since = now
        if end is End.UNREACHABLE or (end in quick and since is not None and now - since < 60.0 and len(history) == 1):
            assert pause <= 3.0
        assert pause <= FOR_EVER


@settings(max_examples=200, deadline=None)
@given(histories, st.integers(0, 2**16))
def test_a_server_that_was_away_is_asked_every_three_seconds(history: list[tuple[End, bool, float]], seed: int) -> None:
    """Whatever happened before, and for however long it was away."""
    check_quick(history, seed)


@contextmanager
def mutant(name: str, value: Any) -> Iterator[None]:
    """Pacing with one rule broken."""
    before = getattr(pacing, name)
    setattr(pacing, name, value)
    try:
        yield
    finally:
        setattr(pacing, name, before)


HARD: list[tuple[End, bool, float]] = [(End.BROKEN, True, 0.0)] * 150
AWAY: list[tuple[End, bool, float]] = [(End.UNREACHABLE, False, 0.0)] * 60
TURNS: list[tuple[End, bool, float]] = [(End.UNREACHABLE, False, 0.0), (End.UNAVAILABLE, False, 0.0)] * 100


@pytest.mark.parametrize(
    ("name", "value", "law", "history"),
    [
        ("_from_budget", lambda pace, now, rng, spread: (pace, 0.0), check_budget, HARD),
        ("_grown", lambda curve, failures, rng: 0.1, check_budget, TURNS),
        ("_QUICK", Backoff(0.2, 30.0, minimum_seconds=0.1), check_quick, AWAY),
        (
            "_by_growth",
            lambda pace, told, growth, row, *, now, rng: (replace(pace, rows={}), 0.2),
            check_budget,
            TURNS,
        ),
    ],
    ids=["no budget", "no growth", "one curve for all", "nothing is remembered"],
)
def test_the_laws_fail_when_a_rule_is_broken(
    name: str, value: Any, law: Callable[[list[tuple[End, bool, float]], int], None], history: Any
) -> None:
    """So it would be noticed; and as they are, they hold."""
    law(history, 1)
    with mutant(name, value), pytest.raises(AssertionError):
        law(history, 1)


def test_a_500_has_a_retry_after_too() -> None:
    """Whoever says when is believed."""
    error = ApiError("x", status=Status(code=503), retry_after=7.0)
    _, pause = paced(Pace(), Outcome(End.UNAVAILABLE, error), 0.0, Random(1), Adaptive())
    assert 7.0 <= pause <= 7.7


class Asked(Random):
    """Chance that says what it was asked for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.ranges: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.ranges.append((a, b))
        return b

    def random(self) -> float:
        return 1.0


def drawn(of: Outcome, pace: Pace | None = None, now: float = 0.0) -> tuple[Pace, float, list[tuple[float, float]]]:
    """The pace after `of`, the pause, and between what chance was asked for it."""
    rng = Asked()
    after, pause = paced(pace or Pace(), of, now, rng, Adaptive())
    return after, pause, rng.ranges


def test_who_failed_at_one_moment_is_spread() -> None:
    """Over a tenth of a second where there is a budget, over half of a pause that grows; who has not failed, not at all."""
    assert drawn(outcome(End.BROKEN, brought=True))[1:] == (0.1, [(0.02, 0.1)])
    assert drawn(outcome(End.ENDED, brought=True))[1:] == (0.0, [(0.0, 0.0)])
    assert drawn(outcome(End.SILENCE))[2] == [(0.02, 0.1)]
    assert drawn(outcome(End.EXPIRED))[2] == [(0.02, 0.1)]
    assert drawn(outcome(End.UNREACHABLE))[1:] == (0.2, [(0.1, 0.2)])
    assert drawn(told(10.0))[1] == 11.0


def test_a_budget_is_five_and_fills_by_one_in_four_and_a_half_seconds_and_no_further() -> None:
    """What is not there is waited for."""
    broken = outcome(End.ENDED, brought=True)
    pace = Pace()
    for left in (4, 3, 2, 1, 0):
        pace, pause, _ = drawn(broken, pace, 3.15 if left < 4 else 0.0)
        assert pause == 0.0
        assert pace.budget == pytest.approx(left + (0.7 if left < 4 else 0))
    pace, pause, _ = drawn(broken, pace, 3.15)
    assert (pace.budget, pause) == (pytest.approx(-0.3), pytest.approx(1.35))
    assert drawn(broken, pace, 4.5)[1] == pytest.approx(4.5)
    assert drawn(broken, pace, 9.45)[1:] == (0.0, [(0.0, 0.0)])
    assert drawn(broken, pace, 1000.0)[0].budget == 4.0


def test_the_last_of_a_budget_is_spread_like_the_first() -> None:
    """Five connections that break at one moment are resumed within a tenth of a second, the sixth waits."""
    pace = Pace()
    for _ in range(5):
        pace, _, ranges = drawn(outcome(End.BROKEN, brought=True), pace)
        assert ranges == [(0.02, 0.1)]
    assert drawn(outcome(End.BROKEN, brought=True), pace)[1:] == (4.5, [])


def test_a_minute_of_failures_and_no_less_is_no_restart_any_more() -> None:
    """From then on the pauses grow further; another family has a minute of its own."""
    pace = Pace()
    for _ in range(10):
        pace, pause, _ = drawn(outcome(End.UNAVAILABLE), pace, 100.0)
    assert pause == 3.0
    assert drawn(outcome(End.UNAVAILABLE), pace, 159.9)[1] == 3.0
    assert drawn(outcome(End.UNAVAILABLE), pace, 160.0)[1] == 4.5
    assert drawn(outcome(End.UNREACHABLE), pace, 160.0)[1] == 3.0
    assert drawn(outcome(End.DENIED), pace, 160.0)[1] == 0.8


def test_two_failures_with_a_minute_between_them_are_followed_soon() -> None:
    """The later curve begins where the first one does."""
    pace, _, _ = drawn(outcome(End.UNAVAILABLE), None, 100.0)
    assert drawn(outcome(End.UNAVAILABLE), pace, 160.0)[1] == 0.4


def test_ends_of_one_family_are_counted_together() -> None:
    """By turns they are no better; what was asked for by the server counts as well."""
    pace = Pace()
    for end, pause in ((End.BROKEN, 0.2), (End.UNREACHABLE, 0.4), (End.INTERNAL_ERROR, 0.8), (End.UNAVAILABLE, 1.6)):
        pace, got, _ = drawn(outcome(end), pace)
        assert got == pause
    pace = Pace()
    for end, pause in ((End.EXPIRED, 0.1), (End.NONSENSE, 0.2), (End.TOO_NEW, 0.4)):
        pace, got, _ = drawn(outcome(end), pace)
        assert got == pause
    pace, _, _ = drawn(told(5.0))
    assert drawn(outcome(End.THROTTLED), pace)[1] == 1.6


def test_a_server_that_says_when_is_believed_even_if_there_is_a_budget() -> None:
    """And what it has brought before ends the row."""
    error = ApiError("x", status=Status(code=500), retry_after=7.0)
    after, pause, ranges = drawn(Outcome(End.INTERNAL_ERROR, error, brought=True))
    assert (pause, ranges) == (pytest.approx(7.7), [])
    assert [row.failures for row in after.rows.values()] == [1]
    assert drawn(Outcome(End.INTERNAL_ERROR, FAILURE, brought=True), after)[0].rows == {}


def test_at_the_door_of_its_client_only_who_could_not_reach_the_server_waits() -> None:
    """Any other failure is the watch's own."""
    _, pause = paced(Pace(), outcome(End.DENIED), 0.0, Asked(), Adaptive(), by_client=True)
    assert pause == 0.8


def test_a_policy_counts_anew_after_exactly_its_time_without_failure() -> None:
    """Which begins when the pause is over; and the first failure is the first whenever it comes."""
    pace, pause = paced(Pace(), outcome(End.BROKEN), 5.0, Random(0), Counting())
    assert (pause, pace.policy_failures, pace.policy_ready_at) == (1.0, 1, 6.0)
    assert paced(pace, outcome(End.BROKEN), 65.9, Random(0), Counting())[1] == 2.0
    assert paced(pace, outcome(End.BROKEN), 66.0, Random(0), Counting())[1] == 1.0
    assert paced(pace, outcome(End.ENDED), 65.9, Random(0), Counting())[0].policy_failures == 1


def test_R7_a_minute_without_a_request_and_no_less_begins_anew() -> None:
    """For the one that asks and for those after it."""
    first = requested(Pace(), 100.0)
    assert (first.requests, first.requested_at) == (1, 100.0)
    assert list_due(first, 100.0) == 100.2
    assert list_due(first, 100.5) == 100.5
    second = requested(first, 159.9)
    assert (second.requests, second.requested_at) == (2, 159.9)
    assert list_due(second, 159.9) == pytest.approx(160.3)
    assert requested(first, 160.0).requests == 1
    long = replace(first, requests=20)
    assert list_due(long, 159.9) == 159.9
    assert list_due(replace(long, requested_at=150.0), 151.0) == 180.0
    assert list_due(replace(long, requested_at=150.0), 210.0) == 210.0
