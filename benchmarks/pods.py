"""What a pod of a real cluster looks like on the wire: 5.9 KiB of JSON, 45 % of it managedFields; always the same."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["bookmark", "event", "list_head", "pod", "unmanaged_pod"]

# One Deployment in five in each namespace, fifty pods to a ReplicaSet: values repeat as they do in a real cluster.
_PODS_PER_REPLICA_SET = 50
_REPLICA_SETS_PER_NAMESPACE = 5
_ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")


def _managed(manager: str, fields: dict[str, Any], subresource: str | None = None) -> dict[str, Any]:
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-22T15:42:33Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return entry | ({"subresource": subresource} if subresource else {})


def _owned(*names: str) -> dict[str, Any]:
    return {f"f:{name}": {} for name in names}


def _condition_fields(kind: str) -> dict[str, Any]:
    return {f'k:{{"type":"{kind}"}}': {".": {}, **_owned("lastProbeTime", "lastTransitionTime", "status", "type")}}


def _condition(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": "2026-11-22T15:42:33Z",
    }


# Whoever writes to pods besides: here to annotations of its own, so that the share is that of a real pod (45 %).
_SCALER_ANNOTATIONS = {
    ".": {},
    **_owned(
        *(f"cluster-autoscaler.kubernetes.io/{name}" for name in ("safe-to-evict", "safe-to-evict-local-volumes"))
    ),
    **_owned(*(f"scheduling.example.com/{name}" for name in ("last-considered", "last-refused", "reason", "zone"))),
}
_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def _managed_fields() -> list[dict[str, Any]]:
    labels = {
        "f:app.kubernetes.io/component": {},
        "f:app.kubernetes.io/instance": {},
        "f:app.kubernetes.io/name": {},
        "f:pod-template-hash": {},
    }
    container = {
        ".": {},
        "f:env": {
            ".": {},
            'k:{"name":"POD_NAME"}': {".": {}, "f:name": {}, "f:valueFrom": {".": {}, "f:fieldRef": {}}},
        },
        **_owned("image", "imagePullPolicy", "name", "terminationMessagePath", "terminationMessagePolicy"),
        "f:ports": {
            ".": {},
            'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, **_owned("containerPort", "name", "protocol")},
        },
        "f:readinessProbe": {
            ".": {},
            **_owned("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds"),
            "f:httpGet": {".": {}, **_owned("path", "port", "scheme")},
        },
        "f:resources": {
            ".": {},
            "f:limits": {".": {}, "f:memory": {}},
            "f:requests": {".": {}, "f:cpu": {}, "f:memory": {}},
        },
    }
    spec = {
        "f:containers": {'k:{"name":"web"}': container},
        **_owned("dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName", "securityContext"),
        "f:terminationGracePeriodSeconds": {},
    }
    metadata = {
        "f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/scrape": {}},
        "f:labels": {".": {}, **labels},
        "f:ownerReferences": {".": {}, 'k:{"uid":"@OWNER@"}': {}},
    }
    conditions: dict[str, Any] = {".": {}}
    for kind in _CONDITIONS:
        conditions |= _condition_fields(kind)
    status = {
        "f:conditions": conditions,
        **_owned("containerStatuses", "hostIP", "hostIPs", "phase", "podIP", "startTime"),
        "f:podIPs": {".": {}, 'k:{"ip":"@IP@"}': {".": {}, "f:ip": {}}},
    }
    return [
        _managed("kube-controller-manager", {"f:metadata": metadata, "f:spec": spec}),
        _managed("kubelet", {"f:status": status}, "status"),
        _managed("cluster-autoscaler", {"f:metadata": {"f:annotations": _SCALER_ANNOTATIONS}}),
    ]


def _metadata() -> dict[str, Any]:
    return {
        "name": "@NAME@",
        "generateName": "@SET@-",
        "namespace": "@NAMESPACE@",
        "uid": "@UID@",
        "resourceVersion": "@RV@",
        "generation": 1,
        "creationTimestamp": "2026-11-22T15:42:33Z",
        "labels": {
            "app.kubernetes.io/component": "server",
            "app.kubernetes.io/instance": "@APP@",
            "app.kubernetes.io/name": "web",
            "pod-template-hash": "@HASH@",
            "topology.kubernetes.io/zone": "@ZONE@",
        },
        "annotations": {
            "checksum/config": "@CHECKSUM@",
            "prometheus.io/scrape": "true",
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "@SET@",
                "uid": "@OWNER@",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": _managed_fields(),
    }


def _spec() -> dict[str, Any]:
    account = {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    ca = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return {
        "volumes": [{"name": account["name"], "projected": {"sources": [token, ca], "defaultMode": 420}}],
        "containers": [
            {
                "name": "web",
                "image": "registry.example.com/team/web:2.4.1",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}
                ],
                "resources": {"limits": {"memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
                "volumeMounts": [account | {"readOnly": True}],
                "readinessProbe": {
                    "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "nodeName": "@NODE@",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
    }


def _status() -> dict[str, Any]:
    return {
        "phase": "Running",
        "conditions": [_condition(kind) for kind in _CONDITIONS],
        "hostIP": "192.168.10.11",
        "hostIPs": [{"ip": "192.168.10.11"}],
        "podIP": "@IP@",
        "podIPs": [{"ip": "@IP@"}],
        "startTime": "2026-11-22T15:42:33Z",
        "containerStatuses": [
            {
                "name": "web",
                "state": {"running": {"startedAt": "2026-11-22T15:42:33Z"}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": "registry.example.com/team/web:2.4.1",
                "imageID": f"registry.example.com/team/web@sha256:{'ab12' * 16}",
                "containerID": "containerd://@CONTAINER@",
                "started": True,
            }
        ],
        "qosClass": "Burstable",
    }


def _template() -> bytes:
    body = {"metadata": _metadata(), "spec": _spec(), "status": _status()}
    text = json.dumps(body, separators=(",", ":")).replace("%", "%%")
    fields = (
        "NAME",
        "SET",
        "NAMESPACE",
        "UID",
        "RV",
        "APP",
        "HASH",
        "ZONE",
        "CHECKSUM",
        "OWNER",
        "NODE",
        "IP",
        "CONTAINER",
    )
    for field in fields:
        text = text.replace(f"@{field}@", f"%({field})s")
    return text.encode()


_POD = _template()
_KIND = b'"kind":"Pod","apiVersion":"v1",'


def pod(number: int, resource_version: int) -> bytes:
    """The pod of that number as an item of a list: without kind and apiVersion, as the API server sends it."""
    replica_set = number // _PODS_PER_REPLICA_SET
    app = replica_set // 2
    hash_ = f"{replica_set * 2654435761 % 2**32:08x}"
    set_name = f"web-{app}-{hash_}"
    values = {
        "NAME": f"{set_name}-{number * 40503 % 2**28:07x}",
        "SET": set_name,
        "NAMESPACE": f"team-{replica_set // _REPLICA_SETS_PER_NAMESPACE}",
        "UID": f"{number:08x}-65bc-4e0a-9a5d-{number * 2654435761 % 2**48:012x}",
        "RV": str(resource_version),
        "APP": f"web-{app}",
        "HASH": hash_,
        "ZONE": _ZONES[number % 3],
        "CHECKSUM": f"{replica_set * 11400714819323198485 % 2**64:016x}" * 2,
        "OWNER": f"{replica_set:08x}-1f0c-4d7a-8b5e-{replica_set * 40503 % 2**48:012x}",
        "NODE": f"ip-10-0-{number % 200}-17.eu-central-1.compute.internal",
        "IP": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "CONTAINER": f"{number * 11400714819323198485 % 2**64:016x}" * 4,
    }
    return _POD % {key.encode(): value.encode() for key, value in values.items()}


def unmanaged_pod(number: int, resource_version: int) -> bytes:
    """The same pod from a server that was asked to leave out managedFields."""
    whole = json.loads(pod(number, resource_version))
    del whole["metadata"]["managedFields"]
    return json.dumps(whole, separators=(",", ":")).encode()


def event(kind: str, number: int, resource_version: int) -> bytes:
    """One line of a watch."""
    return b'{"type":"%b","object":{%b%b}\n' % (kind.encode(), _KIND, pod(number, resource_version)[1:])


def bookmark(resource_version: int, *, initial_events_end: bool) -> bytes:
    """A BOOKMARK line; with the annotation that ends the first part of a streaming list, if wanted."""
    annotations = b',"annotations":{"k8s.io/initial-events-end":"true"}' if initial_events_end else b""
    metadata = b'{"resourceVersion":"%d"%b}' % (resource_version, annotations)
    return b'{"type":"BOOKMARK","object":{%b"metadata":%b}}\n' % (_KIND, metadata)


def list_head(resource_version: int, continue_token: str, remaining: int) -> bytes:
    """A page up to its first item; close it with `]}` and a newline."""
    more = b',"continue":"%b","remainingItemCount":%d' % (continue_token.encode(), remaining) if continue_token else b""
    return b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"%d"%b},"items":[' % (
        resource_version,
        more,
    )
