"""The copy of each namespace, and the copy of all of them together, which move in the same step.

Rule 1: an object is in its namespace's copy and in the whole, and both change at once, with all their indexes.
Rule 2: there is one lock for all, so that whoever holds it sees no namespace move.
Rule 3: who waits for all namespaces does not wait for those that the server refuses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, TypeVar

import trio

from trio_k8swatch._errors import WatchStopped
from trio_k8swatch._object_meta import MetadataOf
from trio_k8swatch._resource_version import compare
from trio_k8swatch._store import Cache, Delta, HandlerFuncs, Notifier, Put, State, Subscription, Vitals, in_slices

from ._vitals import OUT, NamespaceVitals, WholeVitals

__all__ = ["NamespaceCache", "WholeCache"]

T = TypeVar("T")

_REBUILD_ABOVE_CHANGES: Final = 1000
_REBUILD_SHARE: Final = 0.25
"""From such a share of all objects on, indexes of the whole are built anew out of sight instead of taking the changes."""


class _Held(NamedTuple, Generic[T]):
    """Changes of which nobody may be notified yet."""

    deltas: Sequence[Delta[T]]
    preexisting: bool
    listed: bool


class WholeCache(Cache[T]):
    """What readers of all namespaces see. Its version is that of the namespace that is furthest behind."""

    def __init__(
        self, handlers: HandlerFuncs[T], metadata: MetadataOf, *, name: str, source: object, holds: bool
    ) -> None:
        super().__init__(handlers, metadata, name=name, source=source)
        self.members: dict[str, NamespaceCache[T]] = {}
        self.totals: WholeVitals = WholeVitals(
            lambda: [(name, one.vitals, one.resource_version) for name, one in self.members.items()]
        )
        self.vitals: Vitals = self.totals
        self._furthest_behind: NamespaceCache[T] | None = None
        self._held: list[_Held[T]] | None = [] if holds else None

    # What the namespaces call

    def take_in(self, deltas: Sequence[Delta[T]], rebuilt: Mapping[Any, Any]) -> None:
        """Commit what a namespace has committed. Raises what an index raises."""
        for delta in deltas:
            if isinstance(delta, Put):
                self.objects[delta.key] = delta.new
            else:
                del self.objects[delta.key]
        self.indexes.apply_all(deltas, rebuilt)

    async def rebuilt_indexes(self, of: NamespaceCache[T], objects: Mapping[str, T], changes: int) -> Mapping[Any, Any]:
        """Indexes as they will be with `objects` in that namespace, if that is less work than to change them."""
        if changes <= max(_REBUILD_ABOVE_CHANGES, len(self.objects) * _REBUILD_SHARE):
            return {}
        others = (one.objects.values() for one in self.members.values() if one is not of)
        return await self.indexes.rebuild([*chain(objects.values(), *others)])

    def tell(self, deltas: Sequence[Delta[T]], *, preexisting: bool, listed: bool) -> None:
        """Notify everyone, now or when the block has begun. What comes after that was not there before."""
        preexisting = preexisting and not self.block_begun.is_set()
        if self._held is not None:
            self._held.append(_Held(deltas, preexisting, listed))
        else:
            self.notifier.notify(deltas, self.objects, preexisting=preexisting, listed=listed)

    async def tell_held(self) -> None:
        """Notify everyone of what was held back, with a checkpoint after each change. Holds nothing back any more."""

        def tell(some: list[tuple[Delta[T], _Held[T]]]) -> None:
            for delta, held in some:
                self.notifier.notify((delta,), self.objects, preexisting=held.preexisting, listed=held.listed)

        held, self._held = self._held or [], None
        await in_slices(((delta, one) for one in held for delta in one.deltas), tell, slice_objects=1)

    def moved(self, member: NamespaceCache[T]) -> None:
        """The version of a namespace has moved."""
        behind = self._furthest_behind
        if behind is None or behind is member:
            self.find_furthest_behind()

    def find_furthest_behind(self) -> None:
        """Some namespace is followed or out, and was not, or has moved."""
        members = [one for one in self.members.values() if one.vitals.state not in OUT]
        behind = members[0] if members else None
        for one in members[1:]:
            order = compare(one.resource_version, behind.resource_version) if behind is not None else None
            if not one.resource_version or order is None:
                # One without a list, or a server whose versions cannot be compared.
                behind = None if one.resource_version else one
                break
            behind = one if order == -1 else behind
        self._furthest_behind = behind
        self.resource_version: str = "" if behind is None else behind.resource_version

    # What readers call

    def covering(self, namespace: str | None) -> Cache[T]:
        return self.members.get(namespace or "", self)

    async def list_for(self, version: str) -> None:
        behind = [one for one in self.members.values() if compare(one.resource_version, version) not in {0, 1}]
        await self.until_all(behind, lambda one: one.ask_for_list().wait)

    async def until_all(
        self,
        members: Sequence[NamespaceCache[T]],
        wait_of: Callable[[NamespaceCache[T]], Callable[[], Awaitable[object]]],
    ) -> None:
        """Wait for something of each of these, as long as it is followed and the server lets it be."""
        async with trio.open_nursery() as nursery:
            for one in members:
                nursery.start_soon(one.unless_out, wait_of(one))
        if self.stopped is not None:
            raise WatchStopped(self.stopped)


class NamespaceCache(Cache[T]):
    """The copy of one namespace."""

    def __init__(
        self,
        whole: WholeCache[T],
        namespace: str,
        metadata: MetadataOf,
        *,
        source: object,
        is_final: Callable[[Exception, float], bool],
    ) -> None:
        """`is_final`: whether a failure before the first list is one that the start does not wait out."""
        super().__init__(whole.notifier.handlers, metadata, name=repr(source), source=source)
        self.namespace = namespace
        self.lock: trio.Lock = whole.lock
        self.vitals: Vitals = NamespaceVitals(self._note_stand, self._note_failure)
        self.notifier: Notifier[T] = _Forwarding(whole)
        self.scope: trio.CancelScope = trio.CancelScope()
        """For as long as it is followed."""
        self.again: bool = False
        """Whether it is to be followed anew when it has been left."""
        self.settled: trio.Event = trio.Event()
        """It is known whether it can be listed."""
        self.first_error: Exception | None = None
        self._whole = whole
        self._is_final = is_final
        self._stand: tuple[State, bool] | None = None
        self._waits: set[trio.CancelScope] = set()
        # Indexes of the whole for the list that is about to be committed.
        self._rebuilt: Mapping[Any, Any] = {}

    @property
    def subscriptions(self) -> tuple[Subscription[T], ...]:
        """Who has subscribed to this namespace; of the first one, to all as well, so that metrics show them once."""
        is_first = next(iter(self._whole.members.values()), None) is self
        return self.awaited_subscriptions if is_first else self.notifier.subscriptions

    @property
    def awaited_subscriptions(self) -> tuple[Subscription[T], ...]:
        return (*self.notifier.subscriptions, *self._whole.notifier.subscriptions)

    # As a task status for the reflector

    def started(self, value: None = None) -> None:
        """The first list is committed."""
        self.settled.set()

    def _note_failure(self, error: Exception, now: float) -> None:
        if not self.settled.is_set() and self._is_final(error, now):
            self.first_error = error
            self.settled.set()

    # Its state

    def _note_stand(self, now: float) -> None:
        was, self._stand = self._stand, (self.vitals.state, self.vitals.failing)
        if was == self._stand or self.scope.cancel_called:
            self._stand = was
            return
        self._whole.totals.count(was, self._stand, now)
        if was is None or (was[0] in OUT) != (self._stand[0] in OUT):
            self._whole.find_furthest_behind()
            self._whole.notifier.wake()
        if self._stand[0] in OUT:
            for scope in self._waits:
                scope.cancel()

    def enter_whole(self, now: float) -> None:
        """It is followed from now on."""
        self._whole.members[self.namespace] = self
        self._note_stand(now)

    def leave_whole(self, now: float) -> None:
        """It is followed no more, and holds nothing."""
        del self._whole.members[self.namespace]
        self._whole.totals.count(self._stand, None, now)
        self._whole.find_furthest_behind()
        self._whole.notifier.wake()

    async def unless_out(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait for something of this namespace; not for long if it cannot come."""
        if self.vitals.state in OUT:
            return
        with trio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                await wait()
            except WatchStopped:
                pass
            finally:
                self._waits.discard(scope)

    # The commit

    def advance(self, version: str) -> None:
        self.resource_version: str = version
        self._whole.moved(self)
        self.notifier.wake()

    async def replace(self, objects: dict[str, T], deltas: list[Delta[T]], version: str) -> None:
        try:
            self._rebuilt = await self._whole.rebuilt_indexes(self, objects, len(deltas))
        except Exception as error:
            self.keep_fault(error)
            raise
        try:
            await super().replace(objects, deltas, version)
        finally:
            self._rebuilt = {}

    @trio.lowlevel.enable_ki_protection
    def _commit(self, delta: Delta[T], version: str) -> None:
        try:
            super()._commit(delta, version)
        finally:
            self._whole.take_in((delta,), {})
            self._whole.moved(self)

    @trio.lowlevel.enable_ki_protection
    def _swap(
        self, objects: dict[str, T], deltas: Sequence[Delta[T]], version: str, rebuilt: Mapping[Any, Any]
    ) -> None:
        try:
            super()._swap(objects, deltas, version, rebuilt)
        finally:
            self._whole.take_in(deltas, self._rebuilt)
            self._whole.moved(self)


class _Forwarding(Notifier[T]):
    """Notifies those of one namespace, and then the whole."""

    def __init__(self, whole: WholeCache[T]) -> None:
        super().__init__(whole.notifier.handlers)
        self._whole = whole

    def _handle(self, delta: Delta[T], *, preexisting: bool) -> None:
        self._whole.tell((delta,), preexisting=preexisting, listed=False)

    def _handle_all(self, deltas: Sequence[Delta[T]], *, preexisting: bool, listed: bool) -> None:
        self._whole.tell(deltas, preexisting=preexisting, listed=listed)

    def wake(self) -> None:
        super().wake()
        self._whole.notifier.wake()
