"""Who waits for a change of one object."""

from __future__ import annotations

from weakref import WeakValueDictionary

import trio

from trio_k8swatch._errors import WatchStopped

__all__ = ["Listener", "Listeners"]


class _Object:
    """What has happened to one object that someone listens to. Lives as long as its listeners do (T5)."""

    def __init__(self) -> None:
        self.changes = 0
        self.deleted = False
        self.stopped: str | None = None
        self.changed: trio.Event = trio.Event()

    def wake(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


class Listener:
    """Waits for changes of one object (`Store.listen`).

    No change is lost between two waits, many make one wake-up, and a change that only a relist showed counts as one. Look
    at the store after waking: it has moved, and so have its indexes.
    """

    def __init__(self, heard: _Object) -> None:
        self._heard = heard
        self._seen = heard.changes

    @property
    def deleted(self) -> bool:
        """Whether the object is gone. A new one of its name is another object."""
        return self._heard.deleted

    async def wait(self) -> None:
        """Return once the object has changed or gone since this listener was made or last waited.

        At once if it is gone already. Raises `WatchStopped` when the watch has ended and there was no change before.
        """
        heard = self._heard
        while self._seen == heard.changes and not heard.deleted:
            if heard.stopped is not None:
                await trio.lowlevel.checkpoint_if_cancelled()
                raise WatchStopped(heard.stopped)
            await heard.changed.wait()
        await trio.lowlevel.checkpoint()
        self._seen = heard.changes


class Listeners:
    """All objects of one store that someone listens to."""

    def __init__(self) -> None:
        self._heard: WeakValueDictionary[str, _Object] = WeakValueDictionary()
        self._stopped: str | None = None

    def __len__(self) -> int:
        return len(self._heard)

    def listen(self, key: str) -> Listener:
        """A listener for changes from now on."""
        heard = self._heard.get(key)
        if heard is None:
            heard = self._heard[key] = _Object()
            heard.stopped = self._stopped
        return Listener(heard)

    def tell(self, key: str, *, deleted: bool) -> None:
        """The object has changed, or is gone."""
        heard = self._heard.get(key)
        if heard is not None:
            heard.changes += 1
            heard.deleted = deleted
            if deleted:
                del self._heard[key]
            heard.wake()

    def stop(self, why: str) -> None:
        """There will be no more changes."""
        self._stopped = why
        for heard in list(self._heard.values()):
            heard.stopped = why
            heard.wake()
