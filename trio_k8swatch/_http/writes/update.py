"""Read, change, write, and again if somebody else was quicker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Final, TypeAlias

import msgspec
import trio

from trio_k8swatch._backoff_curves import Backoff
from trio_k8swatch._errors import ConfigError, Conflict, ProtocolError
from trio_k8swatch._wire import BROKEN

__all__ = ["Change", "again_on_conflict", "update"]

Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Changes an object in place, or returns another."""

_PAUSES: Final = Backoff(0.01, 1.0, minimum_seconds=0.0)
"""Short at first: who was quicker has finished."""


async def again_on_conflict(attempt: Callable[[], Awaitable[bytes]], *, attempts: int) -> bytes:
    """`await attempt()`, and again after each Conflict, `attempts` times in all. A Conflict says that nothing was done."""
    if attempts < 1:
        raise ConfigError(f"attempts is {attempts}: one is the least")
    rng = Random()
    for failures in range(1, attempts):
        try:
            return await attempt()
        except Conflict:
            await trio.sleep(_PAUSES.delay(failures, rng))
    return await attempt()


async def update(
    read: Callable[[], Awaitable[bytes]], change: Change, write: Callable[[bytes], Awaitable[bytes]], *, attempts: int
) -> bytes:
    """The text of the object after `change` has been written, or as it was read if `change` changed nothing."""

    async def attempt() -> bytes:
        text = await read()
        old = _decoded(text)
        changed = change(new := _decoded(text))
        new = new if changed is None else changed
        if not isinstance(new, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - a coroutine, of users without types
            _refuse_coroutine(new)
            raise ConfigError(f"update: change returned a {type(new).__name__}; it has to return a dict, or None")
        return text if new == old else await write(msgspec.json.encode(new))

    return await again_on_conflict(attempt, attempts=attempts)


def _refuse_coroutine(returned: object) -> None:
    """Raise ConfigError for what an async function returned, and let go of it."""
    if isinstance(returned, Coroutine):
        returned.close()
        raise ConfigError("update: change is an async function; it has to be a plain one, which may be called again")


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except BROKEN as error:
        raise ProtocolError(f"the server answered with what is no object: {error}") from error
