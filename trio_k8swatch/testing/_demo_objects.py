"""Objects of the demonstration, as full as those of a real cluster: about five kilobytes a pod."""

from __future__ import annotations

from typing import Final

from ._json import Object
from .builders import metadata, owner_reference

_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, no secret


def pod(name: str, replica_set: Object, *, app: str, image: str, token_suffix: str) -> Object:
    """A pod that has just been made: no node yet."""
    volume = f"kube-api-access-{token_suffix}"
    labels = replica_set["spec"]["template"]["metadata"]["labels"]
    head = metadata(name, replica_set["metadata"]["namespace"], labels=labels, owner=replica_set)
    head["generateName"] = f"{replica_set['metadata']['name']}-"
    head["annotations"] = {"prometheus.io/port": "8080", "prometheus.io/scrape": "true"}
    head["managedFields"] = _managed_fields()
    spec: Object = {
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
    status = {"phase": "Pending", "qosClass": "Burstable"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": spec, "status": status}


def scheduled(now: str) -> Object:
    """The status of a pod that has a node, and whose image is being pulled."""
    return {"phase": "Pending", "conditions": [_condition("PodScheduled", now)], "qosClass": "Burstable"}


def creating(app: str, image: str, now: str) -> Object:
    """The status while the container is made."""
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    container = _container_status(app, image, waiting, ready=False)
    conditions = [
        _condition("PodReadyToStartContainers", now, value="False"),
        _condition("Initialized", now),
        _condition("Ready", now, value="False", reason="ContainersNotReady"),
        _condition("ContainersReady", now, value="False", reason="ContainersNotReady"),
        _condition("PodScheduled", now),
    ]
    return {**_status("Pending", conditions, container), "startTime": now}


def running(app: str, image: str, now: str, *, ip: str, host: str, ready: bool = True) -> Object:
    """The status of a pod at work."""
    container = _container_status(app, image, {"running": {"startedAt": now}}, ready=ready)
    value = "True" if ready else "False"
    conditions = [
        _condition("PodReadyToStartContainers", now),
        _condition("Initialized", now),
        _condition("Ready", now, value=value),
        _condition("ContainersReady", now, value=value),
        _condition("PodScheduled", now),
    ]
    addresses = {"hostIP": host, "hostIPs": [{"ip": host}], "podIP": ip, "podIPs": [{"ip": ip}]}
    return {**_status("Running", conditions, container), **addresses, "startTime": now}


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


def deployment_status(replicas: int, updated: int, ready: int, generation: int) -> Object:
    """The status of a deployment with so many pods."""
    status: Object = {"observedGeneration": generation, "replicas": replicas, "updatedReplicas": updated}
    return {**status, "readyReplicas": ready, "availableReplicas": ready}


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
        "env": [_field_env("POD_NAME", "metadata.name"), _field_env("POD_IP", "status.podIP"), _secret_env(app)],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "cache", "mountPath": "/var/cache/app"},
            {"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH},
        ],
        "livenessProbe": _probe("/livez"),
        "readinessProbe": _probe("/readyz"),
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


def _container_status(app: str, image: str, state: Object, *, ready: bool) -> Object:
    return {
        "name": app,
        "state": state,
        "lastState": {},
        "ready": ready,
        "restartCount": 0,
        "image": image,
        "imageID": f"registry.example.com/shop/{app}@sha256:{'ab12' * 16}" if "running" in state else "",
        "containerID": f"containerd://{'5f0c' * 16}" if "running" in state else "",
        "started": ready,
    }


def _status(phase: str, conditions: list[Object], container: Object) -> Object:
    return {"phase": phase, "conditions": conditions, "containerStatuses": [container], "qosClass": "Burstable"}


def _managed_fields() -> list[Object]:
    """As the replica set controller leaves them: a quarter of a pod is about who wrote it."""
    of_container = "args env image imagePullPolicy livenessProbe name ports readinessProbe resources volumeMounts"
    of_spec = "dnsPolicy enableServiceLinks restartPolicy schedulerName securityContext volumes"
    container: Object = {".": {}, **{f"f:{name}": {} for name in of_container.split()}}
    spec: Object = {"f:containers": {'k:{"name":"app"}': container}, **{f"f:{name}": {} for name in of_spec.split()}}
    labels: Object = {".": {}, "f:app": {}, "f:pod-template-hash": {}}
    head: Object = {
        "f:annotations": {".": {}},
        "f:generateName": {},
        "f:labels": labels,
        "f:ownerReferences": {".": {}},
    }
    return [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": head, "f:spec": spec},
        }
    ]
