"""Changes as people count them: one for each event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar, cast

from trio_k8swatch._store import Change, Subscription

__all__ = ["OneForEach"]

T = TypeVar("T")


class OneForEach(AsyncIterator[Change[T]], Generic[T]):
    """The changes of a subscription, without the update to the final state that comes before each deletion."""

    def __init__(self, changes: AsyncIterator[Change[T]]) -> None:
        self._changes = cast("Subscription[T]", changes)
        self._held: Change[T] | None = None

    async def __anext__(self) -> Change[T]:
        """The next change; StopAsyncIteration when the watch has ended."""
        change, self._held = self._held, None
        if change is None:
            change = await anext(self._changes)
        # Both were queued in one step, so if a deletion follows it is there already.
        if change.type == "MODIFIED" and self._changes.lag:
            following = await anext(self._changes)
            if following.type == "DELETED" and following.object is change.object:
                return following
            self._held = following
        return change
