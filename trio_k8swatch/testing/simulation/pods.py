"""A pod's life, as scheduler and kubelet would have it: which step comes next, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from trio_k8swatch.testing._json import Object

from .actions import Action, Later, Update
from .objects import condition, finished, items, name_of, part, phase, terminating

# Annotations of a pod (or of the template it is made from) that say how it fares.
RUN_SECONDS: Final = "simulation/run-seconds"
EXIT_CODE: Final = "simulation/exit-code"
READY: Final = "simulation/ready"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes, in seconds."""

    reaction_seconds: float = 0.05
    schedule_seconds: float = 0.1
    create_seconds: float = 0.2
    start_seconds: float = 1.0
    run_seconds: float = 2.0
    retry_seconds: float = 1.0

    def times(self, factor: float) -> Pace:
        """Everything so many times slower."""
        return Pace(**{one.name: getattr(self, one.name) * factor for one in fields(self)})

    def of(self, step: str, pod: Object) -> float:
        """How long it takes until that step of the pod."""
        if step == "finish":
            return float(_annotation(pod, RUN_SECONDS) or self.run_seconds)
        seconds = {"bind": self.schedule_seconds, "create": self.create_seconds, "start": self.start_seconds}
        return seconds[step]


def next_step(pod: Object) -> str:
    """What happens to the pod next: bind, create, start, finish; or nothing ("").

    A pod runs until it is deleted if it restarts always, and to its end otherwise.
    """
    if terminating(pod) or finished(pod) or pod["spec"].get("schedulingGates"):
        return ""
    if not pod["spec"].get("nodeName"):
        return "bind"
    if phase(pod) == "Running":
        return "finish" if pod["spec"].get("restartPolicy", "Always") != "Always" else ""
    return "start" if part(pod, "status").get("containerStatuses") else "create"


def advance(pod: Object, nodes: Sequence[Object], pods: Sequence[Object], now: str) -> list[Action]:
    """Take the next step."""
    match next_step(pod):
        case "bind":
            return _bind(pod, nodes, pods, now)
        case "create":
            return [_updated(pod, _creating(pod, now))]
        case "start":
            return [_updated(pod, _running(pod, nodes, now))]
        case "finish":
            return [_updated(pod, _ended(pod, now))]
        case _:
            return []


def wait_for_step(pod: Object, pace: Pace) -> list[Action]:
    """When to take it."""
    step = next_step(pod)
    return [Later(pace.of(step, pod), step)] if step else []


def choose_node(pod: Object, nodes: Sequence[Object], pods: Sequence[Object]) -> Object | None:
    """The node with the fewest pods among those that are ready, not cordoned, and that the pod's nodeSelector selects."""
    wanted = part(pod["spec"], "nodeSelector")
    fitting = [one for one in nodes if _usable(one) and wanted.items() <= part(one["metadata"], "labels").items()]
    load = {name_of(one): 0 for one in fitting}
    for other in pods:
        node = other["spec"].get("nodeName")
        if node in load and not finished(other):
            load[node] += 1
    return min(fitting, key=lambda one: (load[name_of(one)], name_of(one)), default=None)


def _usable(node: Object) -> bool:
    ready = condition(node, "Ready")
    return not node["spec"].get("unschedulable") and ready is not None and ready["status"] == "True"


def _bind(pod: Object, nodes: Sequence[Object], pods: Sequence[Object], now: str) -> list[Action]:
    node = choose_node(pod, nodes, pods)
    if node is not None:
        bound = {**pod, "spec": {**pod["spec"], "nodeName": name_of(node)}}
        return [_updated(bound, {"phase": "Pending", "conditions": [_condition("PodScheduled", now)]})]
    refused = {
        **_condition("PodScheduled", now, "False"),
        "reason": "Unschedulable",
        "message": f"0/{len(nodes)} nodes are available",
    }
    known: Object = condition(pod, "PodScheduled") or {}
    if (known.get("status"), known.get("message")) == ("False", refused["message"]):
        return []
    return [_updated(pod, {"phase": "Pending", "conditions": [refused]})]


def _creating(pod: Object, now: str) -> Object:
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    return {
        "phase": "Pending",
        "conditions": [
            *(_condition(kind, now, "False") for kind in ("Ready", "ContainersReady")),
            *(_condition(kind, now) for kind in ("Initialized", "PodScheduled")),
        ],
        "startTime": now,
        "containerStatuses": _containers(pod, waiting, is_ready=False),
    }


def _running(pod: Object, nodes: Sequence[Object], now: str) -> Object:
    is_ready = _annotation(pod, READY) != "false"
    value = "True" if is_ready else "False"
    host = _host_ip(pod, nodes)
    # Any address that is the pod's own will do: it is made of its uid.
    number = int(pod["metadata"]["uid"].replace("-", "")[:6], 16)
    ip = f"10.{64 + number % 64}.{number // 64 % 256}.{1 + number // 16384 % 254}"
    return {
        "phase": "Running",
        "conditions": [
            *(_condition(kind, now, value) for kind in ("Ready", "ContainersReady")),
            *(_condition(kind, now) for kind in ("Initialized", "PodScheduled")),
        ],
        **({"hostIP": host, "hostIPs": [{"ip": host}]} if host else {}),
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": now,
        "containerStatuses": _containers(pod, {"running": {"startedAt": now}}, is_ready=is_ready),
    }


def _ended(pod: Object, now: str) -> Object:
    code = int(_annotation(pod, EXIT_CODE) or 0)
    reason = "Error" if code else "Completed"
    state = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": now}}
    conditions = [{**_condition(kind, now, "False"), "reason": "PodCompleted"} for kind in ("Ready", "ContainersReady")]
    kept = [*conditions, *(_condition(kind, now) for kind in ("Initialized", "PodScheduled"))]
    containers = _containers(pod, state, is_ready=False)
    return {"phase": "Failed" if code else "Succeeded", "conditions": kept, "containerStatuses": containers}


def _updated(pod: Object, status: Object) -> Update:
    return Update({**pod, "status": {**part(pod, "status"), **status}})


def _containers(pod: Object, state: Object, *, is_ready: bool) -> list[Object]:
    return [
        {
            "name": one["name"],
            "state": state,
            "lastState": {},
            "ready": is_ready,
            "restartCount": 0,
            "image": one.get("image", ""),
            "imageID": "",
            "started": "running" in state,
        }
        for one in items(pod["spec"], "containers")
    ]


def _condition(kind: str, now: str, value: str = "True") -> Object:
    return {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": now}


def _host_ip(pod: Object, nodes: Sequence[Object]) -> str:
    nothing: Object = {}
    node = next((one for one in nodes if name_of(one) == pod["spec"]["nodeName"]), nothing)
    addresses = items(part(node, "status"), "addresses")
    return next((one["address"] for one in addresses if one["type"] == "InternalIP"), "")


def _annotation(pod: Object, name: str) -> str:
    value: str = part(pod["metadata"], "annotations").get(name, "")
    return value
