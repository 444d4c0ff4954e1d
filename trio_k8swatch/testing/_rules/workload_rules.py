"""What pods may be, and what makes pods."""

from __future__ import annotations

from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object, is_object
from trio_k8swatch.testing._storage.selectors import matches_labels

from .causes import Causes
from .fields import MAX_PORT, PORT_RULE, check_label, check_port, list_of, not_negative, spec_of
from .metadata_rules import check_labels, label_problems, qualified_name_problems

_PERCENT_RULE: Final = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_SOURCES: Final = frozenset({"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"})
_RESOURCES: Final = frozenset({"cpu", "memory", "ephemeral-storage"})


def _pod_spec(spec: Object, path: str, causes: Causes) -> None:
    if not spec.get("containers"):
        causes.required(f"{path}.containers")
    names: set[str] = set()
    volumes = {one.get("name") for one in list_of(spec, "volumes")}
    for group in ("containers", "initContainers"):
        for i, container in enumerate(list_of(spec, group)):
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
    _volumes(list_of(spec, "volumes"), f"{path}.volumes", causes)
    check_labels(cast("dict[str, str]", spec.get("nodeSelector") or {}), f"{path}.nodeSelector", causes)
    for i, one in enumerate(list_of(spec, "tolerations")):
        if not one.get("key") and one.get("operator") != "Exists":
            why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            causes.invalid(f"{path}.tolerations[{i}].operator", one.get("operator") or "", why)
        for why in qualified_name_problems(one["key"]) if one.get("key") else ():
            causes.invalid(f"{path}.tolerations[{i}].key", one["key"], why)


def _volumes(volumes: list[Object], path: str, causes: Causes) -> None:
    names: set[str] = set()
    for i, one in enumerate(volumes):
        name = one.get("name") or ""
        if not name:
            causes.required(f"{path}[{i}].name")
        else:
            check_label(name, f"{path}[{i}].name", causes)
        if name in names:
            causes.duplicate(f"{path}[{i}].name", name)
        names.add(name)
        for kind, field in (("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName")):
            source: object = one.get(kind)
            if is_object(source) and not source.get(field):
                causes.required(f"{path}[{i}].{kind}.{field}")


def _container(container: Object, path: str, volumes: set[Any], causes: Causes) -> None:
    if not container.get("image"):
        causes.required(f"{path}.image")
    for i, port in enumerate(list_of(container, "ports")):
        number = port.get("containerPort") or 0
        if number == 0:
            causes.required(f"{path}.ports[{i}].containerPort")
        elif not 0 < number <= MAX_PORT:
            causes.invalid(f"{path}.ports[{i}].containerPort", number, PORT_RULE)
    _mounts(list_of(container, "volumeMounts"), f"{path}.volumeMounts", volumes, causes)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe: object = container.get(name)
        if is_object(probe):
            _handler(probe, f"{path}.{name}", causes)
    for i, variable in enumerate(list_of(container, "env")):
        _variable(variable, f"{path}.env[{i}]", causes)
    resources = cast("Object", container.get("resources") or {})
    for group in ("limits", "requests"):
        for name in cast("Object", resources.get(group) or {}):
            _resource_name(name, f"{path}.resources.{group}[{name}]", causes)


def _handler(probe: Object, path: str, causes: Causes) -> None:
    """Of a probe or of a hook."""
    handlers = [name for name in _HANDLERS if name in probe]
    if not handlers:
        causes.required(path, "must specify a handler type")
    for name in handlers[1:]:
        causes.forbidden(f"{path}.{name}", "may not specify more than 1 handler type")
    for name in ("httpGet", "tcpSocket"):
        place: object = probe.get(name)
        if is_object(place):
            check_port(place.get("port") or 0, f"{path}.{name}.port", causes)


def _mounts(mounts: list[Object], path: str, volumes: set[Any], causes: Causes) -> None:
    places: set[str] = set()
    for i, mount in enumerate(mounts):
        name, place = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            causes.required(f"{path}[{i}].name")
        if name not in volumes:
            causes.add(f"{path}[{i}].name", "FieldValueNotFound", f'Not found: "{name}"')
        if place in places:
            causes.invalid(f"{path}[{i}].mountPath", place, "must be unique")
        places.add(place)


def _variable(variable: Object, path: str, causes: Causes) -> None:
    source: object = variable.get("valueFrom")
    if not is_object(source):
        return
    if len([name for name in _SOURCES if source.get(name) is not None]) != 1:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        causes.invalid(f"{path}.valueFrom", "", f"must specify one of: {listed}")
    field: object = source.get("fieldRef")
    if is_object(field):
        wanted = str(field.get("fieldPath") or "")
        if wanted and not wanted.startswith(("metadata.", "spec.nodeName", "spec.serviceAccountName", "status.")):
            why = f"error converting fieldPath: field label not supported: {wanted}"
            causes.invalid(f"{path}.valueFrom.fieldRef.fieldPath", wanted, why)


def _resource_name(name: str, path: str, causes: Causes) -> None:
    for why in qualified_name_problems(name):
        causes.invalid(path, name, why)
    if "/" not in name and not (name in _RESOURCES or name.startswith("hugepages-")):
        causes.invalid(path, name, "must be a standard resource type or fully qualified")
        causes.invalid(path, name, "must be a standard resource for containers")


