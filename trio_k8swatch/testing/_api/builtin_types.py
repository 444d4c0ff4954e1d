"""The built-in resources that this server imitates, as a table.

A row: plural, kind, scope, short names, categories, subresources, deprecation warning if there is one.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Row: TypeAlias = tuple[str, ...]

_NS: Final = "Namespaced"
_CL: Final = "Cluster"
_ENDPOINTS: Final = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"

CORE: Final[tuple[Row, ...]] = (
    ("configmaps", "ConfigMap", _NS, "cm", "", ""),
    ("endpoints", "Endpoints", _NS, "ep", "", "", _ENDPOINTS),
    ("events", "Event", _NS, "ev", "", ""),
    ("limitranges", "LimitRange", _NS, "limits", "", ""),
    ("namespaces", "Namespace", _CL, "ns", "", "status"),
    ("nodes", "Node", _CL, "no", "", "status"),
    ("persistentvolumeclaims", "PersistentVolumeClaim", _NS, "pvc", "", "status"),
    ("persistentvolumes", "PersistentVolume", _CL, "pv", "", "status"),
    ("pods", "Pod", _NS, "po", "all", "binding eviction status"),
    ("podtemplates", "PodTemplate", _NS, "", "", ""),
    ("replicationcontrollers", "ReplicationController", _NS, "rc", "all", "scale status"),
    ("resourcequotas", "ResourceQuota", _NS, "quota", "", "status"),
    ("secrets", "Secret", _NS, "", "", ""),
    ("serviceaccounts", "ServiceAccount", _NS, "sa", "", ""),
    ("services", "Service", _NS, "svc", "all", "status"),
)
APPS: Final[tuple[Row, ...]] = (
    ("controllerrevisions", "ControllerRevision", _NS, "", "", ""),
    ("daemonsets", "DaemonSet", _NS, "ds", "all", "status"),
    ("deployments", "Deployment", _NS, "deploy", "all", "scale status"),
    ("replicasets", "ReplicaSet", _NS, "rs", "all", "scale status"),
    ("statefulsets", "StatefulSet", _NS, "sts", "all", "scale status"),
)
EVENTS: Final[tuple[Row, ...]] = (("events", "Event", _NS, "ev", "", ""),)
AUTOSCALING: Final[tuple[Row, ...]] = (
    ("horizontalpodautoscalers", "HorizontalPodAutoscaler", _NS, "hpa", "all", "status"),
)
BATCH: Final[tuple[Row, ...]] = (
    ("cronjobs", "CronJob", _NS, "cj", "all", "status"),
    ("jobs", "Job", _NS, "", "all", "status"),
)
NETWORKING: Final[tuple[Row, ...]] = (
    ("ingressclasses", "IngressClass", _CL, "", "", ""),
    ("ingresses", "Ingress", _NS, "ing", "", "status"),
    ("networkpolicies", "NetworkPolicy", _NS, "netpol", "", ""),
)
POLICY: Final[tuple[Row, ...]] = (("poddisruptionbudgets", "PodDisruptionBudget", _NS, "pdb", "", "status"),)
RBAC: Final[tuple[Row, ...]] = (
    ("clusterrolebindings", "ClusterRoleBinding", _CL, "", "", ""),
    ("clusterroles", "ClusterRole", _CL, "", "", ""),
    ("rolebindings", "RoleBinding", _NS, "", "", ""),
    ("roles", "Role", _NS, "", "", ""),
)
STORAGE: Final[tuple[Row, ...]] = (
    ("csidrivers", "CSIDriver", _CL, "", "", ""),
    ("csinodes", "CSINode", _CL, "", "", ""),
    ("csistoragecapacities", "CSIStorageCapacity", _NS, "", "", ""),
    ("storageclasses", "StorageClass", _CL, "sc", "", ""),
    ("volumeattachments", "VolumeAttachment", _CL, "", "", "status"),
)
EXTENSIONS: Final[tuple[Row, ...]] = (
    ("customresourcedefinitions", "CustomResourceDefinition", _CL, "crd crds", "api-extensions", "status"),
)
SCHEDULING: Final[tuple[Row, ...]] = (("priorityclasses", "PriorityClass", _CL, "pc", "", ""),)
COORDINATION: Final[tuple[Row, ...]] = (("leases", "Lease", _NS, "", "", ""),)
DISCOVERY: Final[tuple[Row, ...]] = (("endpointslices", "EndpointSlice", _NS, "", "", ""),)

AUTHENTICATION: Final[tuple[Row, ...]] = (
    ("selfsubjectreviews", "SelfSubjectReview", _CL, "", "", ""),
    ("tokenreviews", "TokenReview", _CL, "", "", ""),
)
AUTHORIZATION: Final[tuple[Row, ...]] = (
    ("localsubjectaccessreviews", "LocalSubjectAccessReview", _NS, "", "", ""),
    ("selfsubjectaccessreviews", "SelfSubjectAccessReview", _CL, "", "", ""),
    ("selfsubjectrulesreviews", "SelfSubjectRulesReview", _CL, "", "", ""),
    ("subjectaccessreviews", "SubjectAccessReview", _CL, "", "", ""),
)
# They can only be created, and nothing is kept of them.
REVIEW_GROUPS: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
# A real server has these, too; here they are refused by name.
NOT_IMITATED_GROUPS: Final = frozenset(
    {"admissionregistration.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io", "flowcontrol.apiserver.k8s.io"}
    | {"node.k8s.io", "resource.k8s.io"}
)
# What they are kept as: resources with two faces.
KEPT_AS: Final = {"events.events.k8s.io": "events"}
KEPT_VERSIONS: Final = {
    ("events.k8s.io", "v1", "Event"): ("", "v1"),
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): ("autoscaling", "v2"),
}

# In the order in which a real server's /apis names them.
BUILTIN: Final[tuple[tuple[str, str, tuple[Row, ...]], ...]] = (
    ("", "v1", CORE),
    ("apps", "v1", APPS),
    ("events.k8s.io", "v1", EVENTS),
    ("authentication.k8s.io", "v1", AUTHENTICATION),
    ("authorization.k8s.io", "v1", AUTHORIZATION),
    ("autoscaling", "v2", AUTOSCALING),
    ("autoscaling", "v1", AUTOSCALING),
    ("batch", "v1", BATCH),
    ("networking.k8s.io", "v1", NETWORKING),
    ("policy", "v1", POLICY),
    ("rbac.authorization.k8s.io", "v1", RBAC),
    ("storage.k8s.io", "v1", STORAGE),
    ("apiextensions.k8s.io", "v1", EXTENSIONS),
    ("scheduling.k8s.io", "v1", SCHEDULING),
    ("coordination.k8s.io", "v1", COORDINATION),
    ("discovery.k8s.io", "v1", DISCOVERY),
)

# Beyond metadata.name and metadata.namespace, the fields by which a built-in resource can be selected, with the value
# that stands for an absent field.
FIELD_LABELS: Final[dict[str, dict[str, str]]] = {
    "pods": {
        "spec.nodeName": "",
        "spec.restartPolicy": "",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "false",
        "status.phase": "",
        "status.podIP": "",
        "status.nominatedNodeName": "",
    },
    "nodes": {"spec.unschedulable": "false"},
    "namespaces": {"status.phase": ""},
    "secrets": {"type": ""},
    "services": {"spec.clusterIP": "", "spec.type": ""},
    "replicationcontrollers": {"status.replicas": "0"},
    "replicasets.apps": {"status.replicas": "0"},
    "jobs.batch": {"status.successful": "0"},
    "events": {
        "involvedObject.kind": "",
        "involvedObject.namespace": "",
        "involvedObject.name": "",
        "involvedObject.uid": "",
        "involvedObject.apiVersion": "",
        "involvedObject.resourceVersion": "",
        "involvedObject.fieldPath": "",
        "reason": "",
        "reportingComponent": "",
        "source": "",
        "type": "",
    },
    "events.events.k8s.io": {
        "regarding.kind": "",
        "regarding.namespace": "",
        "regarding.name": "",
        "regarding.uid": "",
        "regarding.apiVersion": "",
        "regarding.resourceVersion": "",
        "regarding.fieldPath": "",
        "reason": "",
        "reportingController": "",
        "type": "",
    },
}
