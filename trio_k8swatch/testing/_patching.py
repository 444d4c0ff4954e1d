"""What an object becomes when a patch is applied."""

from __future__ import annotations

from typing import Any, cast

import jsonpatch

from ._json import Object, copied


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


def json_patch(target: Object, operations: list[Object]) -> Object:
    """RFC 6902. Raises ValueError if an operation cannot be done or a test fails."""
    try:
        return cast("Object", jsonpatch.apply_patch(copied(target), operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ValueError(str(error)) from error
