"""The copy of a shard as its replica sees it."""

from __future__ import annotations

from typing import TypeVar

from trio_k8swatch._store import Store

from ._cache import ShardCache
from ._list_watcher import ShardListWatcher
from ._membership import Member

__all__ = ["ShardStore"]

T = TypeVar("T")


class ShardStore(Store[T]):
    """A `Store` of the objects that are this replica's share (`open_shard`)."""

    def __init__(self, cache: ShardCache[T], list_watcher: ShardListWatcher[T], member: Member) -> None:
        super().__init__(cache)
        self._list_watcher = list_watcher
        self._member = member

    @property
    def identity(self) -> str:
        """The name of this replica's Lease."""
        return self._member.identity

    @property
    def members(self) -> tuple[str, ...]:
        """The replicas that take part, as far as this one knows, itself included."""
        return self._member.members

    @property
    def share(self) -> float:
        """Which part of the slots this replica serves, from 0 to 1; with three replicas about a third."""
        return self._list_watcher.served.bit_count() / self._member.slots

    @property
    def server_filters(self) -> bool | None:
        """Whether the API server has said that it sends no more than the share; None while it was not asked."""
        return self._list_watcher.server_filters
