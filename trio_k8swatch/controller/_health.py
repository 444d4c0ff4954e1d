"""How a controller is doing, for probes and metrics."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import trio

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._store import Probe

__all__ = ["ControllerHealth"]


class ControllerHealth:
    """How one controller is doing; make it, and pass it to `run_controller(health=…)`. It is for one controller."""

    def __init__(self) -> None:
        self.workers: int = 0
        """How many runs there can be at a time."""
        self.started: bool = False
        """Whether everything that the stores held at the start is in the queue."""
        self.draining: bool = False
        """Whether the controller is about to end: nothing new is run."""
        self.ended: bool = False
        """Whether it has ended."""
        self.last_error: str = ""
        """What the last run that failed said, and for which key."""
        self._since: dict[Hashable, float] = {}
        self._depth: Callable[[], int] = int
        self._oldest: Callable[[], float | None] = lambda: None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "draining" if self.draining else "started" if self.started else "starting"
        return f"<ControllerHealth: {state}, {self.depth} keys wait, {len(self._since)} worked on>"

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return self._depth()

    def oldest_seconds(self, now: float | None = None) -> float:
        """For how long the key that has waited longest has done so; 0 if none waits. `now` is of trio's clock."""
        since = self._oldest()
        return 0.0 if since is None else max(0.0, _now(now) - since)

    def run_seconds(self, now: float | None = None) -> list[float]:
        """How long each run that is under way has taken so far, the longest first."""
        return sorted((_now(now) - since for since in list(self._since.values())), reverse=True)

    def probe(self, *, seconds: float = 600.0) -> Probe:
        """Well unless it has ended, or one run, or the oldest key's wait, has gone on for more than `seconds`.

        For liveness: a run that hangs is what a restart mends. Add `probe(stores, seconds=math.inf)`, which fails for a
        watch that has ended. Never waits.
        """
        longest = max(self.run_seconds(), default=0.0)
        oldest = self.oldest_seconds()
        well = not self.ended and longest <= seconds and oldest <= seconds
        report = f"{'ended' if self.ended else 'running'}, {self.depth} keys wait, the oldest for {oldest:.0f} s"
        if longest:
            report += f", the longest run has taken {longest:.0f} s"
        return Probe(well, report if well or not self.last_error else f"{report} ({self.last_error})")

    # What the controller calls

    def begin(self, workers: int, depth: Callable[[], int], oldest: Callable[[], float | None]) -> None:
        """It has started; where to look."""
        if self.workers:
            raise ConfigError("this ControllerHealth is another controller's: make one for each")
        self.workers, self._depth, self._oldest = workers, depth, oldest

    def run_began(self, key: Hashable) -> None:
        """A run has begun."""
        self._since[key] = trio.current_time()

    def run_ended(self, key: Hashable) -> float:
        """It has ended; the seconds that it took."""
        return trio.current_time() - self._since.pop(key)


def _now(now: float | None) -> float:
    return trio.current_time() if now is None else now
