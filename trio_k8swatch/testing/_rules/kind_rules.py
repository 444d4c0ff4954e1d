"""What objects of the built-in kinds may be, as far as their schema does not say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, is_list, is_object
from trio_k8swatch.testing._schema import Field, fields_of, type_of

from . import cluster_rules, event_rules, network_rules, workload_rules
from .causes import Causes
from .definition_rules import check_definition

_CONFIG_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_CONFIG_KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_CONFIG_BYTES: Final = 1 << 20


def check_kind(kind: ResourceType, obj: Object, causes: Causes) -> None:
    """Note everything that is wrong with the object, its metadata aside."""
    name = type_of(kind.api_version, kind.kind)
    if name is None:
        return
    rule = _RULES.get(kind.qualified)
    if rule is not None:
        rule(obj, causes)
    _check_fields(name, {key: value for key, value in obj.items() if key not in {"metadata", "status"}}, "", causes)


def _check_fields(type_name: str, obj: Object, path: str, causes: Causes) -> None:
    """Required strings, and values of which there are only some."""
    if type_name in _SAID_OTHERWISE:
        return
    for name, field in _checkable(type_name):
        value: Any = obj.get(name)
        if value is None and not field.required:
            continue
        here = f"{path}.{name}" if path else name
        if field.required and field.type == "s" and not field.container and value in (None, ""):
            if not _is_noted(causes, here):
                causes.required(here)
        elif field.enum and isinstance(value, str) and value and value not in field.enum:
            if not _is_noted(causes, here):
                causes.unsupported(here, value, list(field.enum))
        elif field.is_object:
            _check_inner(field, value, here, causes)


@cache
def _checkable(type_name: str) -> tuple[tuple[str, Field], ...]:
    fields = fields_of(type_name).items()
    return tuple((name, one) for name, one in fields if one.required or one.enum or one.is_object)


def _check_inner(field: Field, value: Any, path: str, causes: Causes) -> None:
    if field.type == "meta.v1.ObjectMeta" or field.type.startswith("apiextensions."):
        return
    if is_list(value):
        for i, one in enumerate(value):
            if is_object(one):
                _check_fields(field.type, one, f"{path}[{i}]", causes)
    elif is_object(value) and not field.container and (value or not field.zero):
        _check_fields(field.type, value, path, causes)


def _is_noted(causes: Causes, field: str) -> bool:
    return any(cause["field"] == field for cause in causes.found)


def _config(obj: Object, causes: Causes) -> None:
    size = 0
    for field in ("data", "binaryData"):
        for key, value in cast("dict[str, str]", obj.get(field) or {}).items():
            if not _CONFIG_KEY.fullmatch(key):
                causes.invalid(f"{field}[{key}]", key, _CONFIG_KEY_RULE)
            size += len(value.encode())
    if size > _CONFIG_BYTES:
        causes.too_long("data" if obj.get("kind") == "Secret" else "", _CONFIG_BYTES)


def _secret(obj: Object, causes: Causes) -> None:
    _config(obj, causes)
    data = cast("Object", obj.get("data") or {})
    for key in _SECRET_KEYS.get(str(obj.get("type") or ""), ()):
        if key not in data:
            causes.required(f"data[{key}]")


_SECRET_KEYS: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_RULES: Final[dict[str, Callable[[Object, Causes], None]]] = {
    "configmaps": _config,
    "secrets": _secret,
    "events": event_rules.check_old_event,
    "events.events.k8s.io": event_rules.check_new_event,
    "nodes": cluster_rules.check_node,
    "leases.coordination.k8s.io": cluster_rules.check_lease,
    "persistentvolumes": cluster_rules.check_volume,
    "persistentvolumeclaims": cluster_rules.check_claim,
    "pods": workload_rules.check_pod,
    "podtemplates": workload_rules.check_pod_template,
    "services": network_rules.check_service,
    "endpoints": network_rules.check_endpoints,
    "endpointslices.discovery.k8s.io": network_rules.check_endpoint_slice,
    "ingresses.networking.k8s.io": network_rules.check_ingress,
    "ingressclasses.networking.k8s.io": network_rules.check_ingress_class,
    "networkpolicies.networking.k8s.io": network_rules.check_network_policy,
    "poddisruptionbudgets.policy": workload_rules.check_budget,
    "replicationcontrollers": workload_rules.check_controller,
    "deployments.apps": workload_rules.check_workload,
    "replicasets.apps": workload_rules.check_workload,
    "statefulsets.apps": workload_rules.check_workload,
    "daemonsets.apps": workload_rules.check_workload,
    "controllerrevisions.apps": cluster_rules.check_revision,
    "horizontalpodautoscalers.autoscaling": cluster_rules.check_autoscaler,
    "jobs.batch": workload_rules.check_job,
    "cronjobs.batch": workload_rules.check_cron_job,
    "roles.rbac.authorization.k8s.io": cluster_rules.check_role,
    "clusterroles.rbac.authorization.k8s.io": cluster_rules.check_role,
    "rolebindings.rbac.authorization.k8s.io": cluster_rules.check_role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": cluster_rules.check_role_binding,
    "storageclasses.storage.k8s.io": cluster_rules.check_storage_class,
    "csistoragecapacities.storage.k8s.io": cluster_rules.check_capacity,
    "csinodes.storage.k8s.io": cluster_rules.check_driver_node,
    "volumeattachments.storage.k8s.io": cluster_rules.check_attachment,
    "customresourcedefinitions.apiextensions.k8s.io": check_definition,
}
# Where a rule above says it itself, with other words or under another name.
_SAID_OTHERWISE: Final = frozenset(
    {"rbac.v1.RoleRef", "rbac.v1.Subject", "core.v1.Taint", "networking.v1.HTTPIngressPath", "core.v1.EndpointAddress"}
    | {"storage.v1.VolumeAttachmentSpec", "apps.v1.ControllerRevision", "autoscaling.v2.MetricSpec"}
    | {"storage.v1.CSINodeDriver", "events.v1.Event", "events.v1.EventSeries"}
)
