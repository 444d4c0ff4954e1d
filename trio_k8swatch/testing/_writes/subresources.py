"""Subresources with rules of their own: scale, binding, eviction."""

from __future__ import annotations

from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, conflict, invalid
from trio_k8swatch.testing._json import Object, copied, is_object, parts
from trio_k8swatch.testing._printers.cells import at
from trio_k8swatch.testing._schema import Undecodable, decoded
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._storage.selectors import matches_labels

from .delete_options import DeleteOptions
from .deletion import Deleter
from .write_mode import Write
from .write_rules import Writer

_TYPES: Final = {
    "Scale": ("autoscaling/v1", "autoscaling.v1.Scale"),
    "Binding": ("v1", "core.v1.Binding"),
    "Eviction": ("policy/v1", "policy.v1.Eviction"),
}
# Nobody misses a pod that does not run.
_UNPROTECTED: Final = frozenset({"Succeeded", "Failed", "Pending"})


def read_part(kind: str, sent: Object, validation: str = "Ignore") -> tuple[Object, list[str]]:
    """What was sent to a subresource that has a kind of its own, and warnings.

    400 where it is another kind, has wrong types, or, if `validation` is Strict, unknown fields.
    """
    api_version, type_name = _TYPES[kind]
    sent_kind, sent_version = sent.get("kind") or kind, sent.get("apiVersion") or api_version
    if (sent_kind, sent_version) != (kind, api_version) and (sent_kind, sent_version) != (kind, "policy/v1beta1"):
        raise bad_request(f'{sent_kind} in version "{sent_version}" cannot be handled as a {kind}')
    cannot = f'{kind} in version "{api_version.rpartition("/")[2]}" cannot be handled as a {kind}'
    try:
        read = decoded(type_name, sent)
    except Undecodable as error:
        raise bad_request(f"{cannot}: {error}") from None
    problems = [f'unknown field "{path}"' for path in read.unknown]
    if problems and validation == "Strict":
        raise bad_request(f"{cannot}: strict decoding error: {', '.join(problems)}")
    return read.object, problems if validation == "Warn" else []


def scale_of(kind: ResourceType, revision: Revision) -> Object:
    """The Scale of a workload."""
    obj = revision.object
    wanted = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {key: obj["metadata"][key] for key in wanted if key in obj["metadata"]}
    spec_path, status_path, selector_path = kind.scale_paths
    selector: Any = at(obj, selector_path, "") if kind.custom else _selector_text(at(obj, "spec.selector", {}))
    replicas = at(obj, spec_path, 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": at(obj, status_path, 0), **({"selector": selector} if selector else {})},
    }


def _selector_text(selector: Object) -> str:
    labels: Any = selector.get("matchLabels", selector)
    if not is_object(labels):
        return ""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if isinstance(value, str))


def set_scale(writer: Writer, target: Target, scale: Object, write: Write) -> Revision:
    """Write the replicas of a Scale into its workload."""
    obj = copied(writer.existing(target).object)
    sent_name = at(scale, "metadata.name", "") or target.name
    if sent_name != target.name:
        message = f"the name of the object ({sent_name}) does not match the name on the URL ({target.name})"
        raise bad_request(message)
    replicas = at(scale, "spec.replicas", 0)
    if replicas < 0 and not target.kind.custom:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(
            "Scale", "autoscaling", target.name, field="spec.replicas", cause="FieldValueInvalid", message=message
        )
    *parents, last = target.kind.scale_paths[0].split(".")
    place: Object = obj
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = replicas
    if at(scale, "metadata.resourceVersion"):
        obj["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"]
    return writer.replace(target, obj, write)[0]


def bind(writer: Writer, target: Target, binding: Object, *, dry_run: bool) -> None:
    """Put a pod on a node, as the scheduler does it; 409 if it is on one."""
    _check_name(target, binding)
    node = cast("Object", binding.get("target") or {})
    # The real server wraps these in no Status of its own.
    if node.get("kind") not in {"", None, "Node"}:
        message = f'target.kind: Unsupported value: "{node["kind"]}": supported values: "Node", "<empty>"'
        raise Refused(500, "", message)
    if not node.get("name"):
        raise Refused(500, "", "target.name: Required value")
    old = writer.existing(target)
    _check_uid(target, at(binding, "metadata.uid"), old)
    if "deletionTimestamp" in old.object["metadata"]:
        raise _binding_conflict(target, f"pod {target.name} is being deleted, cannot be assigned to a host")
    assigned = at(old.object, "spec.nodeName")
    if assigned:
        raise _binding_conflict(target, f'pod {target.name} is already assigned to node "{assigned}"')
    obj = copied(old.object)
    obj.setdefault("spec", {})["nodeName"] = node["name"]
    status = obj.setdefault("status", {})
    conditions = [one for one in parts(status, "conditions") if one.get("type") != "PodScheduled"]
    now = writer.clock.timestamp()
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status["conditions"] = [*conditions, scheduled]
    if not dry_run:
        writer.put(target.kind, (target.namespace, target.name), obj)


def evict(writer: Writer, deleter: Deleter, target: Target, eviction: Object, *, dry_run: bool) -> None:
    """Delete a pod unless a PodDisruptionBudget forbids it for now: 429."""
    _check_name(target, eviction)
    options = DeleteOptions.of(cast("Object", eviction.get("deleteOptions") or {}))
    pod = writer.existing(target)
    options.check(target.kind, pod)
    if at(pod.object, "status.phase") not in _UNPROTECTED and "deletionTimestamp" not in pod.object["metadata"]:
        _check_budgets(writer, target, pod)
    if dry_run or options.dry_run:
        return
    deleter.delete(target, options)


def _check_budgets(writer: Writer, target: Target, pod: Revision) -> None:
    budgets = writer.storage["poddisruptionbudgets.policy"].current
    for (namespace, name), budget in sorted(budgets.items()):
        if namespace == target.namespace and _selects(budget.object, pod.object):
            _check_budget(name, budget.object)


def _check_name(target: Target, sent: Object) -> None:
    name = at(sent, "metadata.name", "") or target.name
    if name != target.name:
        raise bad_request(f"name in URL does not match name in {sent.get('kind', 'Eviction')} object")
    namespace = at(sent, "metadata.namespace", "") or target.namespace
    if namespace != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _check_uid(target: Target, uid: str | None, old: Revision) -> None:
    was = old.object["metadata"]["uid"]
    if uid and uid != was:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {was}"
        raise conflict(target.kind, target.name, why)


def _binding_conflict(target: Target, why: str) -> Refused:
    details: Object = {"name": target.name, "kind": "pods/binding"}
    message = f'Operation cannot be fulfilled on pods/binding "{target.name}": {why}'
    return Refused(409, "Conflict", message, details=details)


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
