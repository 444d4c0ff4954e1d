"""Strategic merge patches: merge patches that know which lists are merged, and by which key."""

from __future__ import annotations

from typing import Any, Final

from trio_k8swatch.testing._http.statuses import Refused, bad_request
from trio_k8swatch.testing._json import Object, is_list, is_object
from trio_k8swatch.testing._json_in_go import go_text
from trio_k8swatch.testing._schema import Field, fields_of

_ORDER, _FROM_PRIMITIVES, _RETAIN = "$setElementOrder/", "$deleteFromPrimitiveList/", "$retainKeys"
_WHOLE: Final = Field("", "*")


def strategic_merge_patch(type_name: str | None, target: object, patch: Object) -> Object:
    """What an object of a built-in type becomes; `type_name` None for a place of which no schema says anything."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive is not None and directive != "merge":
        raise bad_request(f"Unknown patch type found: {directive}")
    result: Object = dict(target) if is_object(target) else {}
    if is_list(patch.get(_RETAIN)):
        result = {key: value for key, value in result.items() if key in patch[_RETAIN]}
    known = fields_of(type_name) if type_name is not None else {}
    for key, value in patch.items():
        if key in {"$patch", _RETAIN} or key.startswith((_ORDER, _FROM_PRIMITIVES)):
            continue
        _merge_field(result, key, value, known.get(key, _WHOLE), patch)
    for key, value in patch.items():
        _direct(result, key, value, known)
    return result


def _merge_field(result: Object, key: str, value: Any, field: Field, patch: Object) -> None:
    inner = field.type if field.is_object and not field.container else None
    if value is None:
        result.pop(key, None)
    elif is_object(value):
        if value.get("$patch") == "delete":
            result.pop(key, None)
        else:
            result[key] = strategic_merge_patch(inner, result.get(key), value)
    elif is_list(value):
        result[key] = _merged_list(result.get(key), value, field, patch.get(f"{_ORDER}{key}"))
    else:
        result[key] = value


def _merged_list(old: object, patch: list[Any], field: Field, order: object) -> list[Any]:
    before: list[Any] = old if is_list(old) else []
    plain = [item for item in patch if not (is_object(item) and item.get("$patch") == "replace")]
    if len(plain) < len(patch):
        return plain
    if field.merge_key is None:
        return patch
    if not field.is_object:
        return [*before, *(item for item in patch if item not in before)]
    if not all(is_object(item) for item in patch):
        raise Refused(500, "", f"list element types are not identical: [{go_text(before)} {go_text(patch)}]")
    return _merged_objects(before, patch, field, order)


def _merged_objects(before: list[Any], patch: list[Any], field: Field, order: object) -> list[Any]:
    key = field.merge_key or ""
    live = {_key(item, key): item for item in before}
    merged: dict[Any, Any] = dict(live)
    sent: list[Any] = []
    for item in patch:
        name = _key(item, key)
        if item.get("$patch") == "delete":
            merged.pop(name, None)
            continue
        merged[name] = strategic_merge_patch(field.type, merged.get(name), item)
        sent.append(name)
    if is_list(order):
        sent = [_key(one, key) for one in order if is_object(one)]
    return [merged[name] for name in _in_order(list(live), sent) if name in merged]


def _in_order(live: list[Any], sent: list[Any]) -> list[Any]:
    """The sent ones in their order; each of the others before the first sent one that it stood before."""
    places = {name: i for i, name in enumerate(live)}
    result: list[Any] = []
    others = [name for name in live if name not in sent]
    for name in sent:
        place = places.get(name, -1)
        while others and places[others[0]] < place:
            result.append(others.pop(0))
        result.append(name)
    return [*result, *others]


def _key(item: Any, key: str) -> Any:
    if not is_object(item):
        raise bad_request("the patch of a list of objects must be a list of objects")
    value: Any = item.get(key)
    if value is None or is_list(value) or is_object(value):
        shown = " ".join(f"{name}:{inner}" for name, inner in sorted(item.items()))
        raise Refused(500, "", f"map: map[{shown}] does not contain declared merge key: {key}")
    return value


def _scalar(item: Any) -> Any:
    if is_object(item) or is_list(item):
        raise bad_request("the patch of a list of scalars must be a list of scalars")
    return item


def _direct(result: Object, key: str, value: Any, known: dict[str, Field]) -> None:
    """Carry out a directive about a list, which is written beside it."""
    name = key.partition("/")[2]
    found = result.get(name)
    if not is_list(found) or not is_list(value):
        return
    if key.startswith(_FROM_PRIMITIVES):
        result[name] = [item for item in found if item not in value]
    elif key.startswith(_ORDER):
        field = known.get(name, _WHOLE)
        merge_key = field.merge_key
        if merge_key is None:
            return
        names: list[Any] = [_key(one, merge_key) if merge_key else _scalar(one) for one in value]
        by_name: dict[Any, Any] = {(_key(one, merge_key) if merge_key else _scalar(one)): one for one in found}
        result[name] = [by_name[one] for one in _in_order(list(by_name), names) if one in by_name]
