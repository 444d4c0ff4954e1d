"""From what was sent to an object of its kind: types are checked, unknown fields dropped, and the client warned."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused, bad_request
from trio_k8swatch.testing._json import Object, copied, is_object
from trio_k8swatch.testing._rules.custom_schema import pruned
from trio_k8swatch.testing._schema import Undecodable, decoded, defaulted, type_of

from .shapes import shape_of
from .typed_values import typed_errors

_METADATA: Final = "meta.v1.ObjectMeta"


def read_object(
    kind: ResourceType, sent: Object, validation: str, duplicates: list[str] | None = None
) -> tuple[Object, list[str]]:
    """The object, and warnings. 400 where a field has the wrong type, or, if `validation` is Strict, is unknown."""
    try:
        return read_strictly(kind, sent, validation, duplicates)
    except Undecodable as error:
        raise bad_request(f"{_cannot(kind, sent)}: {error}") from None


def read_strictly(
    kind: ResourceType, sent: Object, validation: str, duplicates: list[str] | None = None
) -> tuple[Object, list[str]]:
    """The object, and warnings. Raises `Undecodable` for all that `read_object` refuses."""
    obj, unknown = _decode(kind, sent)
    problems = [f'duplicate field "{path}"' for path in duplicates or ()]
    problems += [f'unknown field "{path}"' for path in unknown]
    if problems and validation == "Strict":
        raise Undecodable(f"strict decoding error: {', '.join(problems)}")
    return obj, problems if validation == "Warn" else []


def applied_object(kind: ResourceType, sent: Object) -> Object:
    """What was applied, as it was written: 500 for fields that are not in the schema, as the real server has it."""
    wrong = typed_errors(shape_of(kind), sent)
    if wrong:
        listed = "errors:" + "".join(f"\n  {line}" for line in wrong) if len(wrong) > 1 else wrong[0]
        raise Refused(500, "", f"{_no_typed_patch(kind, sent)}: {listed}")
    return copied(sent)


def converted(kind: ResourceType, value: Object) -> Object:
    """What applying left, as an object of its kind: nulls are what is empty. 500 where it cannot be one."""
    try:
        return _decode(kind, value, cast_numbers=True)[0]
    except Undecodable as error:
        gvk = _group_version_kind(kind)
        why = f"to proper version: unable to convert unstructured object to {gvk}: {error}"
        name = value["metadata"].get("name", "")
        raise Refused(500, "", f"failed to convert new object (/{name}; {gvk}) {why}") from None


def normal(kind: ResourceType, obj: Object) -> Object:
    """An object of the storage as it would be if it had come by HTTP: tests may have put it there as they liked."""
    name = _type_name(kind)
    if name is None:
        return obj
    try:
        return defaulted(name, decoded(name, obj).object)
    except Undecodable:
        return obj


def _decode(kind: ResourceType, sent: Object, *, cast_numbers: bool = False) -> tuple[Object, list[str]]:
    name = _type_name(kind)
    if name is not None:
        result = decoded(name, sent, cast_numbers=cast_numbers)
        return result.object, result.unknown
    metadata = decoded(_METADATA, sent["metadata"]) if is_object(sent.get("metadata")) else None
    if metadata is None and sent.get("metadata") is not None:
        raise Undecodable("json: cannot unmarshal metadata into Go value of type v1.ObjectMeta")
    obj, unknown = pruned(kind, sent)
    if metadata is not None:
        obj["metadata"] = metadata.object
        unknown = [*(f"metadata.{path}" for path in metadata.unknown), *unknown]
    return obj, unknown


def _type_name(kind: ResourceType) -> str | None:
    return None if kind.custom else type_of(kind.api_version, kind.kind)


def _cannot(kind: ResourceType, sent: Object) -> str:
    sent_kind = sent.get("kind") or kind.kind
    return f'{sent_kind} in version "{kind.version}" cannot be handled as a {kind.kind}'


def _no_typed_patch(kind: ResourceType, sent: Object) -> str:
    metadata = sent.get("metadata")
    name = metadata.get("name", "") if is_object(metadata) else ""
    namespace = metadata.get("namespace", "") if is_object(metadata) else ""
    return f"failed to create typed patch object ({namespace}/{name}; {_group_version_kind(kind)})"


def _group_version_kind(kind: ResourceType) -> str:
    return f"{kind.api_version if kind.group else '/' + kind.version}, Kind={kind.kind}"
