"""What the server makes of an object of some kind before it checks and stores it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final, cast

from trio_k8swatch.testing._api.faces import AUTOSCALERS
from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, part, parts
from trio_k8swatch.testing._storage.history import Storage

# 10.0.0.1 is that of the API server itself.
_FIRST_ADDRESS, _LAST_ADDRESS = 2, 65_000
_FIRST_NODE_PORT, _LAST_NODE_PORT = 30_000, 32_767
_TOLERATION_SECONDS: Final = 300
TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_FINALIZERS: Final = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
}


def prepare(kind: ResourceType, obj: Object, storage: Storage, old: Object | None) -> None:
    """Change `obj` as the kind's own strategy and the admission plugins do; `old` is None for a new object."""
    rule = _RULES.get(kind.qualified)
    if rule is not None and not kind.custom:
        rule(obj, storage, old)
    if old is None and kind.qualified in _FINALIZERS:
        finalizers = obj["metadata"].setdefault("finalizers", [])
        if _FINALIZERS[kind.qualified] not in finalizers:
            finalizers.append(_FINALIZERS[kind.qualified])


def convert(kind: ResourceType, obj: Object) -> None:
    """What is changed on the way in, so that whoever wrote the object is said to have set it."""
    match kind.qualified:
        case "secrets":
            # What was written in plain text is kept encoded.
            plain = cast("dict[str, str]", obj.pop("stringData", None) or {})
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
            if encoded:
                obj.setdefault("data", {}).update(encoded)
        case "daemonsets.apps":
            obj["metadata"].setdefault("annotations", {}).setdefault(TEMPLATE_GENERATION, "1")
        case "namespaces":
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        case _:
            pass


