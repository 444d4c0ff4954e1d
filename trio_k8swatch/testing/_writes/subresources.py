"""Subresources with rules of their own: scale, binding, eviction."""

from __future__ import annotations

from typing import cast

from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, conflict
from trio_k8swatch.testing._json import Object, copied
from trio_k8swatch.testing._printers.cells import at
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._storage.selectors import matches_labels

from .deletion import DeleteOptions, Deleter
from .write_rules import Write, Writer


def scale_of(revision: Revision) -> Object:
    """The Scale of a workload."""
    obj = revision.object
    metadata = {
        key: obj["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    }
    labels = cast("dict[str, str]", at(obj, "spec.selector.matchLabels", {}))
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": at(obj, "spec.replicas", 0)},
        "status": {"replicas": at(obj, "status.replicas", 0), **({"selector": selector} if selector else {})},
    }


def set_scale(writer: Writer, target: Target, scale: Object, write: Write) -> Revision:
    """Write the replicas of a Scale into its workload."""
    obj = copied(writer.existing(target).object)
    replicas = at(scale, "spec.replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        raise bad_request(f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0")
    obj["spec"]["replicas"] = replicas
    if not at(scale, "metadata.resourceVersion"):
        del obj["metadata"]["resourceVersion"]
    else:
        obj["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"]
    return writer.replace(target, obj, write)


def bind(writer: Writer, target: Target, binding: Object) -> None:
    """Put a pod on a node, as the scheduler does it; 409 if it is on one."""
    old = writer.existing(target)
    assigned = at(old.object, "spec.nodeName")
    if assigned:
        raise conflict(target.kind, target.name, f'pod {target.name} is already assigned to node "{assigned}"')
    obj = copied(old.object)
    obj["spec"]["nodeName"] = at(binding, "target.name", "")
    writer.replace(target, obj, Write(free=True))


def evict(writer: Writer, deleter: Deleter, target: Target, eviction: Object) -> None:
    """Delete a pod unless a PodDisruptionBudget forbids it for now: 429."""
    pod = writer.existing(target)
    budgets = writer.storage["poddisruptionbudgets.policy"].current
    for (namespace, name), budget in sorted(budgets.items()):
        if namespace == target.namespace and _selects(budget.object, pod.object):
            _check_budget(name, budget.object)
    options = cast("Object", eviction.get("deleteOptions") or {})
    deleter.delete(target, DeleteOptions(grace_seconds=options.get("gracePeriodSeconds")))


def _selects(budget: Object, pod: Object) -> bool:
    labels = cast("dict[str, str]", at(pod, "metadata.labels", {}))
    return matches_labels(at(budget, "spec.selector", {}), labels)


def _check_budget(name: str, budget: Object) -> None:
    if at(budget, "status.observedGeneration", 0) < at(budget, "metadata.generation", 0):
        why = f"The disruption budget {name} is still being processed by the server."
    elif at(budget, "status.disruptionsAllowed", 0) > 0:
        return
    else:
        needed, healthy = at(budget, "status.desiredHealthy", 0), at(budget, "status.currentHealthy", 0)
        why = f"The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
    raise Refused(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        details={"causes": [{"reason": "DisruptionBudget", "message": why}]},
        retry_after_seconds=10,
    )
