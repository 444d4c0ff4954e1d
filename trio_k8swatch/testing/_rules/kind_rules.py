"""What objects of the built-in kinds may be, as far as their schema does not say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, is_list, is_object
from trio_k8swatch.testing._schema import Field, fields_of, type_of
from trio_k8swatch.testing._storage.selectors import matches_labels

from .causes import Causes
from .definition_rules import check_definition
from .metadata_rules import check_labels, label_problems, qualified_name_problems

_CONFIG_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_CONFIG_KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_CONFIG_BYTES: Final = 1 << 20
_MAX_PORT: Final = 65_535


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


def _spec(obj: Object) -> Object:
    return cast("Object", obj.get("spec") or {})


def _list(obj: Object, name: str) -> list[Object]:
    return cast("list[Object]", obj.get(name) or [])


def _pod_spec(spec: Object, path: str, causes: Causes) -> None:
    if not spec.get("containers"):
        causes.required(f"{path}.containers")
    names: set[str] = set()
    volumes = {one.get("name") for one in _list(spec, "volumes")}
    for group in ("containers", "initContainers"):
        for i, container in enumerate(_list(spec, group)):
            here = f"{path}.{group}[{i}]"
            name = container.get("name") or ""
            if not name:
                causes.required(f"{here}.name")
            else:
                for why in label_problems(name):
                    causes.invalid(f"{here}.name", name, why)
                if name in names:
                    causes.duplicate(f"{here}.name", name)
            names.add(name)
            _container(container, here, volumes, causes)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        grace = spec["terminationGracePeriodSeconds"]
        causes.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0")


def _container(container: Object, path: str, volumes: set[Any], causes: Causes) -> None:
    if not container.get("image"):
        causes.required(f"{path}.image")
    for i, port in enumerate(_list(container, "ports")):
        number = port.get("containerPort") or 0
        if number == 0:
            causes.required(f"{path}.ports[{i}].containerPort")
        elif not 0 < number <= _MAX_PORT:
            causes.invalid(f"{path}.ports[{i}].containerPort", number, "must be between 1 and 65535, inclusive")
    for i, mount in enumerate(_list(container, "volumeMounts")):
        if mount.get("name") and mount["name"] not in volumes:
            causes.add(f"{path}.volumeMounts[{i}].name", "FieldValueNotFound", f'Not found: "{mount["name"]}"')


def _pod(obj: Object, causes: Causes) -> None:
    _pod_spec(_spec(obj), "spec", causes)


def _workload(obj: Object, causes: Causes) -> None:
    """What makes pods: a selector, and a template that it selects."""
    spec = _spec(obj)
    _not_negative(spec, "replicas", "spec.replicas", causes)
    template = cast("Object", spec.get("template") or {})
    labels = cast("dict[str, str]", cast("Object", template.get("metadata") or {}).get("labels") or {})
    selector: object = spec.get("selector")
    if not is_object(selector):
        causes.required("spec.selector")
    elif not selector:
        causes.invalid("spec.selector", selector, "empty selector is invalid for deployment")
    if is_object(selector):
        _expressions(selector, "spec.selector", causes)
    _template(template, "spec.template", causes, always=True)
    if is_object(selector) and selector and not matches_labels(selector, labels):
        causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _expressions(selector: Object, path: str, causes: Causes) -> None:
    for i, one in enumerate(_list(selector, "matchExpressions")):
        here, operator = f"{path}.matchExpressions[{i}]", one.get("operator") or ""
        if operator in {"In", "NotIn"} and not one.get("values"):
            causes.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and one.get("values"):
            causes.forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            causes.invalid(f"{here}.operator", operator, "not a valid selector operator")
        for why in qualified_name_problems(one.get("key") or ""):
            causes.invalid(f"{here}.key", one.get("key") or "", why)


def _controller(obj: Object, causes: Causes) -> None:
    spec = _spec(obj)
    _not_negative(spec, "replicas", "spec.replicas", causes)
    template = cast("Object", spec.get("template") or {})
    labels = cast("dict[str, str]", cast("Object", template.get("metadata") or {}).get("labels") or {})
    selector = cast("dict[str, str]", spec.get("selector") or {})
    if not selector:
        causes.required("spec.selector")
    if not template:
        causes.required("spec.template")
        return
    if any(labels.get(key) != value for key, value in selector.items()):
        causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    _template(template, "spec.template", causes, always=True)


def _template(template: Object, path: str, causes: Causes, *, always: bool = False, never: bool = False) -> None:
    spec = _spec(template)
    metadata = cast("Object", template.get("metadata") or {})
    check_labels(metadata.get("labels") or {}, f"{path}.labels", causes)
    _pod_spec(spec, f"{path}.spec", causes)
    policy = spec.get("restartPolicy", "Always")
    if always and policy != "Always":
        causes.unsupported(f"{path}.spec.restartPolicy", policy, ["Always"])
    if never and policy == "Always":
        causes.required(f"{path}.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _job(obj: Object, causes: Causes) -> None:
    spec = _spec(obj)
    for name in ("parallelism", "completions", "backoffLimit"):
        _not_negative(spec, name, f"spec.{name}", causes)
    _template(cast("Object", spec.get("template") or {}), "spec.template", causes, never=True)


def _cron_job(obj: Object, causes: Causes) -> None:
    spec = _spec(obj)
    if not spec.get("schedule"):
        causes.required("spec.schedule")
    elif len(str(spec["schedule"]).split()) != 5 and not str(spec["schedule"]).startswith("@"):
        count = len(str(spec["schedule"]).split())
        why = f"expected exactly 5 fields, found {count}: [{spec['schedule']}]"
        causes.invalid("spec.schedule", spec["schedule"], why)
    job = _spec(cast("Object", spec.get("jobTemplate") or {}))
    _template(cast("Object", job.get("template") or {}), "spec.jobTemplate.spec.template", causes, never=True)


def _service(obj: Object, causes: Causes) -> None:
    spec = _spec(obj)
    ports = _list(spec, "ports")
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            causes.required("spec.externalName")
        return
    if not ports and spec.get("clusterIP") != "None":
        causes.required("spec.ports")
    for i, port in enumerate(ports):
        number = port.get("port") or 0
        if not 0 < number <= _MAX_PORT:
            causes.invalid(f"spec.ports[{i}].port", number, "must be between 1 and 65535, inclusive")
        if len(ports) > 1 and not port.get("name"):
            causes.required(f"spec.ports[{i}].name")


def _config(obj: Object, causes: Causes) -> None:
    size = 0
    for field in ("data", "binaryData"):
        for key, value in cast("dict[str, str]", obj.get(field) or {}).items():
            if not _CONFIG_KEY.fullmatch(key):
                causes.invalid(f"{field}[{key}]", key, _CONFIG_KEY_RULE)
            size += len(value.encode())
    if size > _CONFIG_BYTES:
        causes.too_long("data" if obj.get("kind") == "Secret" else "", _CONFIG_BYTES)


def _event(obj: Object, causes: Causes) -> None:
    involved = cast("Object", obj.get("involvedObject") or {})
    namespace = obj["metadata"].get("namespace", "")
    if (involved.get("namespace") or "default") != namespace:
        causes.invalid("involvedObject.namespace", involved.get("namespace", ""), "does not match event.namespace")


def _new_event(obj: Object, causes: Causes) -> None:
    regarding = cast("Object", obj.get("regarding") or {})
    namespace = obj["metadata"].get("namespace", "")
    if (regarding.get("namespace") or "default") != namespace:
        causes.invalid("regarding.namespace", regarding.get("namespace", ""), "does not match event.namespace")
    for name in ("reportingController", "reportingInstance", "action", "reason"):
        if not obj.get(name):
            causes.required(name)
    if obj.get("type") not in {"Normal", "Warning"}:
        causes.invalid("type", obj.get("type", ""), "")


def _role(obj: Object, causes: Causes) -> None:
    for i, rule in enumerate(_list(obj, "rules")):
        if not rule.get("verbs"):
            causes.required(f"rules[{i}].verbs", "verbs must contain at least one value")


def _claim(obj: Object, causes: Causes) -> None:
    spec = _spec(obj)
    if not spec.get("accessModes"):
        causes.required("spec.accessModes", "at least 1 access mode is required")
    requests = cast("Object", cast("Object", spec.get("resources") or {}).get("requests") or {})
    if "storage" not in requests:
        causes.required("spec.resources[storage]")


def _not_negative(spec: Object, name: str, field: str, causes: Causes) -> None:
    if (spec.get(name) or 0) < 0:
        causes.invalid(field, spec[name], "must be greater than or equal to 0")


_RULES: Final[dict[str, Callable[[Object, Causes], None]]] = {
    "configmaps": _config,
    "secrets": _config,
    "events": _event,
    "events.events.k8s.io": _new_event,
    "pods": _pod,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "replicationcontrollers": _controller,
    "deployments.apps": _workload,
    "replicasets.apps": _workload,
    "statefulsets.apps": _workload,
    "daemonsets.apps": _workload,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "roles.rbac.authorization.k8s.io": _role,
    "clusterroles.rbac.authorization.k8s.io": _role,
    "customresourcedefinitions.apiextensions.k8s.io": check_definition,
}
