"""What a watch knows about itself."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum

import msgspec
import trio

from trio_k8swatch._errors import Forbidden, NotFound, Unauthorized

__all__ = ["Health", "State", "Vitals"]


class State(StrEnum):
    """What the watch is doing."""

    STARTING = "starting"
    """The first list has not been committed."""
    LIVE = "live"
    """A watch is open and changes arrive as they happen."""
    BLOCKED = "blocked"
    """A watch is open, and waits for this program: a subscriber with `policy="block"` is full, or somebody is in `locked()`.
    `Health.reason` says who, and what the store shows falls behind for as long as that lasts."""
    RELISTING = "relisting"
    """A list is being read; no watch is open."""
    RECONNECTING = "reconnecting"
    """No watch is open: one has ended and the next is not there yet, or it failed (`is_failing`) and is waiting."""
    UNAUTHORIZED = "unauthorized"
    """As reconnecting: the server does not accept the credentials."""
    FORBIDDEN = "forbidden"
    """As reconnecting: the server knows the user and refuses."""
    NOT_SERVED = "not served"
    """As reconnecting: the server does not have the resource; a CustomResourceDefinition may be missing."""
    STOPPED = "stopped"
    """The watch has ended. The store is frozen."""


class Health(msgspec.Struct, frozen=True):
    """The state of a watch at one moment. Times are `trio.current_time()`, None for what has not happened yet."""

    state: State
    since: float
    """When it came into this state."""
    is_failing: bool
    """Whether the last attempt to list or watch failed, and the store has not caught up since."""
    staleness: float
    """Seconds since the server last confirmed, by an event, a bookmark or a list, that the store is up to date. On a
    quiet collection this grows to a minute or so between two bookmarks. Infinite before the first list."""
    resource_version: str
    last_error: str | None
    """The newest failure, kept after recovery, as one line without secrets."""
    last_error_at: float | None
    failures: int
    """Failures in a row, since the watch last brought anything."""
    last_byte_at: float | None
    last_event_at: float | None
    last_bookmark_at: float | None
    last_list_at: float | None
    reason: str | None = None
    """Who blocks the watch; or why no watch is open, or why an open one is not trusted yet, in a few words of which there are
    few: "unreachable", "unavailable", "throttled", "denied", "not served", "expired", "broken", "silence" …
    (docs/explanation/recovery). None while `state` is live, and while nothing has gone wrong."""
    next_attempt_at: float | None = None
    """When the server will be asked next, if that is waited for; a moment that has passed while it is this watch's turn
    soon."""


class Vitals:
    """The same while it changes; written by the watcher alone."""

    def __init__(self) -> None:
        self.state: State = State.STARTING
        self.since: float = 0.0
        self.failing: bool = False
        self.failures: int = 0
        self.reason: str | None = None
        self.next_attempt: Callable[[], float | None] | None = None
        """When the server is asked next; set while that is waited for."""
        self.last_error: str | None = None
        self.last_error_at: float | None = None
        self.last_byte_at: float | None = None
        self.last_event_at: float | None = None
        self.last_bookmark_at: float | None = None
        self.last_list_at: float | None = None
        self.blocked_by: str | None = None
        """For whom in this program the watch waits."""
        self.blocked_since: float = 0.0

    @contextmanager
    def blocked(self, by: str) -> Generator[None]:
        """The watch waits for somebody in this program."""
        self.blocked_by, self.blocked_since = by, trio.current_time()
        try:
            yield
        finally:
            self.blocked_by = None

    def enter(self, state: State, now: float) -> None:
        """Be in `state` from now on."""
        if self.state is not state:
            self.state, self.since = state, now

    def failed(self, error: Exception, now: float, failures: int, reason: str) -> None:
        """An attempt failed and will be repeated."""
        self.failing = True
        self.failures = failures
        self.reason = reason
        self.last_error, self.last_error_at = _one_line(error), now
        self.enter(_state_for(error), now)

    def broke(self, error: Exception, now: float, reason: str) -> None:
        """A watch has ended that was all right, and is resumed at once."""
        self.reason = reason
        self.last_error, self.last_error_at = _one_line(error), now
        self.enter(State.RECONNECTING, now)

    def recovered(self, now: float) -> None:
        """The server can be followed again."""
        self.failing = False
        self.failures = 0
        self.reason = None
        self.enter(State.LIVE, now)

    @property
    def confirmed_at(self) -> float | None:
        """When the server last said something that bears the store out."""
        times = [t for t in (self.last_event_at, self.last_bookmark_at, self.last_list_at) if t is not None]
        return max(times, default=None)

    def seen(self, now: float, resource_version: str) -> Health:
        """How it stands at `now`."""
        confirmed = self.confirmed_at
        is_blocked = self.blocked_by is not None and self.state is State.LIVE
        return Health(
            state=State.BLOCKED if is_blocked else self.state,
            since=self.blocked_since if is_blocked else self.since,
            is_failing=self.failing,
            staleness=float("inf") if confirmed is None else now - confirmed,
            resource_version=resource_version,
            last_error=self.last_error,
            last_error_at=self.last_error_at,
            failures=self.failures,
            reason=self.blocked_by if is_blocked else self.reason,
            next_attempt_at=None if self.next_attempt is None else self.next_attempt(),
            last_byte_at=self.last_byte_at,
            last_event_at=self.last_event_at,
            last_bookmark_at=self.last_bookmark_at,
            last_list_at=self.last_list_at,
        )


def _state_for(error: Exception) -> State:
    if isinstance(error, Unauthorized):
        return State.UNAUTHORIZED
    if isinstance(error, Forbidden):
        return State.FORBIDDEN
    return State.NOT_SERVED if isinstance(error, NotFound) else State.RECONNECTING


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
