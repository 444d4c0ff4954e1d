"""Bodies of requests, and who sends them."""

from __future__ import annotations

from typing import Any, cast

import yaml

from trio_k8swatch.testing._json import Object, decode
from trio_k8swatch.testing._writes.write_rules import Write

from .answers import JSON
from .messages import Request
from .statuses import bad_request, not_imitated, unsupported_media_type

YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: timestamps are strings."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def content_type(request: Request) -> str:
    """The media type of the body, without parameters."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip()


def sent_object(request: Request) -> Object:
    """The object in the body of a create or replace; 415 for a form nobody knows, 501 for one unknown only here."""
    match content_type(request):
        case t if t == JSON:
            value = _parsed(request)
        case t if t == YAML:
            value = _yaml(request.body)
        case t if t == PROTOBUF:
            raise not_imitated(f"bodies in {PROTOBUF}")
        case _:
            raise unsupported_media_type(JSON, YAML, PROTOBUF)
    return _an_object(value)


def sent_patch(request: Request, *, custom: bool) -> tuple[str, Any]:
    """The media type of a patch and what it says."""
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if custom else [STRATEGIC_PATCH]), APPLY_PATCH]
    kind = content_type(request)
    if kind not in accepted:
        raise unsupported_media_type(*accepted)
    if kind == APPLY_PATCH:
        return kind, _an_object(_yaml(request.body))
    value = _parsed(request)
    return kind, value if kind == JSON_PATCH else _an_object(value)


def write_of(request: Request, subresource: str) -> Write:
    """How the request writes: the field manager it names, or the first word of its user agent."""
    agent = request.headers.get("user-agent", "").partition("/")[0]
    manager = request.parameter("fieldManager") or agent or "unknown"
    return Write(manager, subresource, dry_run=request.parameter("dryRun") == "All")


def _parsed(request: Request) -> Any:
    try:
        return decode(request.body)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized (must be of type Object): {error}") from None


def _yaml(body: bytes) -> Any:
    try:
        return decode(body)
    except ValueError:
        pass
    try:
        return yaml.load(body, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from None


def _an_object(value: object) -> Object:
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized (must be of type Object)")
    return cast("Object", value)
