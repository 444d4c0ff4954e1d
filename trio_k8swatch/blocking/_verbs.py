"""The verbs for single objects, for threads."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from trio_k8swatch._http import Verbs as AsyncVerbs

from ._loop import Loop

__all__ = ["Verbs"]

T = TypeVar("T")


class Verbs(Generic[T]):
    """What can be done with single objects: the verbs of `trio_k8swatch.Resource`, with the same arguments and errors.

    After `timeout` seconds, and when the thread is interrupted, a write is abandoned: it may have happened.
    """

    def __init__(self, loop: Loop, verbs: AsyncVerbs[T]) -> None:
        self._loop = loop
        self._verbs = verbs

    def get(self, name: str, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.get`."""
        return self._loop.wait(lambda: self._verbs.get(name, **options), timeout)

    def create(self, obj: Any, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.create`."""
        return self._loop.wait(lambda: self._verbs.create(obj, **options), timeout)

    def replace(self, obj: Any, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.replace`."""
        return self._loop.wait(lambda: self._verbs.replace(obj, **options), timeout)

    def patch(self, name: str, patch: Any, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.patch`."""
        return self._loop.wait(lambda: self._verbs.patch(name, patch, **options), timeout)

    def apply(self, obj: Any, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.apply`."""
        return self._loop.wait(lambda: self._verbs.apply(obj, **options), timeout)

    def update(self, name: str, change: Any, *, timeout: float | None = None, **options: Any) -> T:
        """See `trio_k8swatch.Resource.update`; `change` is called in the loop's thread, so it must not block."""
        return self._loop.wait(lambda: self._verbs.update(name, change, **options), timeout)

    def delete(self, name: str, *, timeout: float | None = None, **options: Any) -> T | None:
        """See `trio_k8swatch.Resource.delete`."""
        return self._loop.wait(lambda: self._verbs.delete(name, **options), timeout)
