"""An event as `events.k8s.io/v1` has it, within the lengths that the server takes."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch._http.path_segments import SUBDOMAIN
from trio_k8swatch._micro_time import micro_time

from .object_reference import ObjectReference

__all__ = ["EventType", "Occurrence", "checked_controller", "event_name", "event_text", "occurrence", "series_text"]

EventType: TypeAlias = Literal["Normal", "Warning"]

_MAX_NOTE_BYTES: Final = 1024
_MAX_WORD_BYTES: Final = 128
"""Of a reason, an action and an instance."""

_MAX_NAME_CHARACTERS: Final = 253
_SUFFIX_BYTES: Final = 8
_QUALIFIED: Final = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class Occurrence(msgspec.Struct, frozen=True):
    """What happened to what. Two that are equal are one event that is repeated, whatever the object's version."""

    type: EventType
    reason: str
    action: str
    note: str
    regarding: ObjectReference
    related: ObjectReference | None = None

    @property
    def namespace(self) -> str:
        """Where the event is kept: events of objects of the whole cluster are in `default`."""
        return self.regarding.namespace or "default"


def checked_controller(name: str) -> str:
    """`shop-controller`, `example.com/shop`. Raises ConfigError for what the server would not take."""
    if not _QUALIFIED.fullmatch(name):
        raise ConfigError(
            f"recorder({name!r}): use at most 63 letters, digits, dashes, dots and underscores, with a domain before a slash"
            " if you like, as in example.com/shop-controller"
        )
    return name


def occurrence(  # noqa: PLR0917 - in the order of the fields
    type_: EventType,
    reason: str,
    action: str | None,
    message: str,
    regarding: ObjectReference,
    related: ObjectReference | None = None,
) -> Occurrence:
    """What happened, with its texts cut to what the server takes."""
    # Of whatever type: where errors are reported, `message` may be the error itself.
    texts = _shortened(str(reason)), _shortened(str(action or reason)), _shortened(str(message), _MAX_NOTE_BYTES)
    return Occurrence(type_, *texts, regarding, related)


def _shortened(text: str, most_bytes: int = _MAX_WORD_BYTES) -> str:
    """`text`, or as much of it as the server takes."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most_bytes:
        return encoded.decode()
    return encoded[: most_bytes - len("…".encode())].decode("utf-8", "ignore") + "…"


def event_name(regarding: str) -> str:
    """A name that no other event has, which begins with that of the object if that is possible (`system:node` is not)."""
    suffix = secrets.token_hex(_SUFFIX_BYTES)
    name = f"{regarding[: _MAX_NAME_CHARACTERS - len(suffix) - 1]}.{suffix}"
    return name if SUBDOMAIN.fullmatch(name) else suffix


def event_text(name: str, what: Occurrence, controller: str, instance: str, now_epoch: float) -> bytes:
    """The JSON of a new event. `now_epoch` is the wall clock in seconds."""
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": what.namespace},
        "eventTime": micro_time(datetime.fromtimestamp(now_epoch, UTC)),
        "reportingController": controller,
        "reportingInstance": _shortened(instance),
        "type": what.type,
        "reason": what.reason,
        "action": what.action,
        "note": what.note,
        "regarding": what.regarding,
    }
    if what.related is not None:
        event["related"] = what.related
    return msgspec.json.encode(event)


def series_text(count: int, now_epoch: float) -> bytes:
    """The merge patch that says how often an event has happened by now."""
    return msgspec.json.encode(
        {"series": {"count": count, "lastObservedTime": micro_time(datetime.fromtimestamp(now_epoch, UTC))}}
    )
