"""What may not change once an object is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, copied, is_object, parts
from trio_k8swatch.testing._schema.scalars import amount

from .causes import Causes
from .event_rules import check_changed_event

_POD: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_STATEFUL_SET: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_SET_FREE: Final = frozenset(
    {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "minReadySeconds"}
    | {"persistentVolumeClaimRetentionPolicy"}
)
_CLAIM: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)

# Paths whose value stays what it is, by resource.
_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "deployments.apps": ("spec.selector",),
    "replicasets.apps": ("spec.selector",),
    "daemonsets.apps": ("spec.selector",),
    "jobs.batch": ("spec.completions", "spec.selector", "spec.template", "spec.completionMode"),
    "secrets": ("type",),
    "controllerrevisions.apps": ("data",),
    "ingressclasses.networking.k8s.io": ("spec.controller",),
    "endpointslices.discovery.k8s.io": ("addressType",),
    "volumeattachments.storage.k8s.io": ("spec",),
    "csistoragecapacities.storage.k8s.io": ("nodeTopology", "storageClassName"),
    "customresourcedefinitions.apiextensions.k8s.io": ("spec.scope", "spec.group", "spec.names.plural"),
}


def check_immutable(kind: ResourceType, old: Object, new: Object, causes: Causes) -> None:
    """Note every change that the server does not allow."""
    if kind.custom:
        return
    for path in _FIELDS.get(kind.qualified, ()):
        if _at(old, path) != _at(new, path):
            causes.invalid(path, _at(new, path), "field is immutable")
    rule = _RULES.get(kind.qualified)
    if rule is not None:
        rule(old, new, causes)


def _at(obj: Any, path: str) -> Any:
    for name in path.split("."):
        obj = obj.get(name) if is_object(obj) else None
    return obj


def _spec(obj: Object) -> Object:
    return cast("Object", obj.get("spec") or {})


def _pod(old: Object, new: Object, causes: Causes) -> None:
    for group in ("containers", "initContainers"):
        if len(parts(_spec(old), group)) != len(parts(_spec(new), group)):
            causes.forbidden(f"spec.{group}", "pod updates may not add or remove containers")
            return
    if _frozen_pod(old) != _frozen_pod(new):
        causes.forbidden("spec", _POD)
        return
    before, after = parts(_spec(old), "tolerations"), parts(_spec(new), "tolerations")
    if any(one not in after for one in before):
        causes.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")


def _frozen_pod(pod: Object) -> Object:
    spec = copied(_spec(pod))
    for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"):
        spec.pop(name, None)
    for group in ("containers", "initContainers"):
        for container in cast("list[Object]", spec.get(group) or []):
            container.pop("image", None)
    return spec


def _stateful_set(old: Object, new: Object, causes: Causes) -> None:
    def frozen(obj: Object) -> Object:
        return {key: value for key, value in _spec(obj).items() if key not in _STATEFUL_SET_FREE}

    if frozen(old) != frozen(new):
        causes.forbidden("spec", _STATEFUL_SET)


def _service(old: Object, new: Object, causes: Causes) -> None:
    before, after = _spec(old).get("clusterIP"), _spec(new).get("clusterIP")
    if before and before != after and _spec(new).get("type") != "ExternalName":
        causes.invalid("spec.clusterIPs[0]", _spec(new).get("clusterIPs") or [after], "may not change once set")


def _claim(old: Object, new: Object, causes: Causes) -> None:
    bound = _at(old, "status.phase") == "Bound"

    def frozen(obj: Object) -> Object:
        free = {"volumeAttributesClassName", "volumeName", *(("resources",) if bound else ())}
        return {key: value for key, value in _spec(obj).items() if key not in free}

    if frozen(old) != frozen(new) or (
        _spec(old).get("volumeName") and _at(old, "spec.volumeName") != _at(new, "spec.volumeName")
    ):
        causes.forbidden("spec", _CLAIM)
    before, after = (str(_at(one, "spec.resources.requests.storage") or "") for one in (old, new))
    if before != after and amount(after) < amount(before):
        causes.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")


def _role_binding(old: Object, new: Object, causes: Causes) -> None:
    if old.get("roleRef") != new.get("roleRef"):
        causes.invalid("roleRef", new.get("roleRef"), "cannot change roleRef")


def _config(old: Object, new: Object, causes: Causes) -> None:
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        causes.forbidden("immutable", "field is immutable when `immutable` is set")
    for field in ("data", "binaryData"):
        if (old.get(field) or {}) != (new.get(field) or {}):
            causes.forbidden(field, "field is immutable when `immutable` is set")


def _storage_class(old: Object, new: Object, causes: Causes) -> None:
    if old.get("provisioner") != new.get("provisioner"):
        causes.invalid("provisioner", new.get("provisioner", ""), "field is immutable")
    for field in ("parameters", "reclaimPolicy"):
        if old.get(field) != new.get(field):
            causes.forbidden(field, f"updates to {field} are forbidden.")
    if old.get("volumeBindingMode") != new.get("volumeBindingMode"):
        causes.invalid("volumeBindingMode", new.get("volumeBindingMode"), "field is immutable")


def _priority_class(old: Object, new: Object, causes: Causes) -> None:
    if old.get("value") != new.get("value"):
        causes.forbidden("value", "may not be changed in an update.")
    if old.get("preemptionPolicy") != new.get("preemptionPolicy"):
        causes.invalid("preemptionPolicy", new.get("preemptionPolicy"), "field is immutable")


_NO_SOURCE: Final = frozenset(
    {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy"}
    | {"storageClassName", "volumeAttributesClassName", "volumeMode"}
)


def _volume(old: Object, new: Object, causes: Causes) -> None:
    before, after = ({key: one for key, one in _spec(obj).items() if key not in _NO_SOURCE} for obj in (old, new))
    if before != after:
        causes.forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")
    if _spec(old).get("volumeMode") != _spec(new).get("volumeMode"):
        causes.invalid("spec.volumeMode", _spec(new).get("volumeMode"), "field is immutable")


def _driver(old: Object, new: Object, causes: Causes) -> None:
    if _spec(old).get("attachRequired") != _spec(new).get("attachRequired"):
        causes.invalid("spec.attachedRequired", _spec(new).get("attachRequired"), "field is immutable")


def _driver_node(old: Object, new: Object, causes: Causes) -> None:
    """A driver may come or go, and not change."""
    before = {one.get("name"): one for one in parts(_spec(old), "drivers")}
    for one in parts(_spec(new), "drivers"):
        if one.get("name") in before and before[one.get("name")].get("nodeID") != one.get("nodeID"):
            causes.invalid("spec.drivers", one, "field is immutable")


def _job(old: Object, new: Object, causes: Causes) -> None:
    """The labels that a job was given at its creation stay."""
    if _at(old, "spec.manualSelector"):
        return
    labels = cast("Object", _at(new, "spec.template.metadata.labels") or {})
    had = cast("Object", _at(old, "spec.template.metadata.labels") or {})
    if not _at(new, "spec.selector"):
        causes.required("spec.selector")
    for key in ("controller-uid", "job-name"):
        for full in (f"batch.kubernetes.io/{key}", key):
            if full not in labels and full in had:
                causes.required(f"spec.template.metadata.labels[{full}]", f"must be '{had[full]}'")
    selected = cast("Object", _at(new, "spec.selector.matchLabels") or {})
    if any(labels.get(key) != value for key, value in selected.items()):
        text = "`selector` does not match template `labels`"
        causes.invalid("spec.template.metadata.labels", labels or None, text)


_RULES: Final[dict[str, Callable[[Object, Object, Causes], None]]] = {
    "events.events.k8s.io": check_changed_event,
    "persistentvolumes": _volume,
    "csidrivers.storage.k8s.io": _driver,
    "csinodes.storage.k8s.io": _driver_node,
    "jobs.batch": _job,
    "pods": _pod,
    "statefulsets.apps": _stateful_set,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "rolebindings.rbac.authorization.k8s.io": _role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _role_binding,
    "configmaps": _config,
    "secrets": _config,
    "storageclasses.storage.k8s.io": _storage_class,
    "priorityclasses.scheduling.k8s.io": _priority_class,
}
