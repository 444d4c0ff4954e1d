"""The callables that are notified of every change."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isasyncgenfunction, isawaitable, iscoroutine, iscoroutinefunction
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from trio_k8swatch._errors import ConfigError

__all__ = ["AddHandler", "DeleteHandler", "HandlerFuncs", "UpdateHandler", "is_async", "refuse_awaitable"]

_ADVICE: Final = "it is called as a plain function; work that waits belongs behind store.subscribe() or a channel"

T = TypeVar("T")


AddHandler: TypeAlias = Callable[[T, bool], None]
UpdateHandler: TypeAlias = Callable[[T, T], None]
DeleteHandler: TypeAlias = Callable[[T, bool], None]
# Callables and no protocols: mypy infers the parameters of a lambda from these alone.


class HandlerFuncs(msgspec.Struct, Generic[T], frozen=True):
    """What to call at each change, each of them optional and synchronous.

    For one object: add, any number of updates, one delete, in that order, and nothing after it. They run inside the lock,
    after the store and every index have moved; all plain calls of the store work in there, `request_relist()` and `stop()`
    included. They hold up the watch, so work that waits belongs behind a subscription (`Store.subscribe`) or a channel.

    A handler that raises ends the watch: `open_watch` raises its exception as it is, and store and indexes still agree.
    The objects are those of the store: do not change them.
    """

    add: AddHandler[T] | None = None
    """`add(obj, preexisting)`: an object has appeared. `preexisting` is True only for those of the first list."""
    update: UpdateHandler[T] | None = None
    """`update(old, new)`: an object has changed."""
    delete: DeleteHandler[T] | None = None
    """`delete(obj, may_be_stale)`: an object is gone. `obj` is its final state, unless `may_be_stale`: then the deletion was
    missed and found by a list, and `obj` is the last state that the store had."""

    def __post_init__(self) -> None:
        for name in ("add", "update", "delete"):
            handler = getattr(self, name)
            if is_async(handler):
                raise ConfigError(f"HandlerFuncs({name}=…) is async: {_ADVICE}")


def is_async(function: object) -> bool:
    """Whether a call of `function` is known to do nothing but make something to be awaited or iterated."""
    call = getattr(function, "__call__", None)  # noqa: B004 - of an instance, to look at it
    return any(kind(one) for kind in (iscoroutinefunction, isasyncgenfunction) for one in (function, call))


def refuse_awaitable(what: str, returned: object) -> None:
    """Raise ConfigError if a call that should have done its work `returned` something to be awaited instead."""
    if isawaitable(returned):
        if iscoroutine(returned):
            # Or Python warns that nobody has awaited it.
            returned.close()
        raise ConfigError(f"{what} returned a {type(returned).__name__} to be awaited: {_ADVICE}")
