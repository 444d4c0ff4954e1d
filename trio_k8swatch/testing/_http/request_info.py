"""What a request is about: verb, resource, namespace, name, subresource."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from trio_k8swatch.testing._api.builtin_types import NOT_IMITATED_GROUPS
from trio_k8swatch.testing._api.resource_types import Registry, ResourceType

from .messages import Request
from .request_body import check_patch_type
from .statuses import (
    NOT_FOUND_TEXT,
    Refused,
    RefusedInText,
    bad_request,
    method_not_allowed,
    no_such_resource,
    not_found,
    not_imitated,
)

Verb: TypeAlias = Literal[
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "discovery", "other"
]

# A real server has these; this one would have to invent what a kubelet says, or a schema that it does not know.
NOT_IMITATED: Final = frozenset(
    {"approval", "attach", "ephemeralcontainers", "exec", "finalize", "log", "portforward", "proxy", "resize", "token"}
)
_RESOURCE_PATH: Final = re.compile(r"/(?:api/(?P<core>[^/]+)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))(?P<rest>/.+)")
_DISCOVERY_PATH: Final = re.compile(r"/(version|api|apis)(/[^/]*){0,2}/?|/openapi/.*")


@dataclass(frozen=True, slots=True)
class Target:
    """One request, understood."""

    verb: Verb
    kind: ResourceType
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class _Parts:
    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    legacy_watch: bool = False


def parse(request: Request, registry: Registry) -> Target:
    """What is wanted; 404 where nothing of that kind is served, 405 where it cannot be done."""
    parts = _split(request.path)
    if parts is None:
        raise RefusedInText(404, NOT_FOUND_TEXT)
    kind = registry.find(parts.group, parts.version, parts.plural)
    if kind is None:
        if parts.group in NOT_IMITATED_GROUPS:
            raise not_imitated(f"{parts.group}/{parts.version}")
        if not registry.versions(parts.group):
            raise RefusedInText(404, NOT_FOUND_TEXT)
        raise no_such_resource()
    if parts.subresource and parts.subresource not in kind.subresources:
        if kind.custom:
            raise not_found(kind, parts.name)
        if parts.subresource in NOT_IMITATED:
            raise not_imitated(f"the subresource {kind.qualified}/{parts.subresource}")
        raise no_such_resource()
    if kind.custom:
        request, parts = _leniently(request, parts, kind)
    verb = _verb(request, parts)
    if parts.namespace and not kind.namespaced:
        raise no_such_resource()
    if kind.namespaced and not parts.namespace and (parts.name or verb not in {"list", "watch"}):
        raise method_not_allowed() if not parts.name else no_such_resource()
    if not parts.subresource and verb not in kind.verbs:
        raise method_not_allowed()
    return Target(verb, kind, parts.namespace, parts.name, parts.subresource)


def _leniently(request: Request, parts: _Parts, kind: ResourceType) -> tuple[Request, _Parts]:
    """Custom resources are served by one handler for all methods, which looks less closely."""
    match request.method:
        case "HEAD":
            return replace(request, method="GET"), parts
        case "PUT" | "PATCH" if not parts.name:
            if request.method == "PATCH":
                check_patch_type(request, custom=True)
            raise bad_request("name must be provided")
        case "POST" if not parts.subresource:
            return request, replace(parts, name="")
        case "GET" | "PUT" | "POST" | "PATCH" | "DELETE":
            return request, parts
        case _:
            message = f' is not supported on resources of kind "{kind.qualified}"'
            raise Refused(405, "MethodNotAllowed", message, details={"group": kind.group, "kind": kind.plural})


def kind_of_call(request: Request) -> tuple[Verb, str, str]:
    """Verb, plural and namespace of a request as far as its path tells, for the log and for faults: never fails."""
    parts = _split(request.path)
    if parts is None:
        return ("discovery" if _DISCOVERY_PATH.fullmatch(request.path) else "other"), "", ""
    try:
        verb = _verb(request, parts)
    except Exception:  # noqa: BLE001 - a method that nobody knows is logged like any other
        verb = "other"
    qualified = f"{parts.plural}.{parts.group}" if parts.group else parts.plural
    return verb, qualified, parts.namespace


def _split(path: str) -> _Parts | None:
    match = _RESOURCE_PATH.fullmatch(path.rstrip("/"))
    if match is None:
        return None
    group = match["group"] or ""
    version = match["core"] or match["version"]
    segments = match["rest"].strip("/").split("/")
    legacy = segments[0] == "watch" and len(segments) > 1
    if legacy:
        segments = segments[1:]
    namespace = ""
    # /namespaces/NAME and /namespaces/NAME/status are about the namespace itself.
    if segments[0] == "namespaces" and len(segments) > 2 and segments[2:] not in (["status"], ["finalize"]):
        namespace, segments = segments[1], segments[2:]
    if len(segments) > 3:
        return None
    return _Parts(group, version, *_padded(segments, namespace), legacy_watch=legacy)


def _padded(segments: list[str], namespace: str) -> tuple[str, str, str, str]:
    plural, name, subresource = [*segments, "", ""][:3]
    return plural, namespace, name, subresource


def _verb(request: Request, parts: _Parts) -> Verb:
    collection = not parts.name
    match request.method:
        case "GET":
            if parts.legacy_watch or (request.flag("watch") and collection):
                return "watch"
            return "list" if collection else "get"
        case "POST" if collection or parts.subresource:
            return "create"
        case "PUT" if not collection:
            return "update"
        case "PATCH" if not collection:
            return "patch"
        case "DELETE":
            return "deletecollection" if collection else "delete"
        case _:
            raise method_not_allowed()
