"""What the server fills in: the defaulting functions of the built-in types, as tables by type."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any, Final

from trio_k8swatch.testing._json import Object, is_list, is_object, part, parts

from .known import KEPT_EMPTY
from .table import Field, fields_of

_CONTAINER: Final[Object] = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_PROBE: Final[Object] = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_MODE: Final = 0o644
_JOB: Final[Object] = {
    "parallelism": 1,
    "completionMode": "NonIndexed",
    "suspend": False,
    "backoffLimit": 6,
    "podReplacementPolicy": "TerminatingOrFailed",
    "manualSelector": False,
}
# By type: what stands for an absent field.
VALUES: Final[dict[str, Object]] = {
    "core.v1.PodSpec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
    "core.v1.Container": _CONTAINER,
    "core.v1.EphemeralContainer": _CONTAINER,
    "core.v1.Probe": _PROBE,
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP"},
    "core.v1.Secret": {"type": "Opaque"},
    "core.v1.SecretVolumeSource": {"defaultMode": _MODE},
    "core.v1.ConfigMapVolumeSource": {"defaultMode": _MODE},
    "core.v1.DownwardAPIVolumeSource": {"defaultMode": _MODE},
    "core.v1.ProjectedVolumeSource": {"defaultMode": _MODE},
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "apps.v1.DeploymentSpec": {
        "replicas": 1,
        "strategy": {"type": "RollingUpdate"},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
    "core.v1.ReplicationControllerSpec": {"replicas": 1},
    "apps.v1.StatefulSetSpec": {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate"},
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "apps.v1.DaemonSetSpec": {"updateStrategy": {"type": "RollingUpdate"}, "revisionHistoryLimit": 10},
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "autoscaling.v2.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1, "targetCPUUtilizationPercentage": 80},
    "core.v1.EndpointPort": {"protocol": "TCP"},
    "discovery.v1.EndpointPort": {"protocol": "TCP", "name": ""},
    "networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "storage.v1.CSIDriverSpec": {
        "attachRequired": True,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "podInfoOnMount": False,
        "requiresRepublish": False,
        "seLinuxMount": False,
        "storageCapacity": False,
        "volumeLifecycleModes": ["Persistent"],
    },
    "rbac.v1.RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
    "storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "apiextensions.v1.CustomResourceDefinitionSpec": {"conversion": {"strategy": "None"}},
}


def defaulted(type_name: str, obj: Object) -> Object:
    """Fill defaults into `obj`, which is changed, and return it."""
    for name, value in VALUES.get(type_name, {}).items():
        if obj.get(name) in (None, {}) or (obj[name] == "" and name not in KEPT_EMPTY):
            obj[name] = _fresh(value)
    for name, field in _fillable(type_name):
        if name not in obj:
            if field.default is not None:
                obj[name] = _fresh(field.default)
            continue
        _inside(field, obj[name])
    if type_name in RULES:
        RULES[type_name](obj)
    return obj


def _fresh(value: Any) -> Any:
    return deepcopy(value) if is_object(value) or is_list(value) else value


@cache
def _fillable(type_name: str) -> tuple[tuple[str, Field], ...]:
    return tuple((name, one) for name, one in fields_of(type_name).items() if one.default is not None or one.is_object)


def _inside(field: Field, value: Any) -> None:
    if not field.is_object:
        return
    inner: list[Any] = [value]
    if is_list(value):
        inner = value
    elif field.container and is_object(value):
        inner = list(value.values())
    for one in inner:
        if is_object(one):
            defaulted(field.type, one)


# What depends on other fields.


def _container(obj: Object) -> None:
    _, _, tag = str(obj.get("image", "")).rpartition("/")[2].partition(":")
    pinned = "@" in str(obj.get("image", "")) or tag not in {"", "latest"}
    obj.setdefault("imagePullPolicy", "IfNotPresent" if pinned else "Always")


def _pod(obj: Object) -> None:
    spec = part(obj, "spec")
    spec.setdefault("enableServiceLinks", True)
    for container in [*parts(spec, "containers"), *parts(spec, "initContainers")]:
        # Pods only: what makes pods keeps what was said.
        resources = part(container, "resources")
        if limits := part(resources, "limits"):
            requests = resources.setdefault("requests", {})
            for name, value in limits.items():
                requests.setdefault(name, value)
    _pod_template_spec(obj)


def _pod_template_spec(obj: Object) -> None:
    spec = part(obj, "spec")
    if spec.get("hostNetwork"):
        for container in [*parts(spec, "containers"), *parts(spec, "initContainers")]:
            for port in parts(container, "ports"):
                port.setdefault("hostPort", port.get("containerPort"))
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]


def _volume(obj: Object) -> None:
    if set(obj) <= {"name"}:
        obj["emptyDir"] = {}


def _autoscaler(obj: Object) -> None:
    if not obj.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        obj["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _service(obj: Object) -> None:
    _session_affinity(obj)
    if obj.get("type") in {"ClusterIP", "NodePort", "LoadBalancer"}:
        obj.setdefault("internalTrafficPolicy", "Cluster")
    if obj.get("type") in {"NodePort", "LoadBalancer"}:
        obj.setdefault("externalTrafficPolicy", "Cluster")
    if obj.get("type") == "LoadBalancer":
        obj.setdefault("allocateLoadBalancerNodePorts", True)


def _session_affinity(obj: Object) -> None:
    """Of a service whose clients stay with a pod: for how long."""
    if obj.get("sessionAffinity") == "ClientIP":
        client = obj.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", 10_800)


def _service_port(obj: Object) -> None:
    obj.setdefault("protocol", "TCP")
    if obj.get("targetPort") in (None, "", 0):
        obj["targetPort"] = obj.get("port", 0)


def _rolling(surge: str | int, unavailable: str | int, *, partition: bool = False) -> Callable[[Object], None]:
    def fill(strategy: Object) -> None:
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        strategy.setdefault("type", "RollingUpdate")
        rolling = strategy.setdefault("rollingUpdate", {})
        if partition:
            rolling.setdefault("partition", 0)
            return
        rolling.setdefault("maxUnavailable", unavailable)
        rolling.setdefault("maxSurge", surge)

    return fill


def _replicas_selector(obj: Object) -> None:
    """Replication controllers take selector and labels from their template."""
    spec = part(obj, "spec")
    labels = part(part(part(spec, "template"), "metadata"), "labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        obj["metadata"].setdefault("labels", dict(labels))


def _job(obj: Object) -> None:
    """Jobs only: the template of a CronJob keeps what was said."""
    spec = obj.get("spec")
    if not is_object(spec):
        return
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    for name, value in _JOB.items():
        spec.setdefault(name, value)


def _policy_types(obj: Object) -> None:
    obj.setdefault("policyTypes", ["Ingress", "Egress"] if obj.get("egress") else ["Ingress"])


def _definition_names(obj: Object) -> None:
    names = obj.get("names")
    if is_object(names) and names.get("kind"):
        if not names.get("singular"):
            names["singular"] = str(names["kind"]).lower()
        if not names.get("listKind"):
            names["listKind"] = f"{names['kind']}List"


def _role_ref_subject(obj: Object) -> None:
    if obj.get("kind") in {"User", "Group"}:
        obj.setdefault("apiGroup", "rbac.authorization.k8s.io")


RULES: Final[dict[str, Callable[[Object], None]]] = {
    "core.v1.Container": _container,
    "core.v1.EphemeralContainer": _container,
    "core.v1.Pod": _pod,
    "core.v1.PodTemplateSpec": _pod_template_spec,
    "core.v1.Volume": _volume,
    "core.v1.ServiceSpec": _service,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _autoscaler,
    "core.v1.ServicePort": _service_port,
    "core.v1.ReplicationController": _replicas_selector,
    "apps.v1.DeploymentStrategy": _rolling("25%", "25%"),
    "apps.v1.DaemonSetUpdateStrategy": _rolling(0, 1),
    "apps.v1.StatefulSetUpdateStrategy": _rolling(0, 1, partition=True),
    "batch.v1.Job": _job,
    "networking.v1.NetworkPolicySpec": _policy_types,
    "apiextensions.v1.CustomResourceDefinitionSpec": _definition_names,
    "rbac.v1.Subject": _role_ref_subject,
}
