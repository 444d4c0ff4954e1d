"""The local copy itself: objects, indexes and resourceVersion, which only ever move together.

Rule 1: one writer, the watcher; everyone else reads.
Rule 2: a commit is one synchronous call without a checkpoint, which Ctrl-C cannot split; so a reader without a lock
sees one state of the server, and all indexes built from exactly that state.
Rule 3: whoever is told of a change is told after the commit, so that all can look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

import trio

from trio_k8swatch._metrics import WatchMetrics
from trio_k8swatch._object_meta import MetadataOf

from .checkpoints import in_slices
from .deltas import Delta, Drop, Put
from .handlers import HandlerFuncs
from .health import State, Vitals
from .indexes.registrations import Registration, Registrations
from .mutation_detector import MutationDetector
from .waiting.listeners import Listener, Listeners
from .waiting.relist_tickets import RelistTicket, RelistTickets
from .waiting.subscriptions import Subscription

__all__ = ["Cache"]

T = TypeVar("T")

_REBUILD_ABOVE_CHANGES: Final = 1000
"""From so many changes in one commit on, indexes that can be rebuilt out of sight are, instead of holding up the loop."""


class Cache(Generic[T]):
    """Everything that one watch keeps; `Store` is how readers see it."""

    def __init__(self, handlers: HandlerFuncs[T], metadata: MetadataOf, *, name: str = "") -> None:
        self.name = name
        self.metadata: MetadataOf = metadata
        self.handlers: HandlerFuncs[T] = handlers
        self.metrics: WatchMetrics = WatchMetrics()
        self.objects: dict[str, T] = {}
        self.resource_version: str = ""
        # Held by the watcher while handlers run, and by readers who need the picture to stand still across awaits.
        self.lock: trio.Lock = trio.Lock()
        self.listeners: Listeners | None = None
        """Those who listen to single objects; None until the first does."""
        self.tickets: RelistTickets = RelistTickets()
        self.subscriptions: tuple[Subscription[T], ...] = ()
        self.vitals: Vitals = Vitals()
        self.mutations: MutationDetector[T] | None = None
        self.stopped: str | None = None
        """Why the watch has ended, if it has."""
        # Of the next change, if anyone waits for it.
        self._moved: trio.Event | None = None
        self.life: trio.CancelScope = trio.CancelScope()
        """The watcher's whole life; cancelling it ends the watch and leaves the copy as it is."""
        self.stopping: bool = False
        self.block_begun: trio.Event = trio.Event()
        """The block of `open_watch` runs: with `InitMode.DEFER` no handler is called before."""
        self.on_list_wanted: Callable[[], object] = _ignored
        """Called when a list is asked for, by whoever asks: the reflector sees to it."""
        self.indexes: Registrations[T] = Registrations()
        self.fault: BaseException | None = None
        """What a handler or an index raised. It ends the watch whatever it is, one of our own errors included."""

    # What the watcher calls

    def apply(self, delta: Delta[T], version: str) -> None:
        """Commit one change, then tell everyone. Raises what an index or a handler raises."""
        try:
            if self.mutations is not None:
                self.mutations.check((delta,))
            self._commit(delta, version)
            someone_listens = self._moved is not None or self.subscriptions or self.listeners is not None
            if someone_listens or self.metrics.counts or not isinstance(delta, Put) or delta.old is None:
                self._tell((delta,))
            elif self.handlers.update is not None:
                # What nearly every change is.
                self.handlers.update(delta.old, delta.new)
        except Exception as error:
            self.fault = error
            raise

    def advance(self, version: str) -> None:
        """Nothing changed up to `version` (a bookmark)."""
        self.resource_version = version
        self._wake()

    async def replace(self, objects: dict[str, T], deltas: list[Delta[T]], version: str) -> None:
        """Commit a whole list at once. Tells nobody yet; nothing has changed if it is cancelled.

        Indexes that can be are built anew beforehand, with checkpoints, when the list changes very much.
        """
        try:
            if self.mutations is not None:
                self.mutations.check(deltas)
            many = len(deltas) > _REBUILD_ABOVE_CHANGES
            rebuilt = await self.indexes.rebuild(objects.values()) if many else {}
            self._swap(objects, deltas, version, rebuilt)
        except Exception as error:
            self.fault = error
            raise
        self._wake()

    async def tell_all(self, deltas: list[Delta[T]], *, preexisting: bool) -> None:
        """Tell everyone of changes that were committed, with checkpoints. Shield it: who is told half is misled."""
        try:
            await in_slices(deltas, partial(self._tell, preexisting=preexisting))
        except Exception as error:
            self.fault = error
            raise

    async def tell_block(self, deltas: list[Delta[T]]) -> None:
        """As `tell_all` of the first list, but once the block of `open_watch` has begun, and with a turn for it after each.

        Nobody has been told anything if this is cancelled before that; from then on it cannot be.
        """
        await self.block_begun.wait()
        try:
            with trio.CancelScope(shield=True):
                await in_slices(deltas, partial(self._tell, preexisting=True), slice_objects=1)
        except Exception as error:
            self.fault = error
            raise

    def _tell(self, deltas: Sequence[Delta[T]], *, preexisting: bool = False) -> None:
        """Wake who listens, queue for who subscribed, call the handlers."""
        if self._moved is not None:
            self._wake()
        for subscription in self.subscriptions:
            subscription.put(deltas, self.objects)
        if self.listeners is not None:
            for delta in deltas:
                self.listeners.tell(delta.key, deleted=isinstance(delta, Drop))
        began = perf_counter() if self.metrics.counts else None
        handlers = self.handlers
        for delta in deltas:
            # The usual first, because asking costs more when the answer is no.
            if not isinstance(delta, Put):
                self._handle_drop(delta)
            elif delta.old is None:
                if handlers.add is not None:
                    handlers.add(delta.new, preexisting)
            elif handlers.update is not None:
                handlers.update(delta.old, delta.new)
        if began is not None:
            self.metrics.handled(perf_counter() - began)

    def _handle_drop(self, delta: Drop[T]) -> None:
        handlers = self.handlers
        if delta.final is not None and handlers.update is not None:
            # The final state may differ from the last one: who keys on a mutable field would miss that (H6).
            handlers.update(delta.old, delta.final)
        if handlers.delete is not None:
            handlers.delete(delta.old if delta.final is None else delta.final, delta.final is None)

    def caught_up(self) -> None:
        """The copy is what the server has, as far as anyone can know."""
        is_back = self.vitals.state is not State.LIVE
        self.vitals.recovered(trio.current_time())
        self.metrics.failing(is_failing=False)
        if is_back:
            # Some wait for what a live watch brings, and count the time from here.
            self._wake()

    def end(self, why: str) -> None:
        """The watch is over: wake everyone who waits on it."""
        self.stopped = why
        self.tickets.close(why)
        if self.listeners is not None:
            self.listeners.stop(why)
        self._wake()
        for subscription in self.subscriptions:
            subscription.close()

    @property
    def has_failed(self) -> bool:
        """Whether the watch has ended although nobody stopped it."""
        return self.stopped is not None and not self.stopping

    @property
    def why_ended(self) -> str | None:
        """Why the watch has ended, or is about to as soon as its task runs; None if it goes on."""
        return self.stopped or ("the watch was stopped" if self.stopping else None)

    # What readers call

    def stop(self) -> None:
        """End the watch."""
        self.stopping = True
        self.life.cancel()

    async def next_change(self) -> None:
        """Return once anything has changed, or the watch has ended, since this was called."""
        if self._moved is None:
            self._moved = trio.Event()
        await self._moved.wait()

    def _wake(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set()

    def listen(self, key: str) -> Listener:
        """A listener for what happens to one object from now on."""
        if self.listeners is None:
            self.listeners = Listeners()
            if self.stopped is not None:
                self.listeners.stop(self.stopped)
        return self.listeners.listen(key)

    def join(self, subscription: Subscription[T]) -> Subscription[T]:
        """Queue every change from now on for `subscription`."""
        self.subscriptions = (*self.subscriptions, subscription)
        if self.stopped is not None:
            subscription.close()
        return subscription

    def leave(self, subscription: Subscription[T]) -> None:
        """Queue nothing more for it, and let the watch not wait for it."""
        self.subscriptions = tuple(other for other in self.subscriptions if other is not subscription)
        subscription.close()

    def ask_for_list(self) -> RelistTicket:
        """Draw a ticket, and let the reflector know."""
        ticket = self.tickets.draw()
        self.on_list_wanted()
        return ticket

    # The commit

    @trio.lowlevel.enable_ki_protection
    def _commit(self, delta: Delta[T], version: str) -> None:
        if isinstance(delta, Put):
            self.objects[delta.key] = delta.new
        else:
            del self.objects[delta.key]
        self.resource_version = version
        self.indexes.apply(delta)

    @trio.lowlevel.enable_ki_protection
    def _swap(
        self, objects: dict[str, T], deltas: Sequence[Delta[T]], version: str, rebuilt: Mapping[Registration[T], Any]
    ) -> None:
        self.objects = objects
        self.resource_version = version
        self.indexes.apply_all(deltas, rebuilt)


def _ignored() -> None:
    """Nobody sees to it: there is no reflector yet, or any more."""
