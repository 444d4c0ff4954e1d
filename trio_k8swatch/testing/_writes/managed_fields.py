"""Who set which field: `metadata.managedFields`, and server-side apply, which is decided by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object, copied, is_list, is_object

from .field_paths import SETS, Path, from_fields_v1, item_key, leaves, list_keys, remove, to_fields_v1


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes, and how: manager, operation (`Update` or `Apply`), subresource, and the time to note."""

    manager: str
    time: str
    operation: str = "Update"
    subresource: str = ""

    def entry(self, kind: ResourceType, paths: Iterable[Path]) -> Object:
        """The line in managedFields."""
        fields = to_fields_v1(paths, custom=kind.custom)
        entry: Object = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": kind.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        return {**entry, **({"subresource": self.subresource} if self.subresource else {})}

    def wrote(self, entry: Object) -> bool:
        """Whether an entry is this writer's."""
        mine = (self.manager, self.operation, self.subresource)
        return (entry["manager"], entry["operation"], entry.get("subresource", "")) == mine


def track(kind: ResourceType, old: Object | None, new: Object, origin: Origin) -> None:
    """Note in `new` what this writer changed; who had set it before has not any more."""
    was = leaves(old, custom=kind.custom) if old is not None else {}
    now = leaves(new, custom=kind.custom)
    changed = {path for path, value in now.items() if path not in was or was[path] != value}
    gone = was.keys() - now.keys()
    _rewrite(kind, old, new, origin, mine=changed, lost=changed | gone, gone=gone)


def _rewrite(
    kind: ResourceType,
    old: Object | None,
    new: Object,
    origin: Origin,
    *,
    mine: set[Path],
    lost: set[Path],
    gone: set[Path],
) -> None:
    entries = cast("list[Object]", (old or {}).get("metadata", {}).get("managedFields") or [])
    result: list[Object] = []
    own: Object | None = None
    for entry in entries:
        paths = from_fields_v1(entry["fieldsV1"])
        if origin.wrote(entry):
            kept = (paths - gone) | mine
            own = entry if kept == paths else origin.entry(kind, kept)
            result += [own] if kept else []
        elif left := paths - lost:
            result.append({**entry, "fieldsV1": to_fields_v1(left, custom=kind.custom)} if left != paths else entry)
    if own is None and mine:
        result.append(origin.entry(kind, mine))
    if result:
        new["metadata"]["managedFields"] = result
    else:
        new["metadata"].pop("managedFields", None)


def apply(kind: ResourceType, live: Object, applied: Object, origin: Origin, *, force: bool) -> Object:
    """Server-side apply: what `live` becomes. 409 where another manager has set another value, unless forced."""
    wanted = leaves(applied, custom=kind.custom)
    now = leaves(live, custom=kind.custom)
    disputed = {path for path, value in wanted.items() if path in now and now[path] != value}
    entries = cast("list[Object]", live["metadata"].get("managedFields") or [])
    others = [entry for entry in entries if not origin.wrote(entry)]
    if not force:
        _check_conflicts(others, disputed)
    before = {path for entry in entries if origin.wrote(entry) for path in from_fields_v1(entry["fieldsV1"])}
    shared = {path for entry in others for path in from_fields_v1(entry["fieldsV1"])}
    result = cast("Object", _merge("", copied(live), copied(applied), custom=kind.custom))
    result["metadata"] |= {key: live["metadata"][key] for key in ("uid", "resourceVersion") if key in live["metadata"]}
    remove(result, before - wanted.keys() - shared)
    gone = leaves(live, custom=kind.custom).keys() - leaves(result, custom=kind.custom).keys()
    mine = set(wanted)
    _rewrite(kind, live, result, origin, mine=mine, lost=disputed | gone, gone=gone | (before - mine))
    return result


def _check_conflicts(others: list[Object], disputed: set[Path]) -> None:
    causes: list[Object] = []
    for entry in others:
        for path in sorted(from_fields_v1(entry["fieldsV1"]) & disputed):
            who = f'conflict with "{entry["manager"]}"' + (
                f" using {entry['apiVersion']}" if entry["operation"] == "Update" else ""
            )
            causes.append({"reason": "FieldManagerConflict", "message": who, "field": _dotted(path)})
    if causes:
        plural = "conflicts" if len(causes) > 1 else "conflict"
        what = f"Apply failed with {len(causes)} {plural}: " + ", ".join(
            f"{c['message']}: {c['field']}" for c in causes
        )
        raise Refused(409, "Conflict", what, details={"causes": causes})


def _dotted(path: Path) -> str:
    return "".join(f".{one[2:]}" if one.startswith("f:") else f"[{one[2:]}]" for one in path)


def _merge(field: str, live: Any, applied: Any, *, custom: bool) -> Any:
    if is_object(live) and is_object(applied):
        merged: Object = dict(live)
        for key, value in applied.items():
            merged[key] = _merge(key, merged[key], value, custom=custom) if key in merged else value
        return merged
    if is_list(live) and is_list(applied) and field in SETS:
        return [*live, *(one for one in applied if one not in live)]
    if is_list(live) and is_list(applied) and not custom:
        keys = list_keys(field, [*live, *applied])
        if keys is not None:
            by_key: dict[str, Any] = {item_key(item, keys): item for item in live}
            for item in applied:
                key = item_key(item, keys)
                by_key[key] = _merge("", by_key[key], item, custom=custom) if key in by_key else item
            return list(by_key.values())
    return applied
