"""What services, endpoints, ingresses and network policies may be."""

from __future__ import annotations

from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object, is_object

from .causes import Causes
from .fields import MAX_PORT, PORT_RULE, check_address, check_label, check_port, check_subdomain, list_of, spec_of
from .metadata_rules import OLD_LABEL, OLD_LABEL_RULE, check_labels, label_problems

_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_CONTROLLER_BYTES: Final = 250


def check_service(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a Service."""
    spec = spec_of(obj)
    ports = list_of(spec, "ports")
    check_labels(cast("dict[str, str]", spec.get("selector") or {}), "spec.selector", causes)
    if spec.get("type") == "ExternalName":
        if not spec.get("externalName"):
            causes.required("spec.externalName")
        else:
            check_subdomain(str(spec["externalName"]).removesuffix("."), "spec.externalName", causes)
    elif not ports and spec.get("clusterIP") != "None":
        causes.required("spec.ports")
    seen: set[tuple[Any, ...]] = set()
    for i, port in enumerate(ports):
        here = f"spec.ports[{i}]"
        _service_port(port, here, causes, alone=len(ports) == 1)
        told_by = (port.get("protocol"), port.get("port"))
        if told_by in seen:
            causes.duplicate(here, _go_port(port))
        seen.add(told_by)
    if spec.get("clusterIP") not in {None, "", "None"} and spec.get("type") != "ExternalName":
        check_address(str(spec["clusterIP"]), "spec.clusterIPs[0]", causes)


def _service_port(port: Object, path: str, causes: Causes, *, alone: bool) -> None:
    if not alone and not port.get("name"):
        causes.required(f"{path}.name")
    elif port.get("name"):
        check_label(str(port["name"]), f"{path}.name", causes)
    if not 0 < (port.get("port") or 0) <= MAX_PORT:
        causes.invalid(f"{path}.port", port.get("port") or 0, PORT_RULE)
    check_port(port.get("targetPort", 0), f"{path}.targetPort", causes)


def _go_port(port: Object) -> Object:
    names = {"Name": "", "Protocol": "", "AppProtocol": None, "Port": 0, "TargetPort": 0, "NodePort": 0}
    return {name: port.get(name[0].lower() + name[1:], empty) for name, empty in names.items()}


def check_endpoints(obj: Object, causes: Causes) -> None:
    """Note what is wrong with Endpoints."""
    for i, subset in enumerate(list_of(obj, "subsets")):
        path = f"subsets[{i}]"
        addresses = [("addresses", one) for one in list_of(subset, "addresses")]
        if not addresses and not subset.get("notReadyAddresses"):
            causes.required(path, "must specify `addresses` or `notReadyAddresses`")
        for j, (name, one) in enumerate(addresses):
            check_address(str(one.get("ip") or ""), f"{path}.{name}[{j}].ip", causes)
        ports = list_of(subset, "ports")
        for j, port in enumerate(ports):
            if len(ports) > 1 and not port.get("name"):
                causes.required(f"{path}.ports[{j}].name")
            check_port(port.get("port") or 0, f"{path}.ports[{j}].port", causes)


def check_endpoint_slice(obj: Object, causes: Causes) -> None:
    """Note what is wrong with an EndpointSlice."""
    for i, one in enumerate(list_of(obj, "endpoints")):
        if not one.get("addresses"):
            causes.required(f"endpoints[{i}].addresses", "must contain at least 1 address")
        for j, address in enumerate(cast("list[str]", one.get("addresses") or [])):
            if obj.get("addressType") in {"IPv4", "IPv6"}:
                check_address(str(address), f"endpoints[{i}].addresses[{j}]", causes)
    names: set[str] = set()
    for i, port in enumerate(list_of(obj, "ports")):
        name = str(port.get("name") or "")
        if name:
            check_label(name, f"ports[{i}].name", causes)
        if name in names:
            causes.duplicate(f"ports[{i}].name", name)
        names.add(name)


def check_ingress(obj: Object, causes: Causes) -> None:
    """Note what is wrong with an Ingress."""
    spec = spec_of(obj)
    if not spec.get("rules") and not spec.get("defaultBackend"):
        causes.invalid("spec", spec.get("rules") or [], "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend"):
        _backend(spec["defaultBackend"], "spec.defaultBackend", causes)
    for i, rule in enumerate(list_of(spec, "rules")):
        path = f"spec.rules[{i}]"
        if rule.get("host"):
            check_subdomain(str(rule["host"]).removeprefix("*."), f"{path}.host", causes)
        http: object = rule.get("http")
        if not is_object(http):
            continue
        if not http.get("paths"):
            causes.required(f"{path}.http.paths")
        for j, one in enumerate(list_of(http, "paths")):
            _ingress_path(one, f"{path}.http.paths[{j}]", causes)


def _ingress_path(one: Object, path: str, causes: Causes) -> None:
    kind, value = one.get("pathType") or "", one.get("path") or ""
    if kind not in _PATH_TYPES:
        causes.unsupported(f"{path}.pathType", kind, list(_PATH_TYPES))
    elif not str(value).startswith("/") and (value or kind != "ImplementationSpecific"):
        causes.invalid(f"{path}.path", value, "must be an absolute path")
    _backend(cast("Object", one.get("backend") or {}), f"{path}.backend", causes)


def _backend(backend: Object, path: str, causes: Causes) -> None:
    service: object = backend.get("service")
    if not is_object(service):
        if not backend.get("resource"):
            causes.invalid(path, "", "resource or service backend is required")
        return
    if not service.get("name"):
        causes.required(f"{path}.service.name")
    else:
        for why in label_problems(str(service["name"]), OLD_LABEL, OLD_LABEL_RULE):
            causes.invalid(f"{path}.service.name", service["name"], why)
    port = cast("Object", service.get("port") or {})
    if not port.get("name") and not port.get("number"):
        causes.required(path, "port name or number is required")
    elif port.get("number") and not port.get("name"):
        check_port(port["number"], f"{path}.service.port.number", causes)


def check_network_policy(obj: Object, causes: Causes) -> None:
    """Note what is wrong with a NetworkPolicy."""
    spec = spec_of(obj)
    selector = cast("Object", spec.get("podSelector") or {})
    check_labels(cast("dict[str, str]", selector.get("matchLabels") or {}), "spec.podSelector.matchLabels", causes)
    for way, word in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(list_of(spec, way)):
            for j, port in enumerate(list_of(rule, "ports")):
                if port.get("port") is not None:
                    check_port(port["port"], f"spec.{way}[{i}].ports[{j}].port", causes)
            for j, peer in enumerate(list_of(rule, word)):
                if not peer:
                    causes.required(f"spec.{way}[{i}].{word}[{j}]", "must specify a peer")


def check_ingress_class(obj: Object, causes: Causes) -> None:
    """Note what is wrong with an IngressClass."""
    controller = str(spec_of(obj).get("controller") or "")
    if not controller:
        causes.required("spec.controller")
        return
    if len(controller) > _CONTROLLER_BYTES:
        causes.too_long("spec.controller", _CONTROLLER_BYTES)
    if "/" not in controller:
        causes.invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")')
