"""OpenAPI v3: what `kubectl` asks before it writes, and the schemas that `kubectl explain` and `trio-k8swatch types` read."""

from __future__ import annotations

from trio_k8swatch.testing._http.answers import json_answer
from trio_k8swatch.testing._http.messages import Response
from trio_k8swatch.testing._http.statuses import NOT_FOUND_TEXT, RefusedInText
from trio_k8swatch.testing._json import Object

from .openapi_schemas import schemas
from .resource_types import Registry, ResourceType


def openapi(registry: Registry, path: str) -> Response:
    """The index for the empty path, or the document of `api/v1`, `apis/GROUP/VERSION`."""
    documents = {_path(kind): True for kind in registry}
    if not path:
        urls = {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in documents}
        return json_answer(200, {"paths": urls})
    if path not in documents:
        raise RefusedInText(404, NOT_FOUND_TEXT)
    kinds = [kind for kind in registry if _path(kind) == path]
    paths = {f"{kind.path()}/{{name}}": {"patch": _patch(kind)} for kind in kinds}
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    components = {"schemas": schemas(kinds)}
    return json_answer(200, {"openapi": "3.0.0", "info": info, "paths": paths, "components": components})


def _path(kind: ResourceType) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


def _patch(kind: ResourceType) -> Object:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    group_version_kind = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {
        "operationId": f"patch{kind.group}{kind.version}{kind.kind}",
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": group_version_kind,
    }
