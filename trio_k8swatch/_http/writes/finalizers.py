"""Finalizers, added and removed so that no other writer's are lost."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from trio_k8swatch._errors import ConfigError, NotFound, ProtocolError, Status, StatusDetails
from trio_k8swatch._wire import BROKEN

from .update import again_on_conflict

__all__ = ["add_finalizer", "checked_finalizer", "remove_finalizer"]

_ATTEMPTS: Final = 30
"""A finalizer that is not removed keeps its object for ever, so this gives up late."""

_QUALIFIED: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    finalizers: tuple[str, ...] | None = None


class _Head(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


def checked_finalizer(name: str) -> str:
    """`example.com/cleanup`. Raises ConfigError for what the server would not take."""
    if not _QUALIFIED.fullmatch(name):
        raise ConfigError(f"finalizer is {name!r}: use a domain of yours and a name, as in example.com/cleanup")
    return name


Read: TypeAlias = Callable[[], Awaitable[bytes]]
"""Reads the one object."""

Write: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""Patches it."""


async def add_finalizer(read: Read, patch: Write, uid: str, finalizer: str, doing: str) -> bytes:
    """The object with the finalizer. `read` and `patch` are of the one object that has `uid`, else NotFound."""

    def added(present: tuple[str, ...]) -> tuple[str, ...]:
        return present if finalizer in present else (*present, finalizer)

    return await _changed(read, patch, uid, added, doing)


async def remove_finalizer(read: Read, patch: Write, uid: str, finalizer: str, doing: str) -> bytes | None:
    """The object without the finalizer; None if it is gone, or another object has its name now."""

    def removed(present: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one for one in present if one != finalizer)

    try:
        return await _changed(read, patch, uid, removed, doing)
    except NotFound as error:
        if error.status.details is None or not error.status.details.name:
            raise
        return None


async def _changed(
    read: Read, patch: Write, uid: str, change: Callable[[tuple[str, ...]], tuple[str, ...]], doing: str
) -> bytes:
    """The object with its finalizers changed, as it was read if there is nothing to change."""

    async def attempt() -> bytes:
        text = await read()
        meta = _meta_of(text, doing)
        if uid and meta.uid != uid:
            raise _replaced(meta.name, doing)
        present = meta.finalizers or ()
        wanted = change(present)
        return text if wanted == present else await patch(_patch(meta, wanted))

    return await again_on_conflict(attempt, attempts=_ATTEMPTS)


def _patch(meta: _Meta, finalizers: tuple[str, ...]) -> bytes:
    """At the very state that was read: two writers cannot both have seen the same list and both be right."""
    if not meta.resource_version:
        raise ProtocolError(
            "the server answered with an object without resourceVersion: its finalizers cannot be changed safely"
        )
    conditions = {"uid": meta.uid, "resourceVersion": meta.resource_version}
    return msgspec.json.encode({"metadata": {**conditions, "finalizers": finalizers}})


def _meta_of(text: bytes, doing: str) -> _Meta:
    try:
        return msgspec.json.decode(text, type=_Head).metadata
    except BROKEN as error:
        raise ProtocolError(f"cannot {doing}: the answer does not have the expected form: {error}") from error


def _replaced(name: str, doing: str) -> NotFound:
    message = "the object is gone, and another one has its name"
    status = Status(code=404, reason="NotFound", message=message, details=StatusDetails(name=name))
    return NotFound(f"cannot {doing}: {message}", status=status)
