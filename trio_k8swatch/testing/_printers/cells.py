"""What a table shows of one object, kind by kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

from trio_k8swatch.testing._api.resource_types import Column
from trio_k8swatch.testing._json import Object, is_list, is_object

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"

Cells: TypeAlias = Callable[[Object, datetime], list[Any]]


def columns(*names: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Columns after the name; those in `wide` are shown by `-o wide` only."""
    shown = [Column(name, "string", "") for name in names]
    return (*shown, *(Column(name, "string", "", priority=1) for name in wide))


def duration(seconds: float) -> str:  # noqa: PLR0911 - a table
    """As kubectl shows an age: at most two units, the finer the younger."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 365 * 2 else f"{days // 365}y"


def since(timestamp: object, now: datetime) -> str:
    """How long ago a timestamp was."""
    try:
        moment = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return UNKNOWN
    return duration((now - moment).total_seconds())


def age(obj: Object, now: datetime) -> str:
    """How old an object is."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def at(obj: object, path: str, default: Any = None) -> Any:
    """The value at `a.b.c`, or `default` where there is none."""
    for part in path.split("."):
        if not isinstance(obj, dict):
            return default
        obj = cast("Object", obj).get(part)
    return default if obj is None else obj


def items(obj: object, path: str) -> list[Object]:
    """The objects in the list at `a.b.c`."""
    found = at(obj, path, [])
    return [one for one in found if is_object(one)] if is_list(found) else []


def _config_map(obj: Object, now: datetime) -> list[Any]:
    return [len(at(obj, "data", {})) + len(at(obj, "binaryData", {})), age(obj, now)]


def _secret(obj: Object, now: datetime) -> list[Any]:
    return [at(obj, "type", "Opaque"), len(at(obj, "data", {})), age(obj, now)]


def _deployment(obj: Object, now: datetime) -> list[Any]:
    ready = f"{at(obj, 'status.readyReplicas', 0)}/{at(obj, 'spec.replicas', 1)}"
    updated, available = at(obj, "status.updatedReplicas", 0), at(obj, "status.availableReplicas", 0)
    return [ready, updated, available, age(obj, now), *_containers(obj), _selector(obj)]


def _replica_set(obj: Object, now: datetime) -> list[Any]:
    counts = [at(obj, "spec.replicas", 1), at(obj, "status.replicas", 0), at(obj, "status.readyReplicas", 0)]
    return [*counts, age(obj, now), *_containers(obj), _selector(obj)]


def _stateful_set(obj: Object, now: datetime) -> list[Any]:
    ready = f"{at(obj, 'status.readyReplicas', 0)}/{at(obj, 'spec.replicas', 1)}"
    return [ready, age(obj, now), *_containers(obj)]


def _daemon_set(obj: Object, now: datetime) -> list[Any]:
    fields = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    counts = [at(obj, f"status.{field}", 0) for field in (*fields, "numberAvailable")]
    selector = _labels(at(obj, "spec.template.spec.nodeSelector", {}))
    return [*counts, selector, age(obj, now), *_containers(obj), _selector(obj)]


def _job(obj: Object, now: datetime) -> list[Any]:
    succeeded, wanted = at(obj, "status.succeeded", 0), at(obj, "spec.completions", 1)
    conditions = {one.get("type") for one in items(obj, "status.conditions") if one.get("status") == "True"}
    status = "Complete" if "Complete" in conditions else "Failed" if "Failed" in conditions else "Running"
    start, end = at(obj, "status.startTime"), at(obj, "status.completionTime")
    until = datetime.fromisoformat(str(end)) if end else now
    return [status, f"{succeeded}/{wanted}", since(start, until) if start else "", age(obj, now)]


def _service(obj: Object, now: datetime) -> list[Any]:
    ports = ",".join(
        f"{one.get('port')}{':' + str(one['nodePort']) if one.get('nodePort') else ''}/{one.get('protocol', 'TCP')}"
        for one in items(obj, "spec.ports")
    )
    external = ",".join(str(one.get("ip") or one.get("hostname")) for one in items(obj, "status.loadBalancer.ingress"))
    kind, ip = at(obj, "spec.type", "ClusterIP"), at(obj, "spec.clusterIP", NONE)
    return [kind, ip, external or NONE, ports or NONE, age(obj, now), _labels(at(obj, "spec.selector", {}))]


def _namespace(obj: Object, now: datetime) -> list[Any]:
    return [at(obj, "status.phase", ""), age(obj, now)]


def _event(obj: Object, now: datetime) -> list[Any]:
    kind, name = at(obj, "involvedObject.kind", "").lower(), at(obj, "involvedObject.name", "")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last, count = obj.get("lastTimestamp") or first, obj.get("count") or 1
    if obj.get("series"):
        last, count = at(obj, "series.lastObservedTime"), at(obj, "series.count", 0)
    component = at(obj, "source.component") or obj.get("reportingComponent") or ""
    instance = at(obj, "source.host") or obj.get("reportingInstance") or ""
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        at(obj, "involvedObject.fieldPath", ""),
        f"{component}, {instance}" if instance else component,
        str(obj.get("message", "")).strip(),
        since(first, now),
        count,
    ]


def _only_age(obj: Object, now: datetime) -> list[Any]:
    return [age(obj, now)]


def _created_at(obj: Object, _: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp", "")]


def _lease(obj: Object, now: datetime) -> list[Any]:
    return [at(obj, "spec.holderIdentity", ""), age(obj, now)]


def _containers(obj: Object) -> list[Any]:
    found = items(obj, "spec.template.spec.containers")
    return [",".join(str(one.get(key, "")) for one in found) for key in ("name", "image")]


def _selector(obj: Object) -> str:
    return _labels(at(obj, "spec.selector.matchLabels", {}))


def _labels(labels: object) -> str:
    pairs = cast("dict[str, str]", labels)
    return ",".join(f"{key}={value}" for key, value in sorted(pairs.items())) or NONE


_WORKLOAD: Final = ("Containers", "Images", "Selector")

# By qualified name: the columns after the name, and what is in them. The rest shows its age.
SIMPLE: Final[dict[str, tuple[tuple[Column, ...], Cells]]] = {
    "configmaps": (columns("Data", "Age"), _config_map),
    "secrets": (columns("Type", "Data", "Age"), _secret),
    "services": (
        columns("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", wide=("Selector",)),
        _service,
    ),
    "namespaces": (columns("Status", "Age"), _namespace),
    "events": (
        (
            *columns("Last Seen", "Type", "Reason", "Object", wide=("Subobject", "Source")),
            *columns("Message", wide=("First Seen", "Count")),
        ),
        _event,
    ),
    "deployments.apps": (columns("Ready", "Up-to-date", "Available", "Age", wide=_WORKLOAD), _deployment),
    "replicasets.apps": (columns("Desired", "Current", "Ready", "Age", wide=_WORKLOAD), _replica_set),
    "statefulsets.apps": (columns("Ready", "Age", wide=("Containers", "Images")), _stateful_set),
    "daemonsets.apps": (
        columns("Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age", wide=_WORKLOAD),
        _daemon_set,
    ),
    "jobs.batch": (columns("Status", "Completions", "Duration", "Age"), _job),
    "leases.coordination.k8s.io": (columns("Holder", "Age"), _lease),
    "customresourcedefinitions.apiextensions.k8s.io": (columns("Created At"), _created_at),
}
ONLY_AGE: Final[tuple[tuple[Column, ...], Cells]] = (columns("Age"), _only_age)
