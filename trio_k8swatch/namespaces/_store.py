"""The copy of many namespaces as readers see it."""

from __future__ import annotations

from typing import TypeVar

from trio_k8swatch._store import Store

from ._caches import WholeCache

__all__ = ["NamespacesStore"]

T = TypeVar("T")


class NamespacesStore(Store[T]):
    """A `Store` over many namespaces (`open_namespaces`).

    Each namespace shows one state that existed on the server, and namespaces are not read at one version: `resource_version`
    is that of the one furthest behind. `health` is that of the worst; those that the server refuses (`State.FORBIDDEN`,
    `State.NOT_SERVED`) only show in `is_failing`, `reason` and `last_error`, and nothing waits for them. What they held when
    they were last seen stays.

    `at_least`, `relist` and `request_relist` are about all namespaces that are not refused. One whose watch does not come to
    a version by itself reads a list, so for what was written to one namespace ask that one:
    `store.namespaces["shop"].at_least(version)`.
    """

    def __init__(self, whole: WholeCache[T]) -> None:
        super().__init__(whole)
        self._whole = whole

    @property
    def namespaces(self) -> dict[str, Store[T]]:
        """The namespaces that are followed now, each as a store of its own, with its own version and health.

        It lives as long as the namespace is followed; `stop` ends the watch of that namespace alone, and what it holds stays.
        `probe(store.namespaces)` has a line for each.
        """
        return {name: Store(member) for name, member in self._whole.members.items()}
