"""Discovery: what this server serves, as clients ask for it before they ask for anything else."""

from __future__ import annotations

from ._answers import json_answer
from ._http import Request, Response, answer
from ._json import Object
from ._resources import Registry, ResourceType
from ._status import RefusedInText, method_not_allowed, no_such_resource

VERSION: Object = {
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
HEALTH_PATHS = ("/healthz", "/livez", "/readyz")


def discover(request: Request, registry: Registry) -> Response | None:
    """The answer to a discovery request, or None if it is none."""
    path = request.path.rstrip("/") or "/"
    parts = path.strip("/").split("/")
    if path == "/version":
        return _only_get(request, _pretty(VERSION))
    if path in HEALTH_PATHS:
        return answer(200, "text/plain; charset=utf-8", [b"ok"], (("X-Content-Type-Options", "nosniff"),))
    if path == "/api":
        return _only_get(request, json_answer(200, {"kind": "APIVersions", "versions": ["v1"], **_ADDRESSES}))
    if path == "/apis":
        groups = [_group(registry, group) for group in registry.groups()]
        return _only_get(request, json_answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
    if parts[0] == "api" and len(parts) == 2:
        return _only_get(request, _resource_list(registry, "", parts[1]))
    if parts[0] == "apis" and len(parts) == 2 and registry.versions(parts[1]):
        group = {"kind": "APIGroup", "apiVersion": "v1", **_group(registry, parts[1])}
        return _only_get(request, json_answer(200, group))
    if parts[0] == "apis" and len(parts) == 3:
        return _only_get(request, _resource_list(registry, parts[1], parts[2]))
    return None


_ADDRESSES: Object = {"serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "HOST"}]}


def _only_get(request: Request, response: Response) -> Response:
    if request.method not in {"GET", "HEAD"}:
        raise method_not_allowed()
    return response


def _pretty(value: Object) -> Response:
    import json

    return answer(200, "application/json", [json.dumps(value, indent=2).encode()])


def _group(registry: Registry, group: str) -> Object:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in registry.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(registry: Registry, group: str, version: str) -> Response:
    kinds = sorted((one for one in registry if (one.group, one.version) == (group, version)), key=lambda k: k.plural)
    if not kinds:
        if registry.versions(group):
            raise no_such_resource()
        raise RefusedInText(404, "404 page not found\n")
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
    return [main, *(_subresource(kind, name) for name in kind.subresources)]


def _subresource(kind: ResourceType, name: str) -> Object:
    special = SUBRESOURCES.get(name)
    entry: Object = {"name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced}
    if special is None:
        return {**entry, "kind": kind.kind, "verbs": ["get", "patch", "update"]}
    group, version, other_kind, verbs = special
    if group:
        entry |= {"group": group, "version": version}
    return {**entry, "kind": other_kind, "verbs": list(verbs)}


# Subresources that are of another kind: group, version, kind, verbs.
SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "binding": ("", "", "Binding", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
}
