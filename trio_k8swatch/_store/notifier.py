"""Everyone who is notified when a copy changes: handlers, subscribers, and those who wait for something in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Generic, TypeVar

import trio

from trio_k8swatch._metrics import WatchMetrics

from .deltas import Delta, Drop, Put
from .handlers import HandlerFuncs, refuse_awaitable
from .observer_protocol import Observer
from .waiting.journal import Journal
from .waiting.object_waiters import Listener, Listeners
from .waiting.subscriptions import Subscription

__all__ = ["Notifier"]

T = TypeVar("T")


class Notifier(Generic[T]):
    """Notifies after the commit, so that all can look. Handlers come last: whoever waits runs only after them."""

    def __init__(self, handlers: HandlerFuncs[T]) -> None:
        self.handlers: HandlerFuncs[T] = handlers
        self.metrics: WatchMetrics = WatchMetrics()
        self.subscriptions: tuple[Subscription[T], ...] = ()
        self.observers: tuple[Observer, ...] = ()
        self.listeners: Listeners | None = None
        """Those who listen to single objects; None until the first does."""
        self.journal: Journal = Journal()
        """For those who wait for any object."""
        # Of the next change, if anyone waits for it.
        self._moved: trio.Event | None = None
        self._stopped: str | None = None

    def notify_one(self, delta: Delta[T], objects: Mapping[str, T]) -> None:
        """Notify everyone of one change; `objects` holds it already. Raises what a handler raises."""
        someone_waits = self._moved is not None or self.subscriptions or self.listeners is not None
        is_update = isinstance(delta, Put) and delta.old is not None
        if someone_waits or self.observers or self.journal.readers or self.metrics.counts or not is_update:
            self.notify((delta,), objects)
        else:
            # What nearly every change is.
            self._handle(delta, preexisting=False)

    def notify(
        self, deltas: Sequence[Delta[T]], objects: Mapping[str, T], *, preexisting: bool = False, listed: bool = False
    ) -> None:
        """Wake who waits, queue for who subscribed, call the handlers."""
        if self._moved is not None:
            self.wake()
        for subscription in self.subscriptions:
            subscription.put(deltas, objects)
        for observer in self.observers:
            observer.changed(deltas, listed=listed)
        if self.listeners is not None:
            for delta in deltas:
                self.listeners.tell(delta.key, deleted=isinstance(delta, Drop))
        if self.journal.readers:
            self.journal.write(delta.key for delta in deltas)
        began = perf_counter() if self.metrics.counts else None
        self._handle_all(deltas, preexisting=preexisting, listed=listed)
        if began is not None:
            self.metrics.handled(perf_counter() - began)

    def _handle_all(self, deltas: Sequence[Delta[T]], *, preexisting: bool, listed: bool) -> None:
        del listed
        for delta in deltas:
            self._handle(delta, preexisting=preexisting)

    def _handle(self, delta: Delta[T], *, preexisting: bool) -> None:
        handlers = self.handlers
        returned: object = None
        # The usual first, because asking costs more when the answer is no.
        if not isinstance(delta, Put):
            self._handle_drop(delta)
        elif delta.old is None:
            if handlers.add is not None:
                returned = handlers.add(delta.new, preexisting)
        elif handlers.update is not None:
            returned = handlers.update(delta.old, delta.new)
        if returned is not None:
            refuse_awaitable("HandlerFuncs(add=…, update=…)", returned)

    def _handle_drop(self, delta: Drop[T]) -> None:
        handlers = self.handlers
        returned: object = None
        if delta.final is not None and handlers.update is not None:
            # The final state may differ from the last one: who keys on a mutable field would miss that (H6).
            returned = handlers.update(delta.old, delta.final)
            if returned is not None:
                refuse_awaitable("HandlerFuncs(update=…)", returned)
        if handlers.delete is not None:
            returned = handlers.delete(delta.old if delta.final is None else delta.final, delta.final is None)
            if returned is not None:
                refuse_awaitable("HandlerFuncs(delete=…)", returned)

    def wake(self) -> None:
        """Wake those who wait for any change of the store, its version included."""
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set()

    async def next_change(self) -> None:
        """Return once anything has changed, or the watch has ended, since this was called."""
        if self._moved is None:
            self._moved = trio.Event()
        await self._moved.wait()

    def listen(self, key: str) -> Listener:
        """A listener for what happens to one object from now on."""
        if self.listeners is None:
            self.listeners = Listeners()
            if self._stopped is not None:
                self.listeners.stop(self._stopped)
        return self.listeners.listen(key)

    def join(self, subscription: Subscription[T]) -> Subscription[T]:
        """Queue every change from now on for `subscription`."""
        self.subscriptions = (*self.subscriptions, subscription)
        if self._stopped is not None:
            subscription.close()
        return subscription

    def leave(self, subscription: Subscription[T]) -> None:
        """Queue nothing more for it, and let the watch not wait for it."""
        self.subscriptions = tuple(other for other in self.subscriptions if other is not subscription)
        subscription.close()

    def end(self, why: str) -> None:
        """There will be no more changes: wake everyone."""
        self._stopped = why
        if self.listeners is not None:
            self.listeners.stop(why)
        self.wake()
        self.journal.write(())
        for observer in self.observers:
            observer.ended(why)
        for subscription in self.subscriptions:
            subscription.close()
