"""Common objects in as few words as a test has to spare: dicts as `fake.create` takes them.

Each takes the fields a test usually cares about, and `**fields` for more at the top level. Nothing is random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ._json import Object

Labels: TypeAlias = Mapping[str, str]


def metadata(
    name: str,
    namespace: str | None = None,
    *,
    labels: Labels | None = None,
    annotations: Labels | None = None,
    owner: Object | None = None,
    finalizers: tuple[str, ...] = (),
) -> Object:
    """Metadata; `owner` is the object, as the server returned it, that controls this one."""
    made: Object = {"name": name}
    if namespace is not None:
        made["namespace"] = namespace
    if labels:
        made["labels"] = dict(labels)
    if annotations:
        made["annotations"] = dict(annotations)
    if owner is not None:
        made["ownerReferences"] = [owner_reference(owner)]
    if finalizers:
        made["finalizers"] = list(finalizers)
    return made


def owner_reference(owner: Object) -> Object:
    """A controller's reference to `owner`, which must be as the server returned it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod(
    name: str,
    namespace: str | None = None,
    *,
    labels: Labels | None = None,
    node: str | None = None,
    phase: str = "Running",
    ready: bool = True,
    image: str = "registry.example.com/app:1",
    owner: Object | None = None,
    finalizers: tuple[str, ...] = (),
    **fields: Any,
) -> Object:
    """A pod of one container. With a phase of Running it says whether it is ready."""
    spec: Object = {"containers": [{"name": "app", "image": image}]}
    if node is not None:
        spec["nodeName"] = node
    status: Object = {"phase": phase}
    if phase == "Running":
        status["conditions"] = [condition("Ready", ready=ready)]
    head = metadata(name, namespace, labels=labels, owner=owner, finalizers=finalizers)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": spec, "status": status, **fields}


def condition(kind: str, *, ready: bool, reason: str = "") -> Object:
    """A condition that is true or false."""
    made: Object = {"type": kind, "status": "True" if ready else "False"}
    return {**made, "reason": reason} if reason else made


def node(
    name: str, *, labels: Labels | None = None, ready: bool = True, cpu: str = "4", memory: str = "16Gi"
) -> Object:
    """A node, ready or not."""
    resources = {"cpu": cpu, "memory": memory, "pods": "110"}
    status = {"capacity": resources, "allocatable": resources, "conditions": [condition("Ready", ready=ready)]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata(name, labels=labels), "spec": {}, "status": status}


def deployment(
    name: str,
    namespace: str | None = None,
    *,
    replicas: int = 1,
    labels: Labels | None = None,
    image: str = "registry.example.com/app:1",
    **fields: Any,
) -> Object:
    """A deployment whose pods carry `labels`, by default `app=NAME`."""
    chosen = dict(labels or {"app": name})
    template = {"metadata": {"labels": chosen}, "spec": {"containers": [{"name": "app", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": chosen}, "template": template}
    head = metadata(name, namespace, labels=chosen)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": head, "spec": spec, **fields}


def replica_set(name: str, owner: Object, *, replicas: int | None = None) -> Object:
    """The replica set of a deployment, as the server returned it."""
    template = owner["spec"]["template"]
    spec = {"selector": owner["spec"]["selector"], "template": template}
    count = owner["spec"].get("replicas", 1) if replicas is None else replicas
    head = metadata(name, owner["metadata"].get("namespace"), labels=template["metadata"]["labels"], owner=owner)
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": head, "spec": {"replicas": count, **spec}}


def config_map(name: str, namespace: str | None = None, *, labels: Labels | None = None, **data: str) -> Object:
    """A ConfigMap of these keys and values."""
    head = metadata(name, namespace, labels=labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": data}


def secret(name: str, namespace: str | None = None, *, data: Labels | None = None) -> Object:
    """A Secret; the values of `data` are already base64."""
    head = metadata(name, namespace)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": head, "type": "Opaque", "data": dict(data or {})}


def service(name: str, namespace: str | None = None, *, selector: Labels | None = None, port: int = 80) -> Object:
    """A service for the pods that `selector` selects, by default `app=NAME`."""
    spec = {"selector": dict(selector or {"app": name}), "ports": [{"port": port, "protocol": "TCP"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name, namespace), "spec": spec}


def namespace(name: str, *, labels: Labels | None = None) -> Object:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(name, labels=labels)}


def lease(name: str, namespace: str | None = None, *, holder: str = "") -> Object:
    """A lease, held or not."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    head = metadata(name, namespace)
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": head, "spec": spec}


def custom_resource_definition(
    api_version: str,
    kind: str,
    *,
    plural: str | None = None,
    scope: str = "Namespaced",
    properties: Object | None = None,
    short_names: tuple[str, ...] = (),
) -> Object:
    """A definition in one version, with a status subresource; without `properties` anything may be in the spec."""
    group, _, version = api_version.rpartition("/")
    plural = plural or f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {"type": "object", "properties": properties} if properties else anything
    schema = {"type": "object", "properties": {"spec": spec, "status": anything}}
    names: Object = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    if short_names:
        names["shortNames"] = list(short_names)
    versions: list[Object] = [
        {
            "name": version,
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata(f"{plural}.{group}"),
        "spec": {"group": group, "scope": scope, "names": names, "versions": versions},
    }
