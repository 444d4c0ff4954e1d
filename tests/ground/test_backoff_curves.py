"""How long to wait after a failure."""

import math
from random import Random

import pytest
from core_helpers import broken
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import Adaptive, Backoff, ConfigError, TimeRange

seeds = st.integers(0, 2**32)
seconds = st.floats(0, 1e4)


@given(seconds, st.floats(0.001, 1e4), seeds)
def test_U8_a_time_range_gives_any_point_between_its_ends(low: float, width: float, seed: int) -> None:
    """Never outside of them."""
    value = TimeRange(low, low + width).random(Random(seed))
    assert low <= value <= low + width


def test_U8_B5_a_time_range_is_continuous_and_reaches_both_halves() -> None:
    """The Go package drew whole units and never the upper one: (4 s, 5 s) was always 4 s."""
    rng = Random(0)
    drawn = [TimeRange(4, 5).random(rng) for _ in range(1000)]
    assert len(set(drawn)) > 990
    assert min(drawn) < 4.01
    assert max(drawn) > 4.99


def test_U8_the_jitter_is_repeatable() -> None:
    """The generator is the caller's."""
    assert [TimeRange(0, 9).random(Random(7)) for _ in range(3)] == [TimeRange(0, 9).random(Random(7))] * 3


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (2, 1), (0, math.inf), (math.nan, 1), (0, math.nan)])
def test_U8_a_time_range_refuses_what_is_no_range(low: float, high: float) -> None:
    """With an error that says what it needs, where the Go package panicked."""
    with pytest.raises(ConfigError, match="min_seconds <= max_seconds"):
        TimeRange(low, high)


def test_a_time_range_is_a_policy_that_does_not_grow() -> None:
    """As in the Go package: the tenth failure waits as long as the first."""
    policy = TimeRange(2, 3)
    assert all(2 <= policy.delay(failures, Random(failures)) <= 3 for failures in range(1, 100))


@given(st.floats(0, 5), st.floats(0, 50), st.floats(0, 500), st.floats(1, 1e9), st.integers(1, 10**6), seeds)
def test_a_backoff_stays_between_its_minimum_and_its_maximum(
    minimum: float, more: float, even_more: float, factor: float, failures: int, seed: int
) -> None:
    """Whatever the factor, however many failures: no overflow, no NaN."""
    initial = minimum + more
    try:
        policy = Backoff(initial, initial + even_more, factor, minimum)
    except ConfigError:
        return
    assert minimum <= policy.delay(failures, Random(seed)) <= initial + even_more


def test_B5_a_backoff_grows_by_its_factor_up_to_its_maximum() -> None:
    """The ceilings of client-go's reflector."""
    assert [Backoff().ceiling(n) for n in range(1, 9)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_B5_a_backoff_has_full_jitter() -> None:
    """A thousand clients do not come back together."""
    rng = Random(0)
    drawn = [Backoff().delay(7, rng) for _ in range(1000)]
    assert min(drawn) < 1
    assert max(drawn) > 29


@pytest.mark.parametrize(
    "settings",
    [
        {"initial_seconds": -1.0},
        {"minimum_seconds": 2.0},
        {"maximum_seconds": 0.5},
        {"maximum_seconds": math.inf},
        {"factor": 0.5},
        {"factor": math.nan},
        {"reset_after_seconds": -1.0},
        {"initial_seconds": math.nan},
    ],
)
def test_a_backoff_refuses_what_makes_no_sense(settings: dict[str, float]) -> None:
    """At once, not after the first failure."""
    with pytest.raises(ConfigError, match="needs"):
        Backoff(**settings)


@given(st.integers(1, 10**6), seeds)
def test_the_default_policy_can_be_asked_like_any_other(failures: int, seed: int) -> None:
    """By who counts failures and knows nothing else: between a tenth of a second and three."""
    assert 0.1 <= Adaptive().delay(failures, Random(seed)) <= 3.0
    assert Adaptive().reset_after_seconds == 120.0


def test_the_bounds_property_fails_for_a_policy_that_excludes_its_upper_end() -> None:
    """The Go package's `rand.Intn(max - min) + min` is caught by the test above."""
    with broken(TimeRange, random=lambda self, rng: float(rng.randrange(int(self.min_seconds), int(self.max_seconds)))):
        with pytest.raises(AssertionError):
            test_U8_B5_a_time_range_is_continuous_and_reaches_both_halves()
