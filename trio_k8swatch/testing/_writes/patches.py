"""What an object becomes when a patch is applied."""

from __future__ import annotations

from typing import Any, cast

import jsonpatch

from trio_k8swatch.testing._json import Object, copied, is_list

from .field_paths import SETS, item_key, list_keys

_DIRECTIVES = ("$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys")


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
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise ValueError(str(error)) from error


def strategic_merge_patch(target: object, patch: Object) -> Object:
    """A merge patch that also merges lists whose items have keys (containers by name), with the `$patch` directives."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result: Object = dict(cast("Object", target)) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key == "$patch" or key.startswith(_DIRECTIVES):
            continue
        if value is None or (isinstance(value, dict) and cast("Object", value).get("$patch") == "delete"):
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategic_merge_patch(result.get(key), cast("Object", value))
        elif is_list(value):
            result[key] = _merged_list(key, result.get(key), value)
        else:
            result[key] = value
    for key, value in patch.items():
        _direct(result, key, value)
    return result


def _merged_list(field: str, old: object, patch: list[Any]) -> list[Any]:
    before = old if is_list(old) else []
    plain = [item for item in patch if item != {"$patch": "replace"}]
    if len(plain) < len(patch):
        return plain
    keys = list_keys(field, [*before, *patch])
    if keys is None:
        # Finalizers are a set; other lists without keys are replaced.
        return list(dict.fromkeys([*before, *patch])) if field in SETS else patch
    by_key: dict[str, Object] = {item_key(item, keys): item for item in before}
    for item in cast("list[Object]", patch):
        key = item_key(item, keys)
        if item.get("$patch") == "delete":
            by_key.pop(key, None)
        else:
            by_key[key] = strategic_merge_patch(by_key.get(key), item)
    return list(by_key.values())


def _direct(result: Object, key: str, value: Any) -> None:
    """Carry out a directive about a list, which is written beside it."""
    directive, _, field = key.partition("/")
    found = result.get(field)
    if not is_list(found):
        return
    if directive == "$deleteFromPrimitiveList":
        result[field] = [item for item in found if item not in value]
    elif directive == "$setElementOrder":
        result[field] = sorted(found, key=lambda item: _position(field, item, cast("list[Any]", value)))


def _position(field: str, item: Any, order: list[Any]) -> int:
    """Items that the order does not name stay behind those that it does."""
    keys = list_keys(field, [item, *order])
    names = [item_key(one, keys) if keys else one for one in order]
    name = item_key(item, keys) if keys else item
    return names.index(name) if name in names else len(names)
