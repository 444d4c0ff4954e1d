"""Discovery: what this server serves, as clients ask for it before they ask for anything else."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Final

from trio_k8swatch.testing._http.answers import JSON, json_answer
from trio_k8swatch.testing._http.content_negotiation import accepted
from trio_k8swatch.testing._http.health_endpoints import healthy
from trio_k8swatch.testing._http.messages import Request, Response, answer
from trio_k8swatch.testing._http.statuses import (
    NOT_FOUND_TEXT,
    RefusedInText,
    method_not_allowed,
    no_such_resource,
    not_imitated,
)
from trio_k8swatch.testing._json import Object

from .aggregated_discovery import aggregated
from .builtin_types import KEPT_VERSIONS
from .openapi import openapi
from .resource_types import Registry, ResourceType, subresource_of

VERSION: Final[Object] = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.27.3",
    "compiler": "gc",
    "platform": "linux/amd64",
}


_ADDRESSES: Final[Object] = {"serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "HOST"}]}


def discover(request: Request, registry: Registry) -> Response | None:
    """The answer to a discovery request, or None if it is none. Raises 405 for anything but GET."""
    response = _found(request, request.path.rstrip("/").strip("/").split("/"), registry)
    if response is not None and request.method not in {"GET", "HEAD"}:
        raise method_not_allowed()
    return response


def _found(request: Request, parts: list[str], registry: Registry) -> Response | None:  # noqa: PLR0911 - a table
    match parts:
        case ["version"]:
            return answer(200, JSON, [json.dumps(VERSION, indent=2).encode()])
        case ["healthz" | "livez" | "readyz"]:
            return healthy()
        case ["api" | "apis"] if _wants_aggregated(request):
            return aggregated(registry, core=parts == ["api"])
        case ["api"]:
            return json_answer(200, {"kind": "APIVersions", "versions": ["v1"], **_ADDRESSES})
        case ["apis"]:
            groups = [_group(registry, group) for group in registry.groups()]
            return json_answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        case ["api", version]:
            return _resource_list(registry, "", version)
        case ["apis", group] if registry.versions(group):
            return json_answer(200, {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, group)})
        case ["apis", group, version]:
            return _resource_list(registry, group, version)
        case ["openapi", "v3", *rest]:
            return openapi(registry, "/".join(rest))
        case ["openapi", *_]:
            raise not_imitated("OpenAPI version 2")
        case _:
            return None


def _wants_aggregated(request: Request) -> bool:
    return any(
        one.parameters.get("as") == "APIGroupDiscoveryList" and one.parameters.get("v") == "v2"
        for one in accepted(request)
    )


def _group(registry: Registry, group: str) -> Object:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in registry.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def storage_version_hash(kind: ResourceType) -> str:
    """Eight bytes of SHA-256 over the stored type, as the real server hashes it."""
    group, version = KEPT_VERSIONS.get((kind.group, kind.version, kind.kind), (kind.group, kind.version))
    digest = hashlib.sha256(f"{group}/{version}/{kind.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _resource_list(registry: Registry, group: str, version: str) -> Response:
    kinds = sorted((one for one in registry if (one.group, one.version) == (group, version)), key=lambda k: k.plural)
    if not kinds:
        if registry.versions(group):
            raise no_such_resource()
        raise RefusedInText(404, NOT_FOUND_TEXT)
    resources = [entry for kind in kinds for entry in _entries(kind)]
    group_version = f"{group}/{version}" if group else version
    head: Object = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if group else {})
    return json_answer(200, {**head, "groupVersion": group_version, "resources": resources})


def _entries(kind: ResourceType) -> list[Object]:
    main: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    if kind.categories:
        main["categories"] = list(kind.categories)
    if not kind.is_review:
        main["storageVersionHash"] = storage_version_hash(kind)
    return [main, *(_subresource(kind, name) for name in kind.subresources)]


def _subresource(kind: ResourceType, name: str) -> Object:
    group, version, other_kind, verbs = subresource_of(kind, name)
    entry: Object = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
    if group and other_kind != kind.kind:
        entry |= {"group": group, "version": version}
    return {**entry, "kind": other_kind, "verbs": list(verbs)}
