"""Objects that two APIs show in different forms: in which they are kept, and how the other is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from trio_k8swatch.testing._http.statuses import not_imitated
from trio_k8swatch.testing._json import Object, part, parts

from .resource_types import ResourceType

EVENTS: Final = "events.k8s.io/v1"
OLD_EVENTS: Final = "v1"
AUTOSCALERS: Final = "autoscaling/v2"
OLD_AUTOSCALERS: Final = "autoscaling/v1"

# In the order in which each writes them: the name in the form that is kept, and in the other.
_EVENT_FIELDS: Final = (
    ("eventTime", "eventTime"),
    ("series", "series"),
    ("reportingComponent", "reportingController"),
    ("reportingInstance", "reportingInstance"),
    ("action", "action"),
    ("reason", "reason"),
    ("involvedObject", "regarding"),
    ("related", "related"),
    ("message", "note"),
    ("type", "type"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
)
_NEW_NAMES: Final = dict(_EVENT_FIELDS)
_OLD_NAMES: Final = {new: old for old, new in _EVENT_FIELDS}
_OLD_EVENT_ORDER: Final = (
    *("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "type"),
    *("eventTime", "series", "action", "related", "reportingComponent", "reportingInstance"),
)
# What is written where it is empty, in each form.
_EMPTY_OLD_EVENT: Final[Object] = {
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
_EMPTY_NEW_EVENT: Final[Object] = {
    "eventTime": None,
    "deprecatedSource": {},
    "deprecatedFirstTimestamp": None,
    "deprecatedLastTimestamp": None,
}
_OLD_SPEC: Final = ("scaleTargetRef", "minReplicas", "maxReplicas")
_OLD_STATUS: Final = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")


def kept(obj: Object) -> Object:
    """An object in the form in which it is kept."""
    match obj.get("apiVersion"), obj.get("kind"):
        case version, "Event" if version == EVENTS:
            return _old_event(obj)
        case version, "HorizontalPodAutoscaler" if version == OLD_AUTOSCALERS:
            return _new_autoscaler(obj)
        case _:
            return obj


def shown(kind: ResourceType, obj: Object) -> Object:
    """A kept object in the form of a kind."""
    if kind.custom or obj["apiVersion"] == kind.api_version:
        return obj
    match kind.api_version, kind.kind:
        case version, "Event" if version == EVENTS:
            return _new_event(obj)
        case version, "HorizontalPodAutoscaler" if version == OLD_AUTOSCALERS:
            return _old_autoscaler(obj)
        case _:
            return obj


def checked(kind: ResourceType, obj: Object) -> tuple[ResourceType, Object]:
    """The form whose rules an object has to keep."""
    if kind.api_version == OLD_AUTOSCALERS and not kind.custom:
        return replace(kind, version="v2"), _new_autoscaler(obj)
    return kind, obj


def kept_path(kind: ResourceType, path: str) -> str:
    """Where a field of a kind is in the form in which it is kept."""
    if kind.api_version != EVENTS or kind.custom:
        return path
    first, dot, rest = path.partition(".")
    return f"{_OLD_NAMES.get(first, first)}{dot}{rest}"


def _old_event(obj: Object) -> Object:
    found = {_OLD_NAMES.get(name, name): value for name, value in obj.items()} | {"apiVersion": OLD_EVENTS}
    return _ordered(found, _OLD_EVENT_ORDER, _EMPTY_OLD_EVENT)


def _new_event(obj: Object) -> Object:
    found = {_NEW_NAMES.get(name, name): value for name, value in obj.items() if value not in ("", None)}
    return _ordered(found | {"apiVersion": EVENTS}, tuple(_NEW_NAMES.values()), _EMPTY_NEW_EVENT)


def _ordered(obj: Object, names: tuple[str, ...], empty: Mapping[str, Any]) -> Object:
    head = {name: obj[name] for name in ("kind", "apiVersion", "metadata") if name in obj}
    body = {name: obj[name] if name in obj else empty[name] for name in names if name in obj or name in empty}
    return head | body


def _new_autoscaler(obj: Object) -> Object:
    spec, status = part(obj, "spec"), part(obj, "status")
    if "currentCPUUtilizationPercentage" in status:
        raise not_imitated(f"status.currentCPUUtilizationPercentage of {OLD_AUTOSCALERS}")
    made: Object = {name: spec[name] for name in _OLD_SPEC if name in spec}
    if (share := spec.get("targetCPUUtilizationPercentage")) is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        made["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    counts = {name: status[name] for name in _OLD_STATUS if status.get(name) or name == "desiredReplicas"}
    return {
        **obj,
        "apiVersion": AUTOSCALERS,
        "spec": made,
        "status": {"desiredReplicas": 0, **counts, "currentMetrics": None},
    }


def _old_autoscaler(obj: Object) -> Object:
    """Where the old form would hide the rest in annotations, nothing is shown."""
    spec, status = part(obj, "spec"), part(obj, "status")
    made: Object = {name: spec[name] for name in _OLD_SPEC if name in spec}
    metrics = parts(spec, "metrics")
    if metrics:
        resource = part(metrics[0], "resource")
        share = part(resource, "target").get("averageUtilization")
        if len(metrics) > 1 or resource.get("name") != "cpu" or share is None:
            raise not_imitated(f"metrics other than that of cpu in {OLD_AUTOSCALERS}; use {AUTOSCALERS}")
        made["targetCPUUtilizationPercentage"] = share
    if spec.get("behavior") or status.get("conditions") or status.get("currentMetrics"):
        raise not_imitated(f"behavior, conditions and current metrics in {OLD_AUTOSCALERS}; use {AUTOSCALERS}")
    counts = {name: status[name] for name in _OLD_STATUS if name in status}
    return {
        **obj,
        "apiVersion": OLD_AUTOSCALERS,
        "spec": made,
        "status": {"currentReplicas": 0, "desiredReplicas": 0, **counts},
    }
