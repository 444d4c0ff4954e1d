"""The callables that a user may pass to be told of every change."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import isasyncgenfunction, isawaitable, iscoroutine, iscoroutinefunction
from typing import Final, Generic, Protocol, TypeVar

from trio_k8swatch._errors import ConfigError

__all__ = ["AddHandler", "DeleteHandler", "HandlerFuncs", "UpdateHandler", "is_async", "refuse_awaitable"]

_ADVICE: Final = "it is called as a plain function; work that waits belongs behind store.subscribe() or a channel"

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class AddHandler(Protocol[T_contra]):
    """Called when an object appears; `preexisting` only for those of the very first list."""

    def __call__(self, obj: T_contra, preexisting: bool, /) -> None:  # noqa: FBT001 - the seed's signature
        """Take note of `obj`."""
        ...


class UpdateHandler(Protocol[T_contra]):
    """Called when an object changes."""

    def __call__(self, old: T_contra, new: T_contra, /) -> None:
        """Take note that `old` is `new` now."""
        ...


class DeleteHandler(Protocol[T_contra]):
    """Called when an object is gone; `may_be_stale` if a list showed it, so that `obj` is only the last state we saw."""

    def __call__(self, obj: T_contra, may_be_stale: bool, /) -> None:  # noqa: FBT001 - the seed's signature
        """Take note that `obj` is gone."""
        ...


# Without slots: typing sets an attribute on instances of HandlerFuncs[Pod](...), and that fails badly with them.
@dataclass(frozen=True)
class HandlerFuncs(Generic[T]):
    """What to call at each change, each of them optional and synchronous.

    For one object: add, any number of updates, one delete, in that order, and nothing after it. They run inside the lock,
    after the store and every index have moved; all plain calls of the store work in there, `request_relist()` and `stop()`
    included. They hold up the watch, so work that waits belongs behind a subscription (`Store.subscribe`) or a channel.

    A handler that raises ends the watch: `open_watch` raises its exception as it is, and store and indexes still agree.
    The objects are those of the store: do not change them.
    """

    add: AddHandler[T] | None = None
    update: UpdateHandler[T] | None = None
    delete: DeleteHandler[T] | None = None

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
