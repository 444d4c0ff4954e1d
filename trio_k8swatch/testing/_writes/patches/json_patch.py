"""What an object becomes when a patch is applied."""

from __future__ import annotations

from typing import Any, Final, cast

import jsonpatch

from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, copied, encode, is_object

MAX_OPERATIONS: Final = 10_000
MAX_COPIED_BYTES: Final = 10 * 1024 * 1024


def merge_patch(target: object, patch: object) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces. Nothing that is given is changed."""
    if not isinstance(patch, dict):
        return patch
    result: Object = dict(cast("Object", target)) if isinstance(target, dict) else {}
    for key, value in cast("Object", patch).items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(target: Object, operations: list[Any]) -> Object:
    """RFC 6902. Raises ValueError if an operation cannot be done or a test fails; 413 where it would become too large."""
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise Refused(413, "RequestEntityTooLarge", message)
    if not all(is_object(one) and isinstance(one.get("path"), str) for one in operations):
        raise ValueError("an operation is an object with a path")
    result = copied(target)
    for one in operations:
        result = _applied(result, [_forgiving(result, one)])
        # Each copy may double the object.
        if one.get("op") == "copy" and len(encode(result)) > MAX_COPIED_BYTES:
            raise Refused(413, "RequestEntityTooLarge", "the JSON patch copies too much")
    return result


def _forgiving(target: object, operation: Object) -> Object:
    """In an object the server replaces, and compares with null, what is not there."""
    parent, _, last = str(operation["path"]).rpartition("/")
    try:
        place: object = jsonpatch.JsonPointer(parent).resolve(target)
    except jsonpatch.JsonPointerException:
        return operation
    name = last.replace("~1", "/").replace("~0", "~")
    if not is_object(place) or name in place:
        return operation
    if operation.get("op") == "replace":
        return {**operation, "op": "add"}
    if operation.get("op") == "test" and "value" in operation and operation["value"] is None:
        return {"op": "test", "path": "", "value": target}
    return operation


def _applied(target: object, operations: list[Any]) -> Object:
    try:
        result: object = jsonpatch.apply_patch(target, operations)
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
    ) as error:
        # The library checks little of what it is given.
        raise ValueError(str(error)) from error
    if not is_object(result):
        raise ValueError("what is left is no object")
    return result
