"""One watch: what it sends first, what it sends then, and when it ends."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.list_parameters import ListOptions
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.response_steps import End, Line, Step
from trio_k8swatch.testing._http.statuses import Refused, expired, too_large_resource_version
from trio_k8swatch.testing._json import Object, copied, encode
from trio_k8swatch.testing._printers.rendering import Rendering
from trio_k8swatch.testing._timers import Agenda

from .history import Change, Revision, Storage
from .lists import in_order

# A reader that is so many events behind is sent away with 410, so that what it has not read stays bounded.
SLOW_READER_EVENTS: Final = 10_000
# So many events become bytes at a time; the rest waits as what all watches share.
EVENTS_AT_ONCE: Final = 1_000
# The last bookmark comes so long before the end of the watch.
LAST_BOOKMARK_SECONDS: Final = 2.0
# Bookmarks are due at whole ticks of the server's clock, of which an interval has sixty: as in kube-apiserver, where all that
# are due within a second are sent together.
_TICKS_BETWEEN_BOOKMARKS: Final = 60
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Watching:
    """Everything a watch needs to know from the start.

    `seconds` is how long it lasts. Without the watch cache (`cached`) there are no bookmarks but the first.
    """

    storage: Storage
    target: Target
    options: ListOptions
    rendering: Rendering
    clock: Clock
    agenda: Agenda
    seconds: float
    bookmark_seconds: float
    cached: bool


class WatchSource:
    """The events of one watch, in order, each exactly once."""

    def __init__(self, watching: Watching, *, on_close: Callable[[], object]) -> None:
        self._watching = watching
        # Called when there is something to be had; set by whoever reads.
        self.poke: Callable[[], None] = lambda: None
        self._on_close = on_close
        self._collection = watching.storage[watching.target.kind.storage_name]
        self._pending: deque[Change] = deque()
        self._overflowed = False
        self._ended = False
        self._done = False
        now = watching.clock.now()
        self._end = now + watching.seconds
        self._bookmark = self._next_bookmark(now)
        self._start: list[Step] = self._first()
        self._stop_listening = self._collection.listen(self._changed)

    def ready(self) -> list[Step]:
        """The events that wait, the bookmark if its time has come, the end if its time has."""
        if self._done:
            return []
        self._watching.agenda.catch_up()
        steps, self._start = self._start, []
        while self._pending and len(steps) < EVENTS_AT_ONCE:
            steps += self._line(self._pending.popleft())
        if self._pending:
            return steps
        clock = self._watching.clock
        if clock.reached(self._bookmark):
            self._bookmark = self._next_bookmark(max(clock.now(), self._bookmark))
            steps.append(self._bookmark_line())
        if clock.reached(self._end) or self._overflowed or self._ended:
            # A fault may hold the end back; it must not come twice.
            self._done = True
            if self._overflowed:
                steps.append(_error(expired(self._too_old(self._position))))
            steps.append(End())
        return steps

    def deadline(self) -> float:
        if self._done:
            return math.inf
        due = min(self._end, self._bookmark, self._watching.agenda.next())
        return self._watching.clock.trio_time(due)

    def close(self) -> None:
        self._stop_listening()
        self._on_close()

    def finish(self) -> None:
        """End after what is pending: the resource is no longer served."""
        self._ended = True
        self.poke()

    def _first(self) -> list[Step]:
        watching = self._watching
        options, version = watching.options, watching.options.version
        self._position = version
        synthetic = options.send_initial_events or (options.send_initial_events is None and version == 0)
        if synthetic:
            self._position = watching.storage.resource_version
            if version > self._position:
                return [_error(too_large_resource_version(version, self._position)), End()]
            return [*self._initial(), *self._initial_end()]
        if options.send_initial_events is False and version == 0:
            self._position = watching.storage.resource_version
            return []
        if version < self._collection.floor:
            return [_error(expired(self._too_old(version))), End()]
        self._pending.extend(self._collection.since(version))
        return []

    def _too_old(self, version: int) -> str:
        if self._watching.cached:
            return f"too old resource version: {version} ({self._collection.floor})"
        return "The resourceVersion for the provided watch is too old."

    def _initial(self) -> list[Step]:
        found = in_order(self._collection.current, self._watching.target, self._watching.options.selector)
        return [_event("ADDED", self._watching.rendering.event(revision)) for _, revision in found]

    def _initial_end(self) -> list[Step]:
        options = self._watching.options
        # The cache says where its first state ends to whoever takes bookmarks, even to those who did not ask for it.
        if not (options.bookmarks and (options.send_initial_events or self._watching.cached)):
            return []
        return [self._bookmark_line(annotations={INITIAL_EVENTS_END: "true"})]

    def _changed(self, change: Change) -> None:
        if len(self._pending) >= SLOW_READER_EVENTS:
            self._overflowed = True
        else:
            self._pending.append(change)
        self.poke()

    def _line(self, change: Change) -> list[Step]:
        if change.resource_version <= self._position:
            return []
        self._position = change.resource_version
        seen = self._visible(change)
        return [_event(seen[0], self._watching.rendering.event(seen[1]))] if seen else []

    def _visible(self, change: Change) -> tuple[str, Revision] | None:
        """The change as this watch sees it: an object that leaves its selector is deleted, one that enters is added."""
        target, selector = self._watching.target, self._watching.options.selector
        if (target.namespace and change.key[0] != target.namespace) or (target.name and change.key[1] != target.name):
            return None
        if selector is None:
            return change.type, change.new
        was = change.old is not None and selector(change.old.object)
        now = change.type != "DELETED" and selector(change.new.object)
        if was and change.old is not None:
            if now:
                return "MODIFIED", change.new
            return "DELETED", change.new if change.type == "DELETED" else _renumbered(change.old, change.new)
        return ("ADDED", change.new) if now else None

    def _bookmark_line(self, **metadata: Object) -> Line:
        version = str(self._watching.storage.resource_version)
        return _event("BOOKMARK", self._watching.rendering.bookmark({"resourceVersion": version, **metadata}))

    def _next_bookmark(self, now: float) -> float:
        if not self._watching.options.bookmarks or not self._watching.cached:
            return math.inf
        last = self._end - LAST_BOOKMARK_SECONDS
        tick = self._watching.bookmark_seconds / _TICKS_BETWEEN_BOOKMARKS
        due = (math.ceil(now / tick) + _TICKS_BETWEEN_BOOKMARKS) * tick
        return min(due, last if now < last else math.inf)


def _event(kind: str, obj: bytes) -> Line:
    return Line(kind, b'{"type":"%s","object":%s}\n' % (kind.encode(), obj))


def _error(refused: Refused) -> Line:
    return _event("ERROR", encode(refused.body))


def _renumbered(old: Revision, new: Revision) -> Revision:
    obj = copied(old.object)
    obj["metadata"]["resourceVersion"] = str(new.resource_version)
    return Revision(obj, new.resource_version, custom=old.custom)
