"""Faults drawn from a seeded source: the same misfortunes each time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Final

from ._catalogue import NamedFaults


def _retry_after(rng: random.Random) -> int:
    return rng.randint(1, 10)


# What may be drawn, with its own random details. All of these pass by themselves: a client must come back from each.
MENU: Final[dict[str, Callable[[NamedFaults, random.Random], object]]] = {
    "close_watch": lambda faults, rng: faults.close_watch(after_events=rng.randrange(4)),
    "cut_watch": lambda faults, rng: faults.cut_watch(after_events=rng.randrange(4), how=rng.choice(["reset", "eof"])),
    "cut_line": lambda faults, rng: faults.cut_line(at_byte=rng.randrange(1, 200)),
    "cut_list": lambda faults, rng: faults.cut_list(at_byte=rng.randrange(1, 2000)),
    "half_open": lambda faults, rng: faults.half_open(after_events=rng.randrange(3)),
    "reset": lambda faults, _: faults.reset(),
    "no_answer": lambda faults, _: faults.no_answer(),
    "hang": lambda faults, rng: faults.hang(seconds=rng.uniform(1, 90)),
    "gone": lambda faults, rng: faults.gone(after_events=rng.randrange(3)),
    "gone_as_status": lambda faults, _: faults.gone(as_status=True),
    "error_event": lambda faults, rng: faults.error_event(rng.choice([500, 503, 504])),
    "garbage": lambda faults, rng: faults.garbage(after_events=rng.randrange(3)),
    "unknown_type": lambda faults, _: faults.unknown_type(),
    "too_many_requests": lambda faults, rng: faults.too_many_requests(retry_after=_retry_after(rng)),
    "unauthorized": lambda faults, _: faults.unauthorized(),
    "server_error": lambda faults, rng: faults.status(rng.choice([500, 502, 503])),
    "html": lambda faults, rng: faults.unavailable(times=rng.randint(1, 3)),
    "expired_list": lambda faults, _: faults.expired_list(),
    "outage": lambda faults, rng: faults.outage(rng.uniform(1, 120)),
    "cut_connections": lambda faults, _: faults.cut_connections(),
    "restart": lambda faults, rng: faults.restart(seconds=rng.uniform(0, 30), clean=rng.random() < 0.5),
    "forget_history": lambda faults, _: faults.forget_history(),
    "rechunk": lambda faults, rng: faults.rechunk(rng.randint(1, 64), times=1),
    "lag": lambda faults, rng: faults.lag(rng.uniform(0.1, 10), times=1),
}


class Weather:
    """Faults that come by chance. `drawn` names them with their times; `stop()` lets no more come."""

    def __init__(self) -> None:
        self.drawn: list[tuple[float, str]] = []
        self.stopped: bool = False

    def stop(self) -> None:
        """No more from now on. What has struck already goes on."""
        self.stopped = True


class Faults(NamedFaults):
    """What can go wrong, by name.

    Each method makes a fault and returns it; several may be active at once, and act in the order they were made. A
    fault *that happens* strikes once unless `times=` says otherwise, a fault *that is so* until it is removed; the
    docstring says which. All take the keywords of `When`: `on`, `resource`, `namespace`, `times`, `after`,
    `for_seconds`.
    """

    def draw(self, *names: str) -> str:
        """Make one fault of these (by default of all in the menu) with random details; returns its name."""
        name = self._rng.choice(names or tuple(MENU))
        MENU[name](self, self._rng)
        return name

    def random(
        self,
        *,
        every_seconds: float = 60.0,
        for_seconds: float = math.inf,
        names: Sequence[str] = (),
        on_draw: Callable[[str], object] | None = None,
    ) -> Weather:
        """From now on draw a fault at random moments, so far apart on average; `on_draw` is called with its name.

        They come while somebody is connected or asks: without clients there is nobody to suffer.
        """
        weather = Weather()
        end = self._clock.now() + for_seconds

        def strike() -> None:
            if weather.stopped or self._clock.now() > end:
                return
            name = self.draw(*names)
            weather.drawn.append((self._clock.now(), name))
            if on_draw is not None:
                on_draw(name)
            self._server.agenda.after(self._rng.expovariate(1 / every_seconds), strike)

        self._server.agenda.after(self._rng.expovariate(1 / every_seconds), strike)
        return weather
