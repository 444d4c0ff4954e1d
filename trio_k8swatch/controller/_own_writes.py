"""A key does not run again before the stores show what its last run wrote (KEP-5647).

Rule 1: a write counts for every store that would show it: of its resource, in its namespace or in all.
Rule 2: an object that was written is shown by the store being at the write's version or later.
Rule 3: a deletion is shown by the object's uid being gone, and not by its name being gone.
Rule 4: of a write of which nobody knows whether it happened, a list that begins afterwards tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import trio

from trio_k8swatch._errors import StaleError
from trio_k8swatch._observed_writes import Write
from trio_k8swatch._resource_version import compare
from trio_k8swatch._store import Backstage, Store

__all__ = ["Unseen", "unseen", "until_seen"]

_PATIENCE_SECONDS: Final = 5.0
"""A watch shows a write within milliseconds; so long without it is worth an error."""


class Unseen(NamedTuple):
    """A write that a store does not show yet."""

    store: Store[Any]
    write: Write

    def is_shown(self) -> bool:
        """Whether the store shows it now."""
        if self.write.gone:
            return self.write.uid not in self.store
        return bool(self.write.resource_version) and compare(
            self.store.resource_version, self.write.resource_version
        ) in {0, 1}

    async def wait(self) -> None:
        """Return once the store shows it; `WatchStopped` if it never will."""
        if self.write.gone:
            await self.store.wait_until(lambda store: self.write.uid not in store)
        elif not self.write.resource_version:
            await self.store.relist()
        else:
            await self.store.at_least(self.write.resource_version)

    def __str__(self) -> str:
        write = self.write
        if not (write.gone or write.resource_version):
            return f"a write to {write.plural} ({write.api_version}) without an answer"
        what = f"that {write.uid} is gone" if write.gone else f"version {write.resource_version} of {write.uid}"
        return f"{what} ({write.plural}, {write.api_version}); the store is at {self.store.resource_version}"


def unseen(writes: Iterable[Write], stores: Iterable[Store[Any]]) -> list[Unseen]:
    """What of `writes` the stores do not show.

    All of it if any of one object is missing: an object that was created and deleted is gone only after it was there.
    """
    written = [
        Unseen(Backstage(store).covering(write.namespace), write)
        for store in stores
        for write in writes
        if _shows(store, write)
    ]
    return written if any(not one.is_shown() for one in written) else []


async def until_seen(what: Iterable[Unseen]) -> None:
    """Wait for at most 5 s; StaleError if the stores do not show everything by then, `WatchStopped` if they never will."""
    one: Unseen | None = None
    with trio.move_on_after(_PATIENCE_SECONDS) as scope:
        for one in what:
            await one.wait()
    if scope.cancelled_caught:
        raise StaleError(f"what this key wrote is not shown after {_PATIENCE_SECONDS:g} s: {one}")


def _shows(store: Store[Any], write: Write) -> bool:
    """The API group counts, and not its version: all versions show the same objects."""
    collection = Backstage(store).collection
    return (
        collection is not None
        and collection.plural == write.plural
        and _group(collection.api_version) == _group(write.api_version)
        and collection.namespace in {None, write.namespace}
    )


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
