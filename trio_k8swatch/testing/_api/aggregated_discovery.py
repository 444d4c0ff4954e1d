"""Aggregated discovery: everything that is served, in one answer."""

from __future__ import annotations

import hashlib
from typing import Final

from trio_k8swatch.testing._http.messages import Response, answer
from trio_k8swatch.testing._json import Object, encode

from .resource_types import Registry, ResourceType, subresource_of

CONTENT_TYPE: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def aggregated(registry: Registry, *, core: bool) -> Response:
    """The core group, or all others."""
    groups = [""] if core else registry.groups()
    items = [_group(registry, group) for group in groups]
    head: Object = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    data = encode({**head, "items": items}) + b"\n"
    etag = hashlib.sha512(data).hexdigest().upper()
    headers = (("Etag", f'"{etag}"'), ("Vary", "Accept"))
    return answer(200, CONTENT_TYPE, [data], headers).with_headers(("Cache-Control", "public"))


def _group(registry: Registry, group: str) -> Object:
    versions = [
        {"version": version, "resources": _resources(registry, group, version), "freshness": "Current"}
        for version in registry.versions(group)
    ]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _resources(registry: Registry, group: str, version: str) -> list[Object]:
    kinds = [one for one in registry if (one.group, one.version) == (group, version)]
    return [_resource(kind) for kind in sorted(kinds, key=lambda kind: kind.plural)]


def _resource(kind: ResourceType) -> Object:
    entry: Object = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group if kind.custom else "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.custom:
        entry["responseKind"]["version"] = kind.version
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [_subresource(kind, name) for name in kind.subresources]
    return entry


def _subresource(kind: ResourceType, name: str) -> Object:
    group, version, other_kind, verbs = subresource_of(kind, name)
    if other_kind == kind.kind and not kind.custom:
        group, version = "", ""
    response = {"group": group, "version": version, "kind": other_kind}
    return {"subresource": name, "responseKind": response, "verbs": list(verbs)}
