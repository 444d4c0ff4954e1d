"""What nodes, volumes, storage, roles and autoscalers may be."""

from __future__ import annotations

from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object, is_object
from trio_k8swatch.testing._schema.scalars import amount

from .causes import Causes
from .fields import check_subdomain, list_of, not_negative, spec_of
from .metadata_rules import check_labels, qualified_name_problems

_ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_RBAC: Final = "rbac.authorization.k8s.io"
_SUBJECTS: Final = ("ServiceAccount", "User", "Group")
_METRICS: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
_DRIVER_BYTES: Final = 63
_NODE_ID_CHARACTERS: Final = 256
# What of a PersistentVolume's spec says nothing about where it is.
_NO_VOLUME: Final = frozenset(
    {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy"}
    | {"storageClassName", "volumeAttributesClassName", "volumeMode"}
)


def check_role(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a Role or ClusterRole."""
    for i, rule in enumerate(list_of(obj, "rules")):
        if not rule.get("verbs"):
            causes.required(f"rules[{i}].verbs", "verbs must contain at least one value")
        if rule.get("nonResourceURLs"):
            continue
        if not rule.get("apiGroups"):
            causes.required(f"rules[{i}].apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            causes.required(f"rules[{i}].resources", "resource rules must supply at least one resource")


def check_role_binding(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a RoleBinding or ClusterRoleBinding."""
    reference = cast("Object", obj.get("roleRef") or {})
    kinds = ["ClusterRole"] if obj["kind"] == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if reference.get("apiGroup", _RBAC) != _RBAC:
        causes.unsupported("roleRef.apiGroup", reference.get("apiGroup") or "", [_RBAC])
    if reference.get("kind") not in kinds:
        causes.unsupported("roleRef.kind", reference.get("kind") or "", kinds)
    name = str(reference.get("name") or "")
    if not name:
        causes.required("roleRef.name")
    for char in "/%":
        if char in name:
            causes.invalid("roleRef.name", name, f"may not contain '{char}'")
    for i, subject in enumerate(list_of(obj, "subjects")):
        _subject(subject, f"subjects[{i}]", causes, namespaced=obj["kind"] == "RoleBinding")


def _subject(subject: Object, path: str, causes: Causes, *, namespaced: bool) -> None:
    kind, name = subject.get("kind") or "", subject.get("name") or ""
    if not name:
        causes.required(f"{path}.name")
    if kind not in _SUBJECTS:
        causes.unsupported(f"{path}.kind", kind, list(_SUBJECTS))
    elif kind == "ServiceAccount":
        if name:
            check_subdomain(name, f"{path}.name", causes)
        if subject.get("apiGroup"):
            causes.unsupported(f"{path}.apiGroup", subject["apiGroup"], [""])
        if not subject.get("namespace") and not namespaced:
            causes.required(f"{path}.namespace")
    elif subject.get("apiGroup") != _RBAC:
        causes.unsupported(f"{path}.apiGroup", subject.get("apiGroup") or "", [_RBAC])


def check_node(obj: Object, causes: Causes) -> None:
    """Note what is wrong with the taints of a Node."""
    seen: set[tuple[Any, Any]] = set()
    for i, taint in enumerate(list_of(spec_of(obj), "taints")):
        path, key, effect = f"metadata.taints[{i}]", taint.get("key") or "", taint.get("effect") or ""
        for why in qualified_name_problems(key):
            causes.invalid(f"{path}.key", key, why)
        if not effect:
            causes.required(f"{path}.effect")
        elif effect not in _EFFECTS:
            causes.unsupported(f"{path}.effect", effect, list(_EFFECTS))
        if (key, effect) in seen:
            shown = {"Key": key, "Value": taint.get("value") or "", "Effect": effect, "TimeAdded": None}
            causes.duplicate(path, shown, "taints must be unique by key and effect pair")
        seen.add((key, effect))


def check_volume(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a PersistentVolume."""
    spec = spec_of(obj)
    _access_modes(spec, "", causes)
    capacity: object = spec.get("capacity")
    if not capacity:
        causes.required("spec.capacity")
    if not is_object(capacity) or "storage" not in capacity or len(capacity) > 1:
        causes.unsupported("spec.capacity", capacity, ["storage"])
    else:
        _positive(capacity["storage"], "spec.capacity[storage]", causes)
    if not set(spec) - _NO_VOLUME:
        causes.required("spec", "must specify a volume type")


def check_lease(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a Lease."""
    spec = spec_of(obj)
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        causes.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    not_negative(spec, "leaseTransitions", "spec.leaseTransitions", causes)


def check_claim(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a PersistentVolumeClaim."""
    spec = spec_of(obj)
    _access_modes(spec, "at least 1 access mode is required", causes)
    requests = cast("Object", cast("Object", spec.get("resources") or {}).get("requests") or {})
    if "storage" not in requests:
        causes.required("spec.resources[storage]")
    else:
        _positive(requests["storage"], "spec.resources[storage]", causes)


def _positive(quantity: str, path: str, causes: Causes) -> None:
    if amount(quantity) < 0:
        causes.invalid(path, quantity, "must be a valid resource quantity")
    if amount(quantity) <= 0:
        causes.invalid(path, quantity, "must be greater than zero")


def _access_modes(spec: Object, why: str, causes: Causes) -> None:
    if not spec.get("accessModes"):
        causes.required("spec.accessModes", why)
    for mode in cast("list[str]", spec.get("accessModes") or []):
        if mode not in _ACCESS_MODES:
            causes.unsupported("spec.accessModes", mode, list(_ACCESS_MODES))


def check_storage_class(obj: Object, causes: Causes) -> None:
    """Note what is wrong with the provisioner of a StorageClass."""
    name = str(obj.get("provisioner") or "")
    if not name:
        causes.required("provisioner")
        return
    for why in qualified_name_problems(name.lower()):
        causes.invalid("provisioner", name, why)


def check_capacity(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a CSIStorageCapacity."""
    topology: object = obj.get("nodeTopology")
    if is_object(topology):
        labels = cast("dict[str, str]", topology.get("matchLabels") or {})
        check_labels(labels, "nodeTopology.matchLabels", causes)
    check_subdomain(str(obj.get("storageClassName") or ""), "storageClassName", causes)
    if amount(str(obj.get("capacity") or "")) < 0:
        causes.invalid("capacity", obj["capacity"], "must be greater than or equal to 0")


def check_driver_node(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a CSINode."""
    names: set[str] = set()
    for i, driver in enumerate(list_of(spec_of(obj), "drivers")):
        path, name = f"spec.drivers[{i}].name", str(driver.get("name") or "")
        if not name:
            causes.required(path)
        else:
            _driver(name, path, causes)
        if not driver.get("nodeID"):
            causes.required(f"spec.drivers[{i}].nodeID")
        elif len(str(driver["nodeID"])) > _NODE_ID_CHARACTERS:
            causes.invalid(f"spec.drivers[{i}].nodeID", driver["nodeID"], "must be 256 characters or less")
        for key in cast("list[str]", driver.get("topologyKeys") or []):
            if not key:
                causes.required(f"spec.drivers[{i}]")
            for why in qualified_name_problems(key):
                causes.invalid(f"spec.drivers[{i}]", key, why)
        if name in names:
            causes.duplicate(path, name)
        names.add(name)


def check_attachment(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a VolumeAttachment."""
    spec = spec_of(obj)
    if not spec.get("attacher"):
        causes.required("spec.attacher")
    else:
        _driver(str(spec["attacher"]), "spec.attacher", causes)
    source = cast("Object", spec.get("source") or {})
    if bool(source.get("persistentVolumeName")) == bool(source.get("inlineVolumeSpec")):
        why = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        causes.required("spec.source", why)
    elif source.get("persistentVolumeName"):
        check_subdomain(str(source["persistentVolumeName"]), "spec.source.persistentVolumeName", causes)
    check_subdomain(str(spec.get("nodeName") or ""), "spec.nodeName", causes)


def _driver(name: str, path: str, causes: Causes) -> None:
    if len(name) > _DRIVER_BYTES:
        causes.too_long(path, _DRIVER_BYTES)
    check_subdomain(name.lower(), path, causes)


def check_autoscaler(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a HorizontalPodAutoscaler."""
    spec = spec_of(obj)
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas") or 0
    if least < 1:
        causes.invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        causes.required("spec.maxReplicas", "must be set and greater than 0")
    if most < least:
        causes.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    target = cast("Object", spec.get("scaleTargetRef") or {})
    for name in ("kind", "name"):
        if not target.get(name):
            causes.required(f"spec.scaleTargetRef.{name}")
        for char in "/%":
            if char in str(target.get(name) or ""):
                causes.invalid(f"spec.scaleTargetRef.{name}", target[name], f"may not contain '{char}'")
    version = str(target.get("apiVersion") or "")
    if "/" not in version and version != "v1":
        causes.invalid("spec.scaleTargetRef.apiVersion", version, "apiVersion must specify API group")
    for i, metric in enumerate(list_of(spec, "metrics")):
        _metric(metric, f"spec.metrics[{i}]", causes)


def _metric(metric: Object, path: str, causes: Causes) -> None:
    if not metric.get("type"):
        causes.required(f"{path}.type", "must specify a metric source type")
    if metric.get("type") not in _METRICS:
        causes.unsupported(f"{path}.type", metric.get("type") or "", list(_METRICS))
    resource: object = metric.get("resource")
    if not is_object(resource):
        if metric.get("type") == "Resource":
            causes.required(f"{path}.resource", "must populate information for the given metric source")
        return
    if not resource.get("name"):
        causes.required(f"{path}.resource.name", "must specify a resource name")
    target = cast("Object", resource.get("target") or {})
    here, share = f"{path}.resource.target", target.get("averageUtilization")
    if not target.get("type"):
        causes.required(f"{here}.type", "must specify a metric target type")
    if target.get("type") not in {"Utilization", "Value", "AverageValue"}:
        causes.invalid(f"{here}.type", target.get("type") or "", "must be either Utilization, Value, or AverageValue")
    if share is None and not target.get("averageValue"):
        causes.required(f"{here}.averageUtilization", "must set either a target raw value or a target utilization")
    elif share is not None and share < 1:
        causes.invalid(f"{here}.averageUtilization", share, "must be greater than 0")


def check_revision(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a ControllerRevision."""
    if obj.get("data") is None:
        causes.required("data", "data is mandatory")
    elif not is_object(obj["data"]):
        causes.required("data", "data must be a valid JSON object")
    if (obj.get("revision") or 0) < 0:
        causes.invalid("revision", obj["revision"], "must be greater than or equal to 0")
