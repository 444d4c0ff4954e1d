"""The laws of the work queue, against a model that is too slow to be wrong; each law has a mutant that breaks it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from trio_k8swatch import Backoff, TimeRange
from trio_k8swatch.controller._queue_state import QueueState

KEYS = st.sampled_from("abcd")
SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("add_background"), KEYS),
        st.tuples(st.just("add_after"), KEYS, SECONDS),
        st.tuples(st.just("retry"), KEYS),
        st.tuples(st.just("forget"), KEYS),
        st.tuples(st.just("take")),
        st.tuples(st.just("done"), st.integers(0, 3)),
        st.tuples(st.just("pass"), SECONDS),
    ),
    max_size=40,
)


class Doubling:
    """1, 2, 4 … seconds, without chance."""

    reset_after_seconds = 0.0

    def delay(self, failures: int, rng: Random) -> float:
        return float(2 ** (failures - 1))


class Model:
    """What a queue should do, said with lists that are gone through from end to end."""

    def __init__(self) -> None:
        self.live: list[tuple[str, float]] = []
        self.background: list[tuple[str, float]] = []
        self.working: list[str] = []
        self.again: list[tuple[str, bool]] = []
        self.delayed: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.takes_with_both = 0

    def add(self, key: str, now: float, background: bool = False) -> None:
        if key in self.working:
            self.again.append((key, background))
        elif key in [waiting for waiting, _ in self.live]:
            return
        elif not background:
            self.background = [entry for entry in self.background if entry[0] != key]
            self.live.append((key, now))
        elif key not in [waiting for waiting, _ in self.background]:
            self.background.append((key, now))

    def add_after(self, key: str, when: float) -> None:
        self.delayed[key] = min(when, self.delayed.get(key, when))

    def take(self, now: float) -> tuple[str, float] | None:
        due = sorted((when, key) for key, when in self.delayed.items() if when <= now)
        for when, key in due:
            del self.delayed[key]
            self.add(key, when)
        lane = self.live or self.background
        if self.live and self.background:
            self.takes_with_both += 1
            lane = self.background if self.takes_with_both % 8 == 0 else self.live
        if not lane:
            return None
        key, since = lane.pop(0)
        self.working.append(key)
        return key, now - since

    def done(self, key: str, now: float) -> None:
        self.working.remove(key)
        wishes = [background for again, background in self.again if again == key]
        self.again = [entry for entry in self.again if entry[0] != key]
        if wishes:
            self.add(key, now, background=all(wishes))

    def shown(self) -> Any:
        return len(self.live) + len(self.background), len(self.delayed), sorted(self.working), self.failures


def disagreement(commands: list[tuple[Any, ...]], queue_type: type[QueueState[str]]) -> str | None:
    """Where a queue and the model part ways; None if they never do."""
    queue, model, now = queue_type(Doubling(), Random(0)), Model(), 100.0
    for command, *arguments in commands:
        # No two keys are due at once: which of them would be first is nobody's promise.
        now += 1 / 4096
        if command in {"add", "add_background"}:
            queue.add(arguments[0], now, background=command == "add_background")
            model.add(arguments[0], now, command == "add_background")
        elif command == "add_after":
            when = now + arguments[1] + "abcd".index(arguments[0]) / 64
            queue.add_at(arguments[0], when)
            model.add_after(arguments[0], when)
        elif command == "retry":
            model.failures[arguments[0]] = model.failures.get(arguments[0], 0) + 1
            model.add_after(arguments[0], now + 2 ** (model.failures[arguments[0]] - 1))
            queue.retry(arguments[0], now)
        elif command == "forget":
            model.failures.pop(arguments[0], None)
            queue.forget(arguments[0])
        elif command == "take":
            taken, expected = queue.take(now), model.take(now)
            if taken != expected:
                return f"took {taken}, not {expected}"
        elif command == "done" and model.working:
            key = model.working[arguments[0] % len(model.working)]
            queue.done(key, now)
            model.done(key, now)
        elif command == "pass":
            now += arguments[0]
        state = queue.depth(), queue.delayed(), sorted(queue.working), queue.failures
        if state != model.shown():
            return f"after {command} {arguments}: {state}, not {model.shown()}"
        if queue.next_due() != min(model.delayed.values(), default=None):
            return f"next due {queue.next_due()}"
    return None


@given(COMMANDS)
@settings(max_examples=400, deadline=None)
def test_the_queue_does_what_the_model_does(commands: list[tuple[Any, ...]]) -> None:
    """Nothing is lost, doubled, early, late or out of turn, whatever is done in whatever order."""
    assert disagreement(commands, QueueState) is None


class TwoWorkersOnOneKey(QueueState[str]):
    def add(self, key: str, now: float, *, background: bool = False) -> bool:
        self.working.discard(key)
        return super().add(key, now, background=background)


class LosesWhatIsAddedMeanwhile(QueueState[str]):
    def add(self, key: str, now: float, *, background: bool = False) -> bool:
        return key not in self.working and super().add(key, now, background=background)


class ForgetsThatItWasLive(QueueState[str]):
    def done(self, key: str, now: float) -> bool:
        if key in self._again:
            self._again[key] = False
        return super().done(key, now)


class NewestFirst(QueueState[str]):
    def take(self, now: float) -> Any:
        self._live = dict(reversed(self._live.items()))
        return super().take(now)


class BackgroundIsAsGood(QueueState[str]):
    def add(self, key: str, now: float, *, background: bool = False) -> bool:
        return super().add(key, now)


class BackgroundStarves(QueueState[str]):
    def _next_lane(self) -> dict[str, float]:
        return self._live or self._background


class LatestDelayCounts(QueueState[str]):
    def add_at(self, key: str, when: float) -> None:
        self._due.pop(key, None)
        super().add_at(key, when)


class TwoDelaysAreNone(QueueState[str]):
    def add_at(self, key: str, when: float) -> None:
        super().add_at(key, when if key not in self._due else 0.0)


class NeverForgets(QueueState[str]):
    def forget(self, key: str) -> None:
        del key


class RunsEarly(QueueState[str]):
    def _promote(self, now: float) -> None:
        super()._promote(now + 0.5)


class StaysInTheBackground(QueueState[str]):
    def add(self, key: str, now: float, *, background: bool = False) -> bool:
        return super().add(key, now, background=background or key in self._background)


LAWS: dict[str, list[type[QueueState[str]]]] = {
    "one worker a key": [TwoWorkersOnOneKey],
    "nothing added is lost, and what is added during a run runs again": [
        LosesWhatIsAddedMeanwhile,
        ForgetsThatItWasLive,
    ],
    "first come, first served": [NewestFirst],
    "live before background": [BackgroundIsAsGood, StaysInTheBackground, BackgroundStarves],
    "delays are exact, and the earliest counts": [LatestDelayCounts, TwoDelaysAreNone, RunsEarly],
    "the pause grows with failures in a row": [NeverForgets],
}
"""Each law with the queues that break it. BackgroundStarves takes more commands than are generated; see the test below."""

MUTANTS = [mutant for mutants in LAWS.values() for mutant in mutants if mutant is not BackgroundStarves]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_queue_that_breaks_a_law_is_found_out(mutant: type[QueueState[str]]) -> None:
    """Each of them differs from the model for some history."""
    try:
        find(
            COMMANDS,
            lambda commands: disagreement(commands, mutant) is not None,
            settings=settings(
                max_examples=4000, derandomize=True, deadline=None, database=None, phases=[Phase.generate]
            ),
        )
    except NoSuchExample:
        pytest.fail(f"{mutant.__name__} passes for a queue")


@pytest.mark.parametrize(("queue_type", "starves"), [(QueueState, False), (BackgroundStarves, True)])
def test_the_background_is_served_however_busy_the_cluster_is(queue_type: type[QueueState[str]], starves: bool) -> None:
    """One in eight, as long as live keys keep coming."""
    queue = queue_type(TimeRange(1, 1), Random(0))
    queue.add("old", 0.0, background=True)
    taken = []
    for number in range(20):
        queue.add(f"live-{number}", 0.0)
        queue.add(f"more-{number}", 0.0)
        got = queue.take(0.0)
        assert got is not None
        taken.append(got.key)
        queue.done(got.key, 0.0)

    assert ("old" not in taken) is starves


def test_a_key_added_all_the_time_does_not_hold_up_the_others() -> None:
    """It goes to the end each time."""
    queue = QueueState[str](TimeRange(1, 1), Random(0))
    for key in ("hot", "a", "b"):
        queue.add(key, 0.0)
    taken = []
    for _ in range(4):
        got = queue.take(0.0)
        assert got is not None
        queue.add("hot", 0.0)
        queue.done(got.key, 0.0)
        taken.append(got.key)

    assert taken == ["hot", "a", "b", "hot"]


def test_superseded_delays_do_not_pile_up() -> None:
    """A key whose delay gets ever shorter costs one place, not one for each."""
    queue = QueueState[str](TimeRange(1, 1), Random(0))
    for seconds in range(10_000, 0, -1):
        queue.add_at("a", float(seconds))

    assert len(queue._delays) < 100
    assert queue.next_due() == 1.0


def test_the_pause_grows_up_to_its_ceiling_however_often_a_key_fails() -> None:
    """And is the shortest again after one success."""
    queue = QueueState[str](Backoff(initial_seconds=1, minimum_seconds=1, maximum_seconds=8), Random(0))
    delays = [queue.retry("a", 0.0) for _ in range(2000)]
    queue.forget("a")

    assert max(delays) <= 8.0 < max(delays) + 1
    assert queue.retry("a", 0.0) == 1.0
