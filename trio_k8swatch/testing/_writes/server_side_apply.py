"""Server-side apply: what an object becomes, who owns what then, and where two managers disagree."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, copied, encode_sorted, is_list, is_object

from .field_paths import Path, compare, field_set, item_key, remove, without_server_fields
from .managed_fields import Origin, entries_of, paths_of, rewrite
from .object_reading import without_nulls
from .shapes import Shape, Structural, shape_of

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CLIENT_SIDE: Final = "kubectl-client-side-apply"


def created_by_apply(kind: ResourceType, applied: Object, made: Object, origin: Origin) -> None:
    """Note in a new object what was applied; what the server filled in is nobody's."""
    made["metadata"].pop("managedFields", None)
    mine = field_set(shape_of(kind), without_server_fields(applied))
    rewrite(kind, None, made, origin, mine=mine, lost=set(), touched=True)


def apply(kind: ResourceType, live: Object, applied: Object, origin: Origin, *, force: bool) -> Object:
    """What `live` becomes. 409 where another manager has set another value, unless forced."""
    shape = shape_of(kind)
    wanted = field_set(shape, without_server_fields(applied))
    # Who applies null owns it; where the parts have owners of their own, it says nothing about them.
    result = cast("Object", _merged(shape, copied(live), copied(applied)))
    if not kind.custom:
        result = without_nulls(result)
    result["metadata"] |= {key: live["metadata"][key] for key in ("uid", "resourceVersion") if key in live["metadata"]}
    entries = entries_of(live, kind)
    others = [entry for entry in entries if not origin.wrote(entry)]
    disputed, dropped = compare(shape, without_nulls(without_server_fields(live)), without_server_fields(result))
    if not force:
        _check_conflicts(live, others, disputed | dropped)
    before = {path for entry in entries if origin.wrote(entry) for path in paths_of(entry)}
    shared = {path for entry in others for path in paths_of(entry)}
    # Who owned an empty map, and now something in it or that another has in it, does not take the map away.
    around = {path[:depth] for path in wanted | shared for depth in range(len(path))}
    remove(shape, result, before - wanted - shared - around)
    _, gone = compare(shape, without_server_fields(live), without_server_fields(result))
    _note_last_applied(result, applied, origin)
    touched = bool(disputed | gone) or before != wanted
    changed = bool(disputed | gone)
    rewrite(kind, live, result, origin, mine=wanted, lost=disputed | gone, touched=touched, timed=changed)
    return result


def _check_conflicts(live: Object, others: list[Object], disputed: set[Path]) -> None:
    causes: list[Object] = []
    for entry in others:
        if entry["manager"] == CLIENT_SIDE and _last_applied(live) is not None:
            # kubectl has changed sides: what it applied on the client is what it applies now.
            continue
        who = _who(entry)
        causes += [
            {"reason": "FieldManagerConflict", "message": who, "field": _dotted(path)}
            for path in sorted(paths_of(entry) & disputed)
        ]
    if causes:
        plural = "conflicts" if len(causes) > 1 else "conflict"
        what = f"Apply failed with {len(causes)} {plural}: {_listed(causes)}"
        raise Refused(409, "Conflict", what, details={"causes": causes})


def _listed(causes: list[Object]) -> str:
    """One conflict on its line; several with one manager below its name."""
    if len(causes) == 1:
        return f"{causes[0]['message']}: {causes[0]['field']}"
    by_manager: dict[str, list[str]] = {}
    for cause in causes:
        by_manager.setdefault(cause["message"].replace("conflict ", "conflicts ", 1), []).append(cause["field"])
    return "\n".join(f"{who}:\n" + "\n".join(f"- {field}" for field in fields) for who, fields in by_manager.items())


def _who(entry: Object) -> str:
    who = f'conflict with "{entry["manager"]}"'
    if entry.get("subresource"):
        who += f' with subresource "{entry["subresource"]}"'
    if entry.get("operation") == "Update":
        who += f" using {entry.get('apiVersion')}"
    return who


def _dotted(path: Path) -> str:
    return "".join(f".{one[2:]}" if one.startswith("f:") else f"[{_key(one)}]" for one in path)


def _key(element: str) -> str:
    if element.startswith("v:"):
        return f"={element[2:]}"
    pairs = cast("Object", json.loads(element[2:]))
    return ",".join(f"{name}={json.dumps(value)}" for name, value in pairs.items())


def _merged(shape: Shape, live: Any, applied: Any) -> Any:
    if is_object(live) and is_object(applied) and not shape.atomic:
        merged: Object = dict(live)
        for key, value in applied.items():
            if value is None and not shape.child(key).atomic and not isinstance(shape, Structural):
                continue
            merged[key] = _merged(shape.child(key), merged[key], value) if key in merged else value
        return merged
    if is_list(live) and is_list(applied) and (shape.keys or shape.is_set):
        by_key: dict[str, Any] = {item_key(shape, item): item for item in live}
        for item in applied:
            key = item_key(shape, item)
            by_key[key] = _merged(shape.item(), by_key[key], item) if key in by_key else item
        return list(by_key.values())
    return applied


def _last_applied(obj: Object) -> str | None:
    annotations: object = obj["metadata"].get("annotations")
    return annotations.get(LAST_APPLIED) if is_object(annotations) else None


def _note_last_applied(result: Object, applied: Object, origin: Origin) -> None:
    """`kubectl` keeps the annotation of its client side up to date, so that it may change back."""
    if origin.manager == "kubectl" and _last_applied(result) is not None:
        metadata = {key: value for key, value in applied["metadata"].items() if key != "namespace"}
        text = encode_sorted({**applied, "metadata": metadata}).decode() + "\n"
        result["metadata"]["annotations"][LAST_APPLIED] = text