def _persistent_volume(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": obj["metadata"]["creationTimestamp"]}


def _claim(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        obj["status"] = {"phase": "Pending"}


def _node(obj: Object, storage: Storage, old: Object | None) -> None:
    """A new node takes no pods until somebody says that it is ready."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    spec = obj.setdefault("spec", {})
    if old is None and taint not in parts(spec, "taints"):
        spec["taints"] = [*parts(spec, "taints"), taint]


def _autoscaler(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        newest: Object = {"desiredReplicas": 0, "currentMetrics": None}
        obj["status"] = newest if obj["apiVersion"] == AUTOSCALERS else {"currentReplicas": 0, "desiredReplicas": 0}


def content_warnings(obj: Object) -> list[str]:
    """What the server remarks about an object that it stores."""
    if obj["kind"] == "Secret" and obj.get("type") == "kubernetes.io/tls":
        certificate = base64.b64decode(str(part(obj, "data").get("tls.crt") or ""))
        if b"-----BEGIN" not in certificate:
            return ["tls: failed to find any PEM data in certificate input"]
    return []


def _namespace(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}
    else:
        obj["spec"] = old.get("spec", {})


def _pod(obj: Object, storage: Storage, old: Object | None) -> None:
    spec = obj["spec"]
    before = part(old or {}, "spec")
    if old is None or "tolerations" in before:
        _tolerate(spec)
    for name, value in (("priority", 0), ("preemptionPolicy", "PreemptLowerPriority")):
        # Who replaces a pod need not know what it was given.
        if old is None or name in before:
            spec.setdefault(name, before.get(name, value))
    if old is None:
        obj["status"] = {"phase": "Pending", "qosClass": quality_of_service(spec)}
    elif not part(obj, "status").get("qosClass"):
        obj["status"] = {**part(obj, "status"), "qosClass": quality_of_service(spec)}


def _tolerate(spec: Object) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(one.get("key") in {key, None} and one.get("effect") in {"NoExecute", None} for one in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
            )


def quality_of_service(spec: Object) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort`, by what the containers request."""
    containers = [*parts(spec, "containers"), *parts(spec, "initContainers")]
    guaranteed, anything = True, False
    for container in containers:
        resources = part(container, "resources")
        limits, requests = part(resources, "limits"), part(resources, "requests")
        anything = anything or not {"cpu", "memory"}.isdisjoint({*limits, *requests})
        for name in ("cpu", "memory"):
            guaranteed = guaranteed and name in limits and requests.get(name, limits[name]) == limits[name]
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _service(obj: Object, storage: Storage, old: Object | None) -> None:
    spec = obj["spec"]
    before = cast("Object", (old or {}).get("spec") or {})
    if spec.get("type") == "ExternalName":
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            spec.pop(name, None)
        return
    for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if not spec.get(name) and before.get(name):
            spec[name] = before[name]
    turned_off = spec.get("sessionAffinity") == "None" and before.get("sessionAffinity") == "ClientIP"
    if turned_off and spec.get("sessionAffinityConfig") == before.get("sessionAffinityConfig"):
        # What was filled in for the one has no place next to the other.
        spec.pop("sessionAffinityConfig", None)
    address = spec.get("clusterIP") or _free_address(storage)
    spec["clusterIP"] = address
    spec.setdefault("clusterIPs", [address])
    both = address == "None" and not spec.get("selector")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if both else ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if both else "SingleStack")
    if spec.get("type") in {"NodePort", "LoadBalancer"}:
        _give_node_ports(spec, before, storage)
    elif before.get("type") in {"NodePort", "LoadBalancer"}:
        _drop_node_ports(spec, before)


def _free_address(storage: Storage) -> str:
    used = {part(one.object, "spec").get("clusterIP") for one in storage["services"].current.values()}
    numbers = (f"10.0.{number // 256}.{number % 256}" for number in range(_FIRST_ADDRESS, _LAST_ADDRESS))
    return next(address for address in numbers if address not in used)


def _drop_node_ports(spec: Object, before: Object) -> None:
    """What only the old type needs goes with it, where it is as it was."""
    had = {port.get("nodePort") for port in parts(before, "ports")}
    for port in parts(spec, "ports"):
        if port.get("nodePort") in had:
            port.pop("nodePort", None)
    for name in ("externalTrafficPolicy", "allocateLoadBalancerNodePorts", "healthCheckNodePort"):
        if spec.get(name) == before.get(name):
            spec.pop(name, None)


def _give_node_ports(spec: Object, before: Object, storage: Storage) -> None:
    used = {
        port.get("nodePort")
        for one in storage["services"].current.values()
        for port in parts(part(one.object, "spec"), "ports")
    }
    had = {(port.get("name"), port.get("port")): port.get("nodePort") for port in parts(before, "ports")}
    free = (number for number in range(_FIRST_NODE_PORT, _LAST_NODE_PORT + 1) if number not in used)
    for port in parts(spec, "ports"):
        if not port.get("nodePort"):
            port["nodePort"] = had.get((port.get("name"), port.get("port"))) or next(free)


def _job(obj: Object, storage: Storage, old: Object | None) -> None:
    """A job finds its pods by a label that is made for it."""
    spec = obj["spec"]
    if old is not None or spec.get("manualSelector"):
        return
    uid, name = obj["metadata"]["uid"], obj["metadata"].get("name", "")
    made = {"batch.kubernetes.io/controller-uid": uid}
    template = spec.setdefault("template", {}).setdefault("metadata", {})
    labels = template.setdefault("labels", {})
    labels |= {**made, "batch.kubernetes.io/job-name": name, "controller-uid": uid, "job-name": name}
    spec.setdefault("selector", {}).setdefault("matchLabels", {}).update(made)
    if not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def _daemon_set(obj: Object, storage: Storage, old: Object | None) -> None:
    """Which generation of the template it is stands in an annotation that clients of old read."""
    before = part(part(old or {}, "metadata"), "annotations").get(TEMPLATE_GENERATION, "0")
    same = old is not None and part(old["spec"], "template") == part(obj["spec"], "template")
    number = int(before) + (0 if same else 1) if str(before).isdecimal() else 1
    obj["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = str(number)


def _definition(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        versions = cast("list[Object]", obj["spec"].get("versions") or [])
        stored = [one.get("name", "") for one in versions if one.get("storage")]
        names = {"plural": "", "kind": ""}
        obj["status"] = {"conditions": None, "acceptedNames": names, "storedVersions": stored or None}


def _budget(obj: Object, storage: Storage, old: Object | None) -> None:
    if old is None:
        counts = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
        obj["status"] = dict.fromkeys(counts, 0)


_RULES: Final[dict[str, Callable[[Object, Storage, Object | None], None]]] = {
    "namespaces": _namespace,
    "nodes": _node,
    "persistentvolumes": _persistent_volume,
    "persistentvolumeclaims": _claim,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "daemonsets.apps": _daemon_set,
    "pods": _pod,
    "services": _service,
    "jobs.batch": _job,
    "poddisruptionbudgets.policy": _budget,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
