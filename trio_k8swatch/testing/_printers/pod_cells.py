"""What a table shows of pods and nodes: the status that kubectl users read first."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from trio_k8swatch.testing._api.resource_types import Column
from trio_k8swatch.testing._json import Object

from .cells import NONE, Cells, age, at, columns, items, since


def pod(obj: Object, now: datetime) -> list[Any]:
    """Ready, status, restarts and the rest."""
    statuses = items(obj, "status.containerStatuses")
    containers = items(obj, "spec.containers")
    ready = sum(1 for one in statuses if one.get("ready") and "running" in one.get("state", {}))
    ip, node = at(obj, "status.podIP", NONE), at(obj, "spec.nodeName", NONE)
    gates = NONE if not items(obj, "spec.readinessGates") else f"0/{len(items(obj, 'spec.readinessGates'))}"
    nominated = at(obj, "status.nominatedNodeName", NONE)
    counts = f"{ready}/{len(containers)}"
    return [counts, _status(obj, statuses), _restarts(statuses, now), age(obj, now), ip, node, nominated, gates]


def pod_conditions(obj: Object) -> list[Object]:
    """The conditions of the row: a finished pod says so."""
    match at(obj, "status.phase"):
        case "Succeeded":
            message = "The pod has completed successfully."
            return [{"type": "Completed", "status": "True", "reason": "Succeeded", "message": message}]
        case "Failed":
            message = "The pod failed."
            return [{"type": "Completed", "status": "True", "reason": "Failed", "message": message}]
        case _:
            return []


def _status(obj: Object, statuses: list[Object]) -> str:
    reason: str = at(obj, "status.reason") or at(obj, "status.phase", "")
    running = False
    for one in reversed(statuses):
        waiting, ended = at(one, "state.waiting.reason"), at(one, "state.terminated")
        if waiting:
            reason = waiting
        elif ended is not None:
            reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}"
        elif one.get("ready") and at(one, "state.running") is not None:
            running = True
    if reason == "Completed" and running:
        reason = "Running"
    if "deletionTimestamp" in obj["metadata"]:
        return "Unknown" if at(obj, "status.reason") == "NodeLost" else "Terminating"
    return reason


def _restarts(statuses: list[Object], now: datetime) -> str:
    count = sum(one.get("restartCount", 0) for one in statuses)
    ends = [at(one, "lastState.terminated.finishedAt") for one in statuses]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def node(obj: Object, now: datetime) -> list[Any]:
    """Status, roles, age, version and the rest."""
    ready = {one.get("type"): one.get("status") for one in items(obj, "status.conditions")}.get("Ready")
    status = {"True": "Ready", "False": "NotReady"}.get(str(ready), "Unknown")
    if at(obj, "spec.unschedulable"):
        status += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key.removeprefix(prefix) for key in at(obj, "metadata.labels", {}) if key.startswith(prefix))
    addresses = {one.get("type"): one.get("address") for one in items(obj, "status.addresses")}
    info = [at(obj, f"status.nodeInfo.{key}") or UNKNOWN_INFO for key in ("osImage", "kernelVersion")]
    runtime = at(obj, "status.nodeInfo.containerRuntimeVersion") or UNKNOWN_INFO
    version = at(obj, "status.nodeInfo.kubeletVersion", "")
    internal, external = addresses.get("InternalIP") or NONE, addresses.get("ExternalIP") or NONE
    return [status, ",".join(roles) or NONE, age(obj, now), version, internal, external, *info, runtime]


UNKNOWN_INFO: Final = "<unknown>"

DETAILED: Final[dict[str, tuple[tuple[Column, ...], Cells]]] = {
    "pods": (
        columns("Ready", "Status", "Restarts", "Age", wide=("IP", "Node", "Nominated Node", "Readiness Gates")),
        pod,
    ),
    "nodes": (
        columns(
            "Status",
            "Roles",
            "Age",
            "Version",
            wide=("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
        ),
        node,
    ),
}
