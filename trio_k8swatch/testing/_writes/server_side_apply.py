"""Server-side apply: what an object becomes, who owns what then, and where two managers disagree."""

from __future__ import annotations

import json
from typing import Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, copied, decode, encode_sorted, is_object

from .field_paths import SERVER_OWNED, Path, without_server_fields
from .managed_fields import Origin, entries_of, paths_of, rewrite, track
from .shapes import Shape, shape_of
from .typed_merge import compared, differ, fields_in, merged, with_named, without

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
BEFORE_FIRST_APPLY: Final = "before-first-apply"
KUBECTL: Final = "kubectl"


def created_by_apply(kind: ResourceType, applied: Object, made: Object, origin: Origin) -> None:
    """Note in a new object what was applied; what the server filled in is nobody's."""
    made["metadata"].pop("managedFields", None)
    mine = fields_in(shape_of(kind), without_server_fields(applied))
    rewrite(kind, None, made, origin, mine=mine, lost=set(), touched=True)


def apply(kind: ResourceType, live: Object, applied: Object, origin: Origin, *, sent: Object, force: bool) -> Object:
    """What `live` becomes. 409 where another manager has set another value, unless forced.

    `sent` is `applied` before anything was filled in.
    """
    shape = shape_of(kind)
    before, config = without_server_fields(live), without_server_fields(applied)
    wanted = fields_in(shape, config)
    live = live if live["metadata"].get("managedFields") else _with_unknown_manager(kind, live, origin)
    entries = entries_of(live, kind)
    others = [entry for entry in entries if not origin.wrote(entry)]
    last = {path for entry in entries if origin.wrote(entry) for path in paths_of(entry)}
    owned = wanted.union(*(paths_of(entry) for entry in others))
    after: Object = _pruned(shape, merged(shape, before, config), last, owned)
    found = compared(shape, before, after)
    if not force:
        allowed = _applied_on_the_client(kind, live) if origin.manager == KUBECTL else set[Path]()
        _check_conflicts(others, found.changed - allowed)
    result = _with_server_fields(copied(after), live, applied)
    _note_last_applied(result, sent, origin)
    changed = differ(before, after)
    lost = found.changed | found.removed
    rewrite(kind, live, result, origin, mine=wanted, lost=lost, touched=changed or last != wanted, timed=changed)
    return result


def _with_unknown_manager(kind: ResourceType, live: Object, origin: Origin) -> Object:
    """Whatever nobody is known to have set was set before."""
    result = copied(live)
    track(kind, None, result, Origin(BEFORE_FIRST_APPLY, origin.time))
    return result


def _pruned(shape: Shape, value: Object, last: set[Path], owned: set[Path]) -> Object:
    """Without what this manager applied before and nobody owns any more."""
    if not last:
        return value
    mine, all_owned = with_named(shape, last), with_named(shape, owned)
    everything = with_named(shape, fields_in(shape, value))
    left = with_named(shape, fields_in(shape, without(shape, value, mine)))
    left = with_named(shape, fields_in(shape, without(shape, value, everything - (left | all_owned))))
    # What lies in there and was not this manager's stays.
    return cast("Object", without(shape, value, (everything - left) & mine))


def _with_server_fields(value: Object, live: Object, applied: Object) -> Object:
    """The whole object again: what nobody sets is as it was."""
    head: Object = {key: live[key] for key in ("apiVersion", "kind") if key in live}
    kept: Object = {key: one for key, one in live["metadata"].items() if key in SERVER_OWNED}
    for key in ("name", "namespace"):
        if key in applied["metadata"]:
            kept[key] = applied["metadata"][key]
    return {**head, **value, "metadata": {**kept, **(value.get("metadata") or {})}}


def _applied_on_the_client(kind: ResourceType, live: Object) -> set[Path]:
    """Where kubectl changes sides: what it applied on the client, as far as it is so still, is its own to change."""
    shape, text = shape_of(kind), _last_applied(live) or ""
    try:
        last: object = decode(text.encode())
    except ValueError:
        return set()
    if not is_object(last) or last.get("apiVersion") != kind.api_version or not is_object(last.get("metadata")):
        return set()
    config = without_server_fields(last)
    found = compared(shape, config, without_server_fields(live))
    return fields_in(shape, config) - found.changed - found.removed


def _check_conflicts(others: list[Object], disputed: set[Path]) -> None:
    causes: list[Object] = []
    for entry in others:
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


def _last_applied(obj: Object) -> str | None:
    annotations: object = obj["metadata"].get("annotations")
    return annotations.get(LAST_APPLIED) if is_object(annotations) else None


def _note_last_applied(result: Object, sent: Object, origin: Origin) -> None:
    """`kubectl` keeps the annotation of its client side up to date, so that it may change back."""
    if origin.manager == KUBECTL and _last_applied(result) is not None:
        result["metadata"]["annotations"][LAST_APPLIED] = encode_sorted(sent).decode() + "\n"
