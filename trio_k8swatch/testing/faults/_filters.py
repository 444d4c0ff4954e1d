"""Faults inside a stream, as functions from steps to steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._http.response_steps import Drop, Ending, Line, Send, Step

from ._fault import Effect, Strike

EVENTS: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})


class StreamFilter:
    """Changes nothing; the base of those that do."""

    def lines(self, steps: list[Step]) -> list[Step]:
        return steps

    def chunks(self, steps: list[Step]) -> list[Step]:
        return steps

    def deadline(self) -> float:
        return math.inf


class OnStream(Effect):
    """An effect that is nothing but a filter, a fresh one for each stream."""

    def __init__(self, make: Callable[[Strike], Filter]) -> None:
        self._make = make

    def filter(self, strike: Strike) -> Filter:
        return self._make(strike)


class AfterEvents(StreamFilter):
    """Once so many events have passed, do `then`; what was to follow is dropped if `ends`, or else follows."""

    def __init__(self, events: int, then: Iterable[Step], strike: Strike, *, ends: bool) -> None:
        self._left = events
        self._then = list(then)
        self._strike = strike
        self._ends = ends
        self._done = False

    def lines(self, steps: list[Step]) -> list[Step]:
        result: list[Step] = []
        for index, step in enumerate(steps):
            if self._left == 0 and not self._done:
                return result + self._act(steps[index:])
            result.append(step)
            if isinstance(step, Line) and step.type in EVENTS:
                self._left -= 1
        return result + self._act([]) if self._left <= 0 and not self._done else result

    def _act(self, rest: list[Step]) -> list[Step]:
        self._done = True
        if not self._strike():
            return rest
        return self._then if self._ends else [*self._then, *rest]


class AfterSeconds(StreamFilter):
    """After so long on this stream, do `then` and nothing more. `now` is trio's clock."""

    def __init__(self, seconds: float, then: Iterable[Step], strike: Strike, now: Callable[[], float]) -> None:
        self._now = now
        self._at = now() + seconds
        self._then = list(then)
        self._strike = strike

    def chunks(self, steps: list[Step]) -> list[Step]:
        if self._now() < self._at:
            return steps
        self._at = math.inf
        return [*steps, *self._then] if self._strike() else steps

    def deadline(self) -> float:
        return self._at


class EachLine(StreamFilter):
    """Replace lines one by one. `change` gives what to send for a line, or None to leave it as it is."""

    def __init__(self, change: Callable[[Line], list[Step] | None], strike: Strike) -> None:
        self._change = change
        self._strike = strike

    def lines(self, steps: list[Step]) -> list[Step]:
        result: list[Step] = []
        for step in steps:
            changed = self._change(step) if isinstance(step, Line) else None
            if changed is None or not self._strike():
                result.append(step)
            else:
                result += changed
        return result


class EachChunk(StreamFilter):
    """Replace chunks one by one, on every stream alike; one strike a stream."""

    def __init__(self, change: Callable[[bytes], list[Step]], strike: Strike) -> None:
        self._change = change
        self._strike = strike
        self._strikes = strike()

    def chunks(self, steps: list[Step]) -> list[Step]:
        if not self._strikes or self._strike.over:
            return steps
        result: list[Step] = []
        for step in steps:
            result += self._change(step.data) if isinstance(step, Send) else [step]
        return result


class CutBody(StreamFilter):
    """Break the connection once so many bytes of the body have been sent."""

    def __init__(self, at_byte: int, how: Ending, strike: Strike) -> None:
        self._left = at_byte
        self._how: Ending = how
        self._strike = strike

    def chunks(self, steps: list[Step]) -> list[Step]:
        result: list[Step] = []
        for step in steps:
            if isinstance(step, Send):
                if len(step.data) > self._left:
                    return [*result, Send(step.data[: self._left]), Drop(self._how)] if self._strike() else steps
                self._left -= len(step.data)
            result.append(step)
        return result


class Delay(StreamFilter):
    """Everything comes so much later, in order. `now` is trio's clock."""

    def __init__(self, seconds: float, strike: Strike, now: Callable[[], float]) -> None:
        self._seconds = seconds if strike() else 0.0
        self._strike = strike
        self._now = now
        self._held: list[tuple[float, Step]] = []

    def lines(self, steps: list[Step]) -> list[Step]:
        now = self._now()
        self._held += [(now + self._seconds, step) for step in steps]
        due = [step for time, step in self._held if time <= now or self._strike.over]
        del self._held[: len(due)]
        return due

    def deadline(self) -> float:
        return self._held[0][0] if self._held else math.inf


class Swap(StreamFilter):
    """Hold one event back until the next has passed."""

    def __init__(self, strike: Strike) -> None:
        self._strike = strike
        self._held: Step | None = None

    def lines(self, steps: list[Step]) -> list[Step]:
        result: list[Step] = []
        if self._strike.over and self._held is not None:
            result, self._held = [self._held], None
        for step in steps:
            event = isinstance(step, Line) and step.type in EVENTS
            if event and self._held is not None:
                result += [step, self._held]
                self._held = None
            elif event and self._strike():
                self._held = step
            else:
                result.append(step)
        return result
