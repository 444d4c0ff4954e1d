"""What events may be, of the old form and of the new one."""

from __future__ import annotations

from typing import Final, cast

from trio_k8swatch.testing._api.faces import kept
from trio_k8swatch.testing._json import Object, part

from .causes import Causes
from .metadata_rules import qualified_name_problems

_WORD_CHARACTERS: Final = 128
_NOTE_CHARACTERS: Final = 1024
_LEAST_OF_A_SERIES: Final = 2
# The new form is checked under the names of the old one, which is what the server keeps.
_FIXED: Final = (
    *("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "eventTime", "type"),
    *("related", "action", "reportingComponent", "reportingInstance"),
)
_UNSET: Final = (("deprecatedFirstTimestamp", "firstTimestamp"), ("deprecatedLastTimestamp", "lastTimestamp"))
_REFERENCE: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


def check_old_event(obj: Object, causes: Causes) -> None:
    """Note what is wrong with an Event of v1."""
    _check_namespace(part(obj, "involvedObject"), obj, causes)


def check_new_event(obj: Object, causes: Causes) -> None:
    """Note what is wrong with an Event of events.k8s.io/v1."""
    if not part(obj, "regarding").get("namespace"):
        # Of the new form any other than none will do.
        _check_namespace({}, obj, causes)
    if not obj.get("eventTime"):
        causes.required("eventTime")
    _check_series(obj.get("series"), causes)
    controller = str(obj.get("reportingController") or "")
    if not controller:
        causes.required("reportingController")
    for why in qualified_name_problems(controller):
        causes.invalid("reportingController", controller, why)
    for name in ("reportingInstance", "action", "reason"):
        _check_word(str(obj.get(name) or ""), name, causes)
    if len(str(obj.get("note") or "")) > _NOTE_CHARACTERS:
        causes.invalid("message", "", f"can have at most {_NOTE_CHARACTERS} characters")
    if obj.get("type") not in {"Normal", "Warning"}:
        causes.invalid("type", "", f"has invalid value: {obj.get('type') or ''}")
    _check_unset(obj, causes)


def check_changed_event(old: Object, new: Object, causes: Causes) -> None:
    """Of a new event only the series and the metadata change."""
    before, after = kept(old), kept(new)
    for name in _FIXED:
        if (before.get(name) or None) != (after.get(name) or None):
            value = after.get(name)
            if name in {"involvedObject", "related"}:
                value = {_go_name(field): part(after, name).get(field, "") for field in _REFERENCE}
            causes.invalid(name if name != "reportingComponent" else "reportingController", value, "field is immutable")


def _go_name(field: str) -> str:
    return {"uid": "UID", "apiVersion": "APIVersion"}.get(field, field[0].upper() + field[1:])


def _check_namespace(about: Object, obj: Object, causes: Causes) -> None:
    if (about.get("namespace") or "default") != obj["metadata"].get("namespace", ""):
        namespace = about.get("namespace", "")
        causes.invalid("involvedObject.namespace", namespace, "does not match event.namespace")


def _check_series(series: object, causes: Causes) -> None:
    if not isinstance(series, dict):
        return
    found = cast("Object", series)
    if (found.get("count") or 0) < _LEAST_OF_A_SERIES:
        causes.invalid("series.count", "", "should be at least 2")
    if not found.get("lastObservedTime"):
        causes.required("series.lastObservedTime")


def _check_word(value: str, name: str, causes: Causes) -> None:
    if not value:
        causes.required(name)
    elif len(value) > _WORD_CHARACTERS:
        causes.invalid(name, "", f"can have at most {_WORD_CHARACTERS} characters")


def _check_unset(obj: Object, causes: Causes) -> None:
    """What only the old form has."""
    for name, old_name in _UNSET:
        if obj.get(name):
            causes.invalid(old_name, "", "needs to be unset")
    if obj.get("deprecatedCount"):
        causes.invalid("count", "", "needs to be unset")
    if any(part(obj, "deprecatedSource").values()):
        causes.invalid("source", "", "needs to be unset")
