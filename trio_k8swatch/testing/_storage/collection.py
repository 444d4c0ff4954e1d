"""The objects of one resource, and how they came to be so as far back as it is remembered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from trio_k8swatch.testing._api.faces import shown
from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, encode, encode_sorted

# (namespace, name); the namespace of a cluster-wide object is empty.
Key: TypeAlias = tuple[str, str]
ChangeType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


class Revision:
    """One object at one resourceVersion. Never changed once made; its JSON is made once and shared by all readers."""

    __slots__ = ("_json", "custom", "object", "resource_version")

    def __init__(self, obj: Object, resource_version: int, *, custom: bool) -> None:
        self.object: Object = obj
        self.resource_version: int = resource_version
        self.custom: bool = custom
        self._json: bytes | None = None

    def as_seen_by(self, kind: ResourceType) -> Revision:
        """The same in the form of a kind, where that is another one."""
        obj = shown(kind, self.object)
        return self if obj is self.object else Revision(obj, self.resource_version, custom=self.custom)

    @property
    def json(self) -> bytes:
        """As a watch sends it, kind and apiVersion included."""
        if self._json is None:
            self._json = encode_sorted(self.object) if self.custom else encode(self.object)
        return self._json


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history. A deletion's `new` is the last state under the resourceVersion of the deletion."""

    type: ChangeType
    key: Key
    old: Revision | None
    new: Revision
    time: float

    @property
    def resource_version(self) -> int:
        """When it happened, as the server counts."""
        return self.new.resource_version


class Collection:
    """All objects of one resource, and the changes that are still remembered.

    `floor` is the resourceVersion before which nothing is known: a watch from there or later is possible. `epoch` counts
    what changes the objects without being part of the history.
    """

    def __init__(self, history_limit: int, floor: int) -> None:
        self.current: dict[Key, Revision] = {}
        self.changes: list[Change] = []
        self.floor: int = floor
        self.epoch: int = 0
        self._history_limit = history_limit
        self._listeners: dict[Callable[[Change], None], None] = {}

    def record(self, change: Change) -> None:
        """Take a step, and tell those who listen."""
        self.changes.append(change)
        if change.type == "DELETED":
            del self.current[change.key]
        else:
            self.current[change.key] = change.new
        # Twice the limit, so that forgetting costs little for each change.
        if len(self.changes) > 2 * self._history_limit:
            self.forget(self.changes[-self._history_limit - 1].resource_version)
        for listener in tuple(self._listeners):
            listener(change)

    def since(self, resource_version: int) -> list[Change]:
        """All changes after it, oldest first."""
        return self.changes[bisect_right(self.changes, resource_version, key=_version) :]

    def last_change(self, resource_version: int) -> int:
        """The resourceVersion of the last remembered change up to a version, or `floor`: between the two all is alike."""
        index = bisect_right(self.changes, resource_version, key=_version)
        return self.changes[index - 1].resource_version if index else self.floor

    def put_in_the_past(self, key: Key, revision: Revision) -> None:
        """Have an object there as if it always had been."""
        self.current[key] = revision
        self.epoch += 1

    def roll_back(self, resource_version: int) -> None:
        """Be as it was then: what came later never happened."""
        self.current = self.at(resource_version)
        del self.changes[bisect_right(self.changes, resource_version, key=_version) :]
        self.epoch += 1

    def at(self, resource_version: int) -> dict[Key, Revision]:
        """What there was at a resourceVersion not older than `floor`."""
        state = dict(self.current)
        for change in reversed(self.since(resource_version)):
            if change.old is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.old
        return state

    def forget(self, resource_version: int) -> None:
        """Forget how anything came to be up to that resourceVersion."""
        del self.changes[: bisect_right(self.changes, resource_version, key=_version)]
        self.floor = max(self.floor, resource_version)

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have `listener` called after each change; returns how to stop it."""
        self._listeners[listener] = None

        def stop() -> None:
            self._listeners.pop(listener, None)

        return stop


def _version(change: Change) -> int:
    return change.resource_version
