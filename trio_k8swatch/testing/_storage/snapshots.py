"""A collection at one resourceVersion, in the order of etcd's keys, so that a page costs what is on it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from .collection import Collection, Key, Revision

# Lists that are read page by page at the same time, each at its own resourceVersion, rarely are more.
KEPT_SNAPSHOTS: Final = 4


class Snapshot:
    """Objects by place; a place is `namespace/name`, or the name where there is no namespace."""

    __slots__ = ("_places", "_revisions")

    def __init__(self, state: Mapping[Key, Revision]) -> None:
        placed = sorted(((_place(key), revision) for key, revision in state.items()), key=lambda item: item[0])
        self._places = [place for place, _ in placed]
        self._revisions = [revision for _, revision in placed]

    def range(self, namespace: str, name: str, after: str) -> tuple[int, int]:
        """From where to where the objects of a request stand; empty strings do not narrow it."""
        start, end = 0, len(self._places)
        if namespace:
            # "0" is the character after "/".
            start, end = bisect_left(self._places, f"{namespace}/"), bisect_left(self._places, f"{namespace}0")
        if name and namespace:
            place = f"{namespace}/{name}"
            start, end = bisect_left(self._places, place), bisect_right(self._places, place)
        return max(start, bisect_right(self._places, after)) if after else start, end

    def between(self, start: int, end: int) -> Iterator[tuple[str, Revision]]:
        """The objects of a range with their places."""
        for index in range(start, end):
            yield self._places[index], self._revisions[index]


class Snapshots:
    """The last few snapshots of a storage, by resource and by the change that made them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, int], Snapshot] = OrderedDict()

    def at(self, name: str, collection: Collection, version: int) -> Snapshot:
        """What there was at `version`, which must still be remembered; made once for all pages of a list."""
        identity = (name, collection.epoch, collection.last_change(version))
        return self._remembered(identity, lambda: Snapshot(collection.at(version)))

    def _remembered(self, identity: tuple[str, int, int], make: Callable[[], Snapshot]) -> Snapshot:
        found = self._kept.pop(identity, None)
        self._kept[identity] = found = make() if found is None else found
        while len(self._kept) > KEPT_SNAPSHOTS:
            self._kept.popitem(last=False)
        return found


def _place(key: Key) -> str:
    return "/".join(key) if key[0] else key[1]
