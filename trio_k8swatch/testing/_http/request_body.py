"""Bodies of requests: what a client sent, and in which form."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

from trio_k8swatch.testing._json import Object, json_type

from .answers import JSON
from .json_body import NotJson, duplicate_fields, parse_json, summary
from .messages import MAX_BODY_BYTES, Request
from .statuses import Refused, bad_request, not_imitated, unsupported_media_type
from .yaml_body import parse_yaml

YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
CBOR: Final = "application/cbor"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
CBOR_PATCH: Final = "application/apply-patch+cbor"
_GO_STRUCT: Final = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
_NO_PROTOBUF: Final = (
    f"bodies in {PROTOBUF}; send JSON, with kubectl: kubectl … --dry-run=client -o json | kubectl create -f -"
)


class Sent(NamedTuple):
    """An object as it was sent, and the paths of fields that stand in it twice."""

    object: Object
    duplicates: list[str]


def content_type(request: Request) -> str:
    """The media type of the body, without parameters."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip() or JSON


def sent_object(request: Request, kind: str, *, custom: bool = False) -> Sent:
    """The object in the body of a create or replace; 415 for a form nobody knows, 501 for one unknown only here.

    Null is an empty object. A `custom` one has to say what it is.
    """
    _check_size(request)
    match content_type(request):
        case t if t == JSON:
            value = _present(_json(request, kind), request, kind, custom=custom)
            return Sent(value, duplicate_fields(request.body, value))
        case t if t == YAML:
            return Sent(_present(_yaml(request, kind), request, kind, custom=custom), [])
        case t if t == PROTOBUF:
            raise not_imitated(_NO_PROTOBUF)
        case t if t == CBOR:
            raise not_imitated(f"bodies in {CBOR}")
        case _:
            raise unsupported_media_type(JSON, YAML, PROTOBUF)


def check_patch_type(request: Request, *, custom: bool) -> None:
    """415 for a kind of patch that nobody knows, or not for this resource."""
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if custom else [STRATEGIC_PATCH]), APPLY_PATCH]
    kind = content_type(request)
    if kind == CBOR_PATCH:
        raise not_imitated(f"bodies in {CBOR_PATCH}")
    if kind not in {JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH} and not custom:
        raise Refused(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
    if kind not in accepted:
        raise unsupported_media_type(*accepted)


def sent_patch(request: Request) -> tuple[str, Any]:
    """The media type of a patch and what it says."""
    _check_size(request)
    kind = content_type(request)
    try:
        value = parse_yaml(request.body) if kind == APPLY_PATCH else parse_json(request.body)
    except NotJson as error:
        raise bad_request(f"error decoding patch: {error}") from None
    wanted = "array" if kind == JSON_PATCH else "object"
    if value is None and kind in {JSON_PATCH, STRATEGIC_PATCH}:
        return kind, [] if kind == JSON_PATCH else {}
    if json_type(value) != wanted:
        raise bad_request(f"error decoding patch: the patch must be a JSON {wanted}")
    return kind, value


def sent_options(request: Request, kind: str) -> Object:
    """The options in the body of a delete; 400 where they are no object."""
    _check_size(request)
    if not request.body:
        return {}
    if content_type(request) in {PROTOBUF, CBOR}:
        raise not_imitated(_NO_PROTOBUF)
    if content_type(request) not in {JSON, YAML}:
        raise unsupported_media_type(JSON, YAML, PROTOBUF)
    value = _json(request, kind) if content_type(request) == JSON else _yaml(request, kind)
    return {} if value is None else _an_object(value, request, kind)


def _check_size(request: Request) -> None:
    if len(request.body) > MAX_BODY_BYTES:
        message = f"Request entity too large: limit is {MAX_BODY_BYTES}"
        raise Refused(413, "RequestEntityTooLarge", message)


def _json(request: Request, kind: str) -> Any:
    try:
        return parse_json(request.body)
    except NotJson as error:
        raise _unrecognized(str(error), request, kind) from None


def _yaml(request: Request, kind: str) -> Any:
    try:
        return parse_yaml(request.body)
    except NotJson as error:
        raise _unrecognized(str(error), request, kind) from None


def _present(value: object, request: Request, kind: str, *, custom: bool) -> Object:
    obj = {} if value is None else _an_object(value, request, kind)
    if not custom or obj.get("kind"):
        return obj
    text = request.body.decode("utf-8", "replace")
    why = f"Object 'Kind' is missing in '{text}' ({summary(request.body)})"
    raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}")


def _an_object(value: object, request: Request, kind: str) -> Object:
    if isinstance(value, dict):
        return cast("Object", value)
    what = {"boolean": "bool", "integer": "number"}.get(json_type(value), json_type(value))
    raise _unrecognized(f"json: cannot unmarshal {what} into Go value of type {_GO_STRUCT}", request, kind)


def _unrecognized(why: str, request: Request, kind: str) -> Refused:
    message = f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
    return bad_request(f"{message}json parse error: {why} ({summary(request.body)})")
