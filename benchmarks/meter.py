"""How to read the clocks on a shared machine, whose speed may change by two within seconds.

Every few milliseconds of a driver's work stand between two short runs of one fixed loop. A segment whose two loops took
the same time was measured at one speed, and that speed is known: its cost is told in units of the loop. Segments whose
loops disagree are thrown away, where there are others like them. Only the standard library is used, for the peers'
environments have nothing else.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic_ns, process_time_ns, thread_time_ns
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Meter", "Segment", "Stopwatch", "kept_bytes", "loop_ns", "peak_bytes", "reset_peak"]

_LOOP_TURNS = 6_000
_STOPWATCH_SECONDS = 0.005
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def loop_ns() -> int:
    """CPU time of the calibration loop, whatever other threads do: integers, strings and a dictionary, about a millisecond."""
    begun = thread_time_ns()
    seen: dict[int, str] = {}
    for turn in range(_LOOP_TURNS):
        seen[turn & 255] = str(turn)
    return thread_time_ns() - begun


@dataclass(frozen=True)
class Segment:
    """CPU time of `events` events (0 where a timer cut), and of the loops before and after."""

    events: int
    cpu_ns: int
    before_ns: int
    after_ns: int


@dataclass
class Meter:
    """Counts events, and cuts the work into segments of `every`, from the `warm`-th event on."""

    every: int
    warm: int
    count: int = 0
    segments: list[Segment] = field(default_factory=list)
    _next: int = 0
    _since: int = 0
    _loop: int = 0

    def __post_init__(self) -> None:
        self._next = self.warm
        loop_ns()

    def event(self) -> None:
        """To be called once for each event, where a user's handler would see it."""
        self.count += 1
        if self.count == self._next:
            self._cut()

    def _cut(self) -> None:
        cpu = process_time_ns() - self._since
        loop = loop_ns()
        if self._since:
            self.segments.append(Segment(self.every, cpu, self._loop, loop))
        self._loop = loop
        self._next += self.every
        self._since = process_time_ns()


class Stopwatch:
    """Around a piece of work that is different from beginning to end: a timer cuts it, and all segments of it count.

    Whatever the work is, it need not know: the timer is one of CPU time, and its signal is handled between two bytecodes.
    """

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.wall_ns = 0

    def __enter__(self) -> Self:
        self._others_handler = signal.signal(signal.SIGPROF, self._cut)
        self._since = process_time_ns()
        self._loop = loop_ns()
        self._go_on()
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._note()
        signal.signal(signal.SIGPROF, self._others_handler)

    def _cut(self, _number: int, _frame: FrameType | None) -> None:
        self._note()
        self._go_on()

    def _note(self) -> None:
        now = process_time_ns()
        self.wall_ns += monotonic_ns() - self._since_wall
        # Other threads may have worked on beside the last loop: only that itself does not count.
        cpu, self._since = now - self._since - self._loop, now
        loop = loop_ns()
        self.segments.append(Segment(0, cpu, self._loop, loop))
        self._loop = loop

    def _go_on(self) -> None:
        # Set anew each time, so that it never goes off in the loop.
        signal.setitimer(signal.ITIMER_PROF, _STOPWATCH_SECONDS)
        self._since_wall = monotonic_ns()


def _give_back() -> None:
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # another C library: what is kept is overstated there


def kept_bytes() -> int:
    """Resident memory once everything that is free has been given back."""
    _give_back()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def reset_peak() -> None:
    """Let the next `peak_bytes` know only of what comes from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most that was ever resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")
