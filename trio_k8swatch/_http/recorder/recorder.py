"""Who records events, and what becomes of one that cannot be recorded."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any, Final, Protocol

import msgspec
import trio

from trio_k8swatch._errors import K8sWatchError, NotFound, Unavailable
from trio_k8swatch._http.collection import Collection
from trio_k8swatch._http.writes.call import Call
from trio_k8swatch._http.writes.write_options import patch_content_type

from .event_object import EventType, Occurrence, checked_controller, event_name, event_text, occurrence, series_text
from .object_reference import ObjectReference, reference_to
from .series import Series, SeriesBook

__all__ = ["Recorder"]

_log: Final = logging.getLogger("trio_k8swatch")

_PATIENCE_SECONDS: Final = 5.0
"""Seconds after which recording an event is abandoned."""


class _Sender(Protocol):
    async def ask(self, call: Call) -> bytes: ...


class Recorder:
    """Records events about objects (`ApiClient.recorder`): what `kubectl describe` shows below an object.

    Each call makes at most one event, waits for the server for five seconds at most, and does not fail: what could not be
    recorded is logged. The same event again within six minutes is counted in its series, which is sent no more often than
    every ten seconds, with the next repetition; for one object there are 25 requests at once, then one in five minutes. With
    `raises=True`, errors are raised: those of `Resource.create` and `Resource.patch`, Unavailable when the time is over, and
    ConfigError for an object that does not say what it is.

    Any number of tasks may share one. It needs the verbs create and patch on events in the group events.k8s.io.
    """

    def __init__(self, sender: _Sender, controller: str, instance: str | None, *, raises: bool) -> None:
        self._sender = sender
        self._controller = checked_controller(controller)
        self._instance = instance or f"{controller}-{socket.gethostname()}"
        self._raises = raises
        self._book = SeriesBook()

    def __repr__(self) -> str:
        return f"<Recorder {self._controller}>"

    async def normal(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
    ) -> None:
        """Record what went as it should.

        `reason` is one word for machines (`ScaledUp`), `message` a sentence for people, `action` what was done (like
        `reason` if not given), `related` another object that has to do with it. `kind` and `api_version` are for objects
        whose type does not name them. What is too long for the server is cut.
        """
        await self._record("Normal", obj, reason, message, action, related, kind, api_version)

    async def warning(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
    ) -> None:
        """Record what may need attention. As `normal`."""
        await self._record("Warning", obj, reason, message, action, related, kind, api_version)

    async def _record(  # noqa: PLR0917 - what both methods take, in their order
        self,
        type_: EventType,
        obj: Any,
        reason: str,
        message: str,
        action: str | None,
        related: Any,
        kind: str | None,
        api_version: str | None,
    ) -> None:
        try:
            regarding = reference_to(obj, kind, api_version)
            other = None if related is None else reference_to(related, None, None)
            await self._send(occurrence(type_, reason, action, message, regarding, other))
        except K8sWatchError as error:
            if self._raises:
                raise
            _log.warning("an event was not recorded (%s %s): %s", type_, reason, error)

    async def _send(self, what: Occurrence) -> None:
        series = self._book.note(_key(what), _identity(what.regarding), trio.current_time())
        if series is None:
            await trio.lowlevel.checkpoint()
            return
        try:
            with trio.move_on_after(_PATIENCE_SECONDS):
                name = await self._write(what, series)
                self._book.sent(series, name, trio.current_time())
                return
            raise Unavailable(f"cannot record an event: the server did not answer within {_PATIENCE_SECONDS:g} s")
        finally:
            if series.is_sending:
                self._book.failed(series)

    async def _write(self, what: Occurrence, series: Series) -> str:
        """Send the series; the name of its event."""
        if series.name:
            try:
                await self._ask("patch", "PATCH", what, series_text(series.count, time.time()), series.name)
            except NotFound:
                # Events are kept for an hour or so. Another one begins.
                series.name = ""
            else:
                return series.name
        name = event_name(what.regarding.name)
        await self._ask("create", "POST", what, event_text(name, what, self._controller, self._instance, time.time()))
        return name

    async def _ask(self, verb: str, method: str, what: Occurrence, content: bytes, name: str = "") -> None:
        events = Collection("events.k8s.io/v1", "events", what.namespace)
        path = f"{events.path}/{name}" if name else events.path
        media = patch_content_type("merge") if name else "application/json"
        doing = f"{verb} {events}"
        await self._sender.ask(Call(method, path, verb, doing, "application/json", content=content, content_type=media))


def _identity(regarding: ObjectReference) -> ObjectReference:
    return msgspec.structs.replace(regarding, resource_version="")


def _key(what: Occurrence) -> Occurrence:
    """What makes two occurrences the same."""
    related = None if what.related is None else _identity(what.related)
    return msgspec.structs.replace(what, regarding=_identity(what.regarding), related=related)
