"""The local copy itself: objects, indexes and resourceVersion, which only ever move together.

Rule 1: one writer, the watcher; everyone else reads.
Rule 2: a commit is one synchronous call without a checkpoint, which Ctrl-C cannot split; so a reader without a lock
sees one state of the server, and all indexes built from exactly that state.
Rule 3: the notifier, behind which everyone hangs who is notified of a change, comes after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

import trio

from trio_k8swatch._metrics import WatchMetrics
from trio_k8swatch._object_meta import MetadataOf

from .checkpoints import in_slices
from .deltas import Delta, Put
from .handlers import HandlerFuncs
from .health import State, Vitals
from .indexes.key_indexes import NameIndex
from .indexes.registered_indexes import Registration, Registrations
from .mutation_detector import MutationDetector
from .notifier import Notifier
from .waiting.relist_tickets import RelistTicket, RelistTickets
from .waiting.subscriptions import Subscription

__all__ = ["Cache"]

T = TypeVar("T")

_REBUILD_ABOVE_CHANGES: Final = 1000
"""From so many changes in one commit on, indexes that can be rebuilt out of sight are, instead of holding up the loop."""


class Cache(Generic[T]):
    """Everything that one watch keeps; `Store` is how readers see it."""

    def __init__(
        self, handlers: HandlerFuncs[T], metadata: MetadataOf, *, name: str = "", source: object = None
    ) -> None:
        self.name = name
        self.source = source
        """What is listed and watched, as it was given to `open_watch`."""
        self.metadata: MetadataOf = metadata
        self.notifier: Notifier[T] = Notifier(handlers)
        self.objects: dict[str, T] = {}
        self.resource_version: str = ""
        # Held by the watcher while handlers run, and by readers who need the picture to stand still across awaits.
        self.lock: trio.Lock = trio.Lock()
        self.tickets: RelistTickets = RelistTickets()
        self.vitals: Vitals = Vitals()
        self.mutations: MutationDetector[T] | None = None
        self.stopped: str | None = None
        """Why the watch has ended, if it has."""
        self.life: trio.CancelScope = trio.CancelScope()
        """The watcher's whole life; cancelling it ends the watch and leaves the copy as it is."""
        self.stopping: bool = False
        self.block_begun: trio.Event = trio.Event()
        """The block of `open_watch` runs: with `InitMode.DEFER` no handler is called before."""
        self.on_list_wanted: Callable[[], object] = _ignored
        """Called when a list is asked for, by whoever asks: the reflector sees to it."""
        self.is_list_urgent: bool = False
        """A list is asked for that is not to be put off because there was another a short while ago."""
        self.indexes: Registrations[T] = Registrations()
        self.names: NameIndex[T] | None = None
        """Filled when somebody first asks for an object by name."""
        self.fault: BaseException | None = None
        """What a handler, an index or a transform raised. It ends the watch whatever it is, one of our own errors included."""

    @property
    def metrics(self) -> WatchMetrics:
        """Where the watch reports to."""
        return self.notifier.metrics

    @property
    def subscriptions(self) -> tuple[Subscription[T], ...]:
        """Who has subscribed."""
        return self.notifier.subscriptions

    @property
    def awaited_subscriptions(self) -> tuple[Subscription[T], ...]:
        """For whom the watch waits, if they are full and block."""
        return self.notifier.subscriptions

    def keep_fault(self, error: Exception) -> None:
        """Something of the user's has raised `error`, which ends the watch."""
        self.fault = error

    # What the reflector calls

    def apply(self, delta: Delta[T], version: str) -> None:
        """Commit one change, then notify everyone. Raises what an index or a handler raises."""
        try:
            if self.mutations is not None:
                self.mutations.check((delta,))
            self._commit(delta, version)
            self.notifier.notify_one(delta, self.objects)
        except Exception as error:
            self.fault = error
            raise

    def advance(self, version: str) -> None:
        """Nothing changed up to `version` (a bookmark)."""
        self.resource_version = version
        self.notifier.wake()

    async def replace(self, objects: dict[str, T], deltas: list[Delta[T]], version: str) -> None:
        """Commit a whole list at once. Notifies nobody yet; nothing has changed if it is cancelled.

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
        self.notifier.wake()

    async def notify_all(self, deltas: list[Delta[T]], *, preexisting: bool) -> None:
        """Notify everyone of changes that were committed, with checkpoints. Shield it: half the changes would mislead."""
        try:
            await in_slices(deltas, partial(self._notify, preexisting=preexisting))
        except Exception as error:
            self.fault = error
            raise

    async def notify_block(self, deltas: list[Delta[T]]) -> None:
        """As `notify_all` for the first list, once the block of `open_watch` has begun, which has a turn after each change.

        Nobody has been notified if this is cancelled before that; from then on it cannot be.
        """
        await self.block_begun.wait()
        try:
            with trio.CancelScope(shield=True):
                await in_slices(deltas, partial(self._notify, preexisting=True), slice_objects=1)
        except Exception as error:
            self.fault = error
            raise

    def _notify(self, deltas: Sequence[Delta[T]], *, preexisting: bool) -> None:
        self.notifier.notify(deltas, self.objects, preexisting=preexisting, listed=True)

    def caught_up(self) -> None:
        """The copy is what the server has, as far as anyone can know."""
        is_back = self.vitals.state is not State.LIVE
        self.vitals.recovered(trio.current_time())
        self.metrics.failing(is_failing=False)
        if is_back:
            # Some wait for what a live watch brings, and count the time from here.
            self.notifier.wake()

    def end(self, why: str) -> None:
        """The watch is over: wake everyone who waits on it."""
        self.stopped = why
        self.tickets.close(why)
        self.notifier.end(why)

    @property
    def has_failed(self) -> bool:
        """Whether the watch has ended although nobody stopped it."""
        return self.stopped is not None and not self.stopping

    @property
    def why_ended(self) -> str | None:
        """Why the watch has ended, or is about to as soon as its task runs; None if it goes on."""
        return self.stopped or ("the watch was stopped" if self.stopping else None)

    # What readers call

    def by_name(self, namespace: str, name: str) -> T | None:
        """The object of that name."""
        if self.names is None:
            self.names = NameIndex(metadata=self.metadata)
            self.indexes.attach(self.names, self.objects.values())
        return self.names.get(namespace, name)

    def stop(self) -> None:
        """End the watch."""
        self.stopping = True
        self.life.cancel()

    def ask_for_list(self, *, at_once: bool = False) -> RelistTicket:
        """Draw a ticket, and let the reflector know. `at_once`: whoever asks sees to it that it is not asked too often."""
        ticket = self.tickets.draw()
        self.is_list_urgent = self.is_list_urgent or at_once
        self.on_list_wanted()
        return ticket

    async def list_for(self, version: str) -> None:
        """Return once a list that began after this call is committed, of what may be behind `version`."""
        del version
        await self.ask_for_list().wait()

    def covering(self, namespace: str | None) -> Cache[T]:
        """The copy that shows what happens in a namespace soonest."""
        del namespace
        return self

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
