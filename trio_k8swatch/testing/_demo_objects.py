"""Objects of the demonstration, as full as those of a real cluster: about five kilobytes a pod."""

from __future__ import annotations

from typing import Final

from ._json import Object
from .builders import metadata, owner_reference

# The applications and how many pods each has.
APPS: Final = {"web": 4, "api": 3, "cart": 2, "search": 2, "worker": 3}
_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, no secret


def deployment(app: str, namespace: str, *, replicas: int, image: str) -> Object:
    """A deployment whose pods are as full as pods are."""
    labels = {"app": app, "app.kubernetes.io/part-of": namespace}
    annotations = {"prometheus.io/port": "8080", "prometheus.io/scrape": "true", "prometheus.io/path": "/metrics"}
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": _pod_spec(app, image)}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    selector = {"matchLabels": {"app": app}}
    spec = {"replicas": replicas, "selector": selector, "template": template, "strategy": rolling}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app, namespace, labels=labels),
        # Old replica sets are gone at once: what a demonstration shows is what is there.
        "spec": {**spec, "revisionHistoryLimit": 0},
    }


def _pod_spec(app: str, image: str) -> Object:
    volume = "kube-api-access"
    return {
        "volumes": [_token_volume(volume), {"name": "cache", "emptyDir": {"sizeLimit": "256Mi"}}],
        "containers": [_container(app, image, volume)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
        "schedulerName": "default-scheduler",
        "tolerations": [_toleration("not-ready"), _toleration("unreachable")],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def node(name: str, number: int, now: str, *, role: str = "") -> Object:
    """A node that is ready."""
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}",
        **({f"node-role.kubernetes.io/{role}": ""} if role else {}),
    }
    resources = {"cpu": "8", "ephemeral-storage": "101430960Ki", "memory": "32Gi", "pods": "110"}
    info = {
        "kernelVersion": "6.12.11",
        "osImage": "Flatcar Container Linux",
        "containerRuntimeVersion": "containerd://2.1.0",
        "kubeletVersion": "v1.36.2",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
    status = {
        "capacity": resources,
        "allocatable": resources,
        "conditions": node_conditions(now, ready=True),
        "addresses": [{"type": "InternalIP", "address": host_ip(number)}, {"type": "Hostname", "address": name}],
        "nodeInfo": info,
    }
    spec = {"podCIDR": f"10.244.{number}.0/24"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata(name, labels=labels),
        "spec": spec,
        "status": status,
    }


def node_conditions(now: str, *, ready: bool) -> list[Object]:
    """What the kubelet reports; nothing is known of a node that is away."""
    value, reason = ("True", "KubeletReady") if ready else ("Unknown", "NodeStatusUnknown")
    other = "False" if ready else "Unknown"
    pressures = [_condition(f"{kind}Pressure", now, value=other) for kind in ("Memory", "Disk", "PID")]
    return [*pressures, _condition("Ready", now, value=value, reason=reason)]


def host_ip(number: int) -> str:
    """The address of a node."""
    return f"192.168.10.{10 + number}"


def event(number: int, about: Object, reason: str, message: str, now: str, *, kind: str = "Normal") -> Object:
    """An Event about an object."""
    reference = owner_reference(about)
    involved = {key: reference[key] for key in ("kind", "name", "uid", "apiVersion")}
    namespace = about["metadata"].get("namespace", "default")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": metadata(f"{about['metadata']['name']}.{number:016x}", namespace),
        "involvedObject": {**involved, "namespace": namespace},
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": kind,
    }


def _container(app: str, image: str, volume: str) -> Object:
    return {
        "name": app,
        "image": image,
        "args": ["--listen=:8080", "--log-format=json", f"--service={app}"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            _field_env("POD_NAME", "metadata.name"),
            _field_env("POD_IP", "status.podIP"),
            _field_env("POD_NAMESPACE", "metadata.namespace"),
            _field_env("NODE_NAME", "spec.nodeName"),
            _secret_env(app),
            *(
                {"name": f"{other.upper()}_URL", "value": f"http://{other}.shop.svc.cluster.local:8080"}
                for other in APPS
            ),
        ],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "cache", "mountPath": "/var/cache/app"},
            {"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH},
        ],
        "livenessProbe": _probe("/livez"),
        "readinessProbe": _probe("/readyz"),
        "startupProbe": _probe("/readyz"),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _probe(path: str) -> Object:
    get = {"path": path, "port": "http", "scheme": "HTTP"}
    return {"httpGet": get, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def _field_env(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _secret_env(app: str) -> Object:
    return {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": f"{app}-database", "key": "url"}}}


def _token_volume(name: str) -> Object:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return {"name": name, "projected": {"sources": [token, authority], "defaultMode": 420}}


def _toleration(what: str) -> Object:
    key = f"node.kubernetes.io/{what}"
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}


def _condition(kind: str, now: str, *, value: str = "True", reason: str = "") -> Object:
    made: Object = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": now}
    return {**made, "reason": reason} if reason else made