def check_pod(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a pod."""
    _pod_spec(spec_of(obj), "spec", causes)


def check_workload(obj: Object, causes: Causes) -> None:
    """What makes pods: a selector, and a template that it selects."""
    spec = spec_of(obj)
    not_negative(spec, "replicas", "spec.replicas", causes)
    template = cast("Object", spec.get("template") or {})
    labels = cast("dict[str, str]", cast("Object", template.get("metadata") or {}).get("labels") or {})
    selector: object = spec.get("selector")
    if not is_object(selector):
        if obj["kind"] != "DaemonSet":
            causes.required("spec.selector")
    elif not selector:
        word = "statefulset" if obj["kind"] == "StatefulSet" else "deployment"
        causes.invalid("spec.selector", selector, f"empty selector is invalid for {word}")
    _rolling(obj, spec, causes)
    if obj["kind"] == "StatefulSet" and spec.get("serviceName"):
        check_label(str(spec["serviceName"]), "spec.serviceName", causes)
    if is_object(selector):
        check_labels(cast("dict[str, str]", selector.get("matchLabels") or {}), "spec.selector.matchLabels", causes)
        _expressions(selector, "spec.selector", causes)
    _template(template, "spec.template", causes, always=True)
    usable = is_object(selector) and bool(selector) and not _wrong_labels(selector)
    if selector is None or (usable and not matches_labels(cast("Object", selector), labels)):
        causes.invalid("spec.template.metadata.labels", labels or None, "`selector` does not match template `labels`")


def _rolling(obj: Object, spec: Object, causes: Causes) -> None:
    """How many pods more or fewer there may be meanwhile: numbers or percents, and not both of nothing."""
    word = "strategy" if obj["kind"] == "Deployment" else "updateStrategy"
    rolling: object = cast("Object", spec.get(word) or {}).get("rollingUpdate")
    if not is_object(rolling):
        return
    path = f"spec.{word}.rollingUpdate"
    for name in ("maxUnavailable", "maxSurge"):
        _number_or_percent(rolling, name, path, causes)
    not_negative(rolling, "partition", f"{path}.partition", causes)


def _number_or_percent(obj: Object, name: str, path: str, causes: Causes) -> None:
    value: object = obj.get(name)
    if isinstance(value, int):
        not_negative(obj, name, f"{path}.{name}", causes)
    elif isinstance(value, str) and not (value.endswith("%") and value[:-1].isdecimal()):
        causes.invalid(f"{path}.{name}", value, _PERCENT_RULE)


def _wrong_labels(selector: Object) -> bool:
    found = Causes()
    check_labels(cast("dict[str, str]", selector.get("matchLabels") or {}), "", found)
    return bool(found.found)


def _expressions(selector: Object, path: str, causes: Causes) -> None:
    for i, one in enumerate(list_of(selector, "matchExpressions")):
        here, operator = f"{path}.matchExpressions[{i}]", one.get("operator") or ""
        if operator in {"In", "NotIn"} and not one.get("values"):
            causes.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and one.get("values"):
            causes.forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            causes.invalid(f"{here}.operator", operator, "not a valid selector operator")
        for why in qualified_name_problems(one.get("key") or ""):
            causes.invalid(f"{here}.key", one.get("key") or "", why)


def check_controller(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a ReplicationController."""
    spec = spec_of(obj)
    not_negative(spec, "replicas", "spec.replicas", causes)
    template = cast("Object", spec.get("template") or {})
    labels = cast("dict[str, str]", cast("Object", template.get("metadata") or {}).get("labels") or {})
    selector = cast("dict[str, str]", spec.get("selector") or {})
    if not selector:
        causes.required("spec.selector")
    if not template:
        causes.required("spec.template")
        return
    if any(labels.get(key) != value for key, value in selector.items()):
        causes.invalid("spec.template.metadata.labels", labels or None, "`selector` does not match template `labels`")
    _template(template, "spec.template", causes, always=True)


def _template(template: Object, path: str, causes: Causes, *, always: bool = False, never: bool = False) -> None:
    spec = spec_of(template)
    metadata = cast("Object", template.get("metadata") or {})
    check_labels(metadata.get("labels") or {}, f"{path}.labels", causes)
    _pod_spec(spec, f"{path}.spec", causes)
    policy = spec.get("restartPolicy", "Always")
    if always and policy != "Always":
        causes.unsupported(f"{path}.spec.restartPolicy", policy, ["Always"])
    if never and policy == "Always":
        causes.required(f"{path}.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def check_job(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a Job."""
    spec = spec_of(obj)
    for name in ("parallelism", "completions", "backoffLimit"):
        not_negative(spec, name, f"spec.{name}", causes)
    _template(cast("Object", spec.get("template") or {}), "spec.template", causes, never=True)


def check_cron_job(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a CronJob."""
    spec = spec_of(obj)
    if not spec.get("schedule"):
        causes.required("spec.schedule")
    elif len(str(spec["schedule"]).split()) != 5 and not str(spec["schedule"]).startswith("@"):
        count = len(str(spec["schedule"]).split())
        why = f"expected exactly 5 fields, found {count}: [{spec['schedule']}]"
        causes.invalid("spec.schedule", spec["schedule"], why)
    job = spec_of(cast("Object", spec.get("jobTemplate") or {}))
    _template(cast("Object", job.get("template") or {}), "spec.jobTemplate.spec.template", causes, never=True)


def check_pod_template(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a template that stands alone."""
    _template(cast("Object", obj.get("template") or {}), "template", causes)


def check_budget(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a PodDisruptionBudget."""
    spec = spec_of(obj)
    for name in ("minAvailable", "maxUnavailable"):
        _number_or_percent(spec, name, "spec", causes)
    selector: object = spec.get("selector")
    if is_object(selector):
        labels = cast("dict[str, str]", selector.get("matchLabels") or {})
        check_labels(labels, "spec.selector.matchLabels", causes)
        _expressions(selector, "spec.selector", causes)
