"""Where active faults are kept, and found for a call."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

import trio

from trio_k8swatch.testing._api.resource_types import Registry
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing._http.response_player import Filter
from trio_k8swatch.testing._http.response_steps import Step
from trio_k8swatch.testing._request_log import Call
from trio_k8swatch.testing._storage.history import Storage
from trio_k8swatch.testing._timers import Agenda

from ._fault import Effect, Fault, On, When, WhenOptions


class Server(Protocol):
    """What faults need of the server that they strike (`FakeApiServer`)."""

    storage: Storage
    registry: Registry
    agenda: Agenda

    def compact(self) -> object: ...
    def step_back(self, request: Request, events: int) -> int: ...
    def poke_streams(self) -> None: ...
    def interrupt_streams(self, step: Step) -> None: ...


class FaultBase:
    """The active faults, in the order they were added: that is the order in which they act."""

    def __init__(self, server: Server, clock: Clock, rng: random.Random) -> None:
        self._server = server
        self._clock = clock
        self._rng = rng
        self._active: list[Fault] = []

    def __repr__(self) -> str:
        return f"<faults: {', '.join(fault.name for fault in self.active) or 'none'}>"

    @property
    def active(self) -> list[Fault]:
        """The faults that may still strike."""
        self._active = [fault for fault in self._active if not fault.spent]
        return list(self._active)

    def clear(self) -> None:
        """Remove all faults."""
        for fault in self.active:
            fault.remove()

    def _once(self, name: str, effect: Effect, on: On, when: WhenOptions) -> Fault:
        """A fault that strikes once unless `times=` says otherwise."""
        return self._add(name, effect, {"on": on, "times": 1, **when})

    def _lasting(self, name: str, effect: Effect, on: On, when: WhenOptions) -> Fault:
        """A fault that strikes until it is removed unless `times=` says otherwise."""
        return self._add(name, effect, {"on": on, **when})

    def _add(self, name: str, effect: Effect, when: WhenOptions) -> Fault:
        fault = Fault(name, When(**when), effect, self._clock)
        fault.on_remove = self._server.poke_streams
        self._active.append(fault)
        self._server.poke_streams()
        return fault

    def _now(self) -> float:
        return trio.current_time()


class FaultsOfCall:
    """The faults that meet one call: those there when it began, and, for a stream, those added while it lasts."""

    def __init__(self, active: Callable[[], list[Fault]], call: Call) -> None:
        self._active = active
        self._call = call
        self._asked: set[Fault] = set()
        self._met: list[tuple[Fault, Filter | None]] = []
        self._meet()

    @property
    def faults(self) -> list[Fault]:
        """Those that meet the call."""
        return [fault for fault, _ in self._met]

    def filters(self) -> list[Filter]:
        """What they put into the stream."""
        self._meet()
        return [one for _, one in self._met if one is not None]

    def _meet(self) -> None:
        for fault in self._active():
            if fault not in self._asked:
                self._asked.add(fault)
                if fault.meets(self._call):
                    self._met.append((fault, fault.effect.filter(fault)))
