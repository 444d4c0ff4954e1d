"""One object of each kind as somebody would write it: what requests by chance are made from."""

from __future__ import annotations

CONTAINER = {"name": "c", "image": "nginx:1.25", "ports": [{"containerPort": 80}]}
FULL_CONTAINER = {
    **CONTAINER,
    "env": [{"name": "A", "value": "b"}, {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "livenessProbe": {"httpGet": {"port": 80}},
    "command": ["sleep", "1"],
}
POD = {"containers": [CONTAINER]}
FULL_POD = {
    "containers": [FULL_CONTAINER],
    "initContainers": [{"name": "i", "image": "busybox"}],
    "volumes": [{"name": "v", "configMap": {"name": "cm"}}, {"name": "w"}],
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "nodeSelector": {"a": "b"},
}
LABELS = {"app": "x"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
SELECTOR = {"matchLabels": LABELS}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
TIME = "2026-01-01T00:00:00Z"

# Group and version, kind, plural, the rest of the object; several of a kind where it has faces.
NAMESPACED = [
    ("v1", "ConfigMap", "configmaps", {"data": {"a": "b", "c": "d"}}),
    ("v1", "ConfigMap", "configmaps", {"data": {"a": "b"}, "binaryData": {"x": "YQ=="}, "immutable": True}),
    ("v1", "Secret", "secrets", {"data": {"a": "YQ=="}, "stringData": {"b": "c"}}),
    ("v1", "Secret", "secrets", {"type": "kubernetes.io/tls", "data": {"tls.crt": "YQ==", "tls.key": "YQ=="}}),
    ("v1", "Service", "services", {"spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": "web"}]}}),
    ("v1", "Service", "services", {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}),
    ("v1", "Service", "services", {"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "UDP"}]}}),
    ("v1", "Service", "services", {"spec": {"type": "ExternalName", "externalName": "a.example.com"}}),
    ("v1", "Pod", "pods", {"spec": POD}),
    ("v1", "Pod", "pods", {"spec": FULL_POD}),
    ("v1", "PodTemplate", "podtemplates", {"template": TEMPLATE}),
    ("v1", "ReplicationController", "replicationcontrollers", {"spec": {"selector": LABELS, "template": TEMPLATE}}),
    ("v1", "ServiceAccount", "serviceaccounts", {"secrets": [{"name": "s"}]}),
    (
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    ("v1", "Endpoints", "endpoints", {"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]}),
    (
        "v1",
        "Event",
        "events",
        {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "$NS"}, "reason": "R", "message": "m"},
    ),
    ("apps/v1", "Deployment", "deployments", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    (
        "apps/v1",
        "Deployment",
        "deployments",
        {
            "spec": {
                "replicas": 3,
                "selector": SELECTOR,
                "strategy": {"rollingUpdate": {"maxSurge": 1}},
                "template": {"metadata": {"labels": LABELS}, "spec": FULL_POD},
            }
        },
    ),
    ("apps/v1", "ReplicaSet", "replicasets", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    ("apps/v1", "DaemonSet", "daemonsets", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    (
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        {"spec": {"serviceName": "s", "selector": SELECTOR, "template": TEMPLATE}},
    ),
    ("apps/v1", "ControllerRevision", "controllerrevisions", {"revision": 1, "data": {"a": 1}}),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        {
            "spec": {
                "maxReplicas": 5,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                    }
                ],
            }
        },
    ),
    ("batch/v1", "Job", "jobs", {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}}),
    (
        "batch/v1",
        "CronJob",
        "cronjobs",
        {
            "spec": {
                "schedule": "*/5 * * * *",
                "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "OnFailure"}}}},
            }
        },
    ),
    (
        "networking.k8s.io/v1",
        "Ingress",
        "ingresses",
        {
            "spec": {
                "rules": [
                    {
                        "host": "a.example.com",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "s", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ]
            }
        },
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "networkpolicies",
        {"spec": {"podSelector": SELECTOR, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80}]}]}},
    ),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", {"spec": {"minAvailable": 1, "selector": SELECTOR}}),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", {"rules": RULES}),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
        {"roleRef": ROLE_REF, "subjects": [{"kind": "User", "name": "u"}]},
    ),
    (
        "coordination.k8s.io/v1",
        "Lease",
        "leases",
        {
            "spec": {
                "holderIdentity": "h",
                "leaseDurationSeconds": 15,
                "acquireTime": "2026-01-01T00:00:00.000000Z",
            }
        },
    ),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "endpointslices",
        {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": True}}],
            "ports": [{"name": "a", "port": 80}],
        },
    ),
    (
        "events.k8s.io/v1",
        "Event",
        "events",
        {
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reportingController": "example.com/c",
            "reportingInstance": "i",
            "action": "a",
            "reason": "r",
            "type": "Normal",
            "regarding": {"kind": "Pod", "name": "p", "namespace": "$NS"},
        },
    ),
    ("cmp.example.com/v1", "Widget", "widgets", {"spec": {"size": 1, "items": [{"name": "a", "value": 1}]}}),
    (
        "cmp.example.com/v1",
        "Widget",
        "widgets",
        {
            "spec": {
                "size": 2,
                "port": "web",
                "when": TIME,
                "tags": ["a", "b"],
                "level": "high",
                "free": {"x": 1},
                "map": {"k": "v"},
            }
        },
    ),
]
CLUSTER_WIDE = [
    ("v1", "Namespace", "namespaces", {}),
    ("v1", "Node", "nodes", {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}),
    (
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}},
    ),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", {"rules": RULES}),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        {"roleRef": ROLE_REF, "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "n"}]},
    ),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", {"provisioner": "example.com/p"}),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", {"value": 5}),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", {"spec": {"controller": "example.com/c"}}),
    ("storage.k8s.io/v1", "CSIDriver", "csidrivers", {"spec": {"attachRequired": False}}),
    (
        "storage.k8s.io/v1",
        "CSINode",
        "csinodes",
        {"spec": {"drivers": [{"name": "d.example.com", "nodeID": "n", "topologyKeys": []}]}},
    ),
    (
        "storage.k8s.io/v1",
        "VolumeAttachment",
        "volumeattachments",
        {"spec": {"attacher": "a.example.com", "nodeName": "n", "source": {"persistentVolumeName": "p"}}},
    ),
]

ITEM = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "value": {"type": "integer"}},
}
WIDGET_SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "ratio": {"type": "number", "multipleOf": 0.5},
        "port": {"x-kubernetes-int-or-string": True},
        "when": {"type": "string", "format": "date-time"},
        "level": {"type": "string", "enum": ["low", "high"], "default": "low"},
        "code": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4},
        "maybe": {"type": "string", "nullable": True},
        "flag": {"type": "boolean", "default": False},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}, "maxItems": 3},
        "plain": {"type": "array", "items": {"type": "integer"}},
        "items": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": ITEM,
        },
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def definition(group: str, plural: str = "widgets", kind: str = "Widget", scope: str = "Namespaced") -> dict:
    """A CustomResourceDefinition with a little of all that a schema may say."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.n"}},
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": WIDGET_SPEC,
                    "status": {"type": "object", "properties": {"n": {"type": "integer"}}},
                },
            }
        },
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": plural[:-1], "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }
