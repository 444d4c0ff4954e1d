"""Who set which field: `metadata.managedFields`, and how it changes when somebody writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._json import Object, decode, encode

from .field_paths import Path, compare, from_fields_v1, to_fields_v1, without_server_fields, written_fields
from .shapes import shape_of


@dataclass(frozen=True, slots=True)
class Origin:
    """Who writes, and how: manager, operation (`Update` or `Apply`), subresource, and the time to note."""

    manager: str
    time: str
    operation: str = "Update"
    subresource: str = ""

    def wrote(self, entry: Object) -> bool:
        """Whether an entry is this writer's."""
        mine = (self.manager, self.operation, self.subresource)
        return (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == mine

    def entry(self, kind: ResourceType, fields: Object) -> Object:
        """The line in managedFields."""
        entry: Object = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": kind.api_version,
            **({"time": self.time} if self.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        return {**entry, **({"subresource": self.subresource} if self.subresource else {})}


def entries_of(obj: Object | None, kind: ResourceType) -> list[Object]:
    """The lines of an object, without those that cannot be read, and those of another group, whose fields are others."""
    lines = cast("list[Object]", (obj or {}).get("metadata", {}).get("managedFields") or [])
    return [line for line in lines if isinstance(line.get("fieldsV1"), dict) and _group(line) == kind.group]


def _group(line: Object) -> str:
    return str(line.get("apiVersion") or "").rpartition("/")[0]


def paths_of(entry: Object) -> set[Path]:
    """What an entry says is owned."""
    return from_fields_v1(cast("Object", entry["fieldsV1"]))


@lru_cache(maxsize=1024)
def _kept_once(fields: bytes) -> Object:
    """Most objects of a kind have the fields of the one before: no reason to keep as many copies as there are objects."""
    return cast("Object", decode(fields))


def track(kind: ResourceType, old: Object | None, new: Object, origin: Origin) -> None:
    """Note in `new` what this writer changed; who had set it before has not any more."""
    if old is None:
        fields = written_fields(shape_of(kind), without_server_fields(new))
        new["metadata"].pop("managedFields", None)
        if fields:
            new["metadata"]["managedFields"] = [origin.entry(kind, _kept_once(encode(fields)))]
        return
    before = without_server_fields(old)
    changed, gone = compare(shape_of(kind), before, without_server_fields(new))
    own = next((paths_of(entry) for entry in entries_of(old, kind) if origin.wrote(entry)), set[Path]())
    rewrite(kind, old, new, origin, mine=(own | changed) - gone, lost=changed | gone, touched=bool(changed | gone))


def rewrite(
    kind: ResourceType,
    old: Object | None,
    new: Object,
    origin: Origin,
    *,
    mine: set[Path],
    lost: set[Path],
    touched: bool,
    timed: bool = True,
) -> None:
    """Write the lines of `new`: this writer owns `mine`, and all others no longer own `lost`.

    `timed`: a line that changes gets the time of now; otherwise it keeps the one it had, or has none.
    """
    result: list[Object] = []
    before: Object | None = None
    for entry in entries_of(old, kind):
        paths = paths_of(entry)
        if origin.wrote(entry):
            before = entry
        elif left := paths - lost:
            result.append({**entry, "fieldsV1": to_fields_v1(left)} if left != paths else entry)
    if mine:
        unchanged = before is not None and not touched and paths_of(before) == mine
        now = origin if timed else replace(origin, time=str((before or {}).get("time") or ""))
        result.append(before if before is not None and unchanged else now.entry(kind, to_fields_v1(mine)))
    if result:
        new["metadata"]["managedFields"] = sorted(result, key=_order)
    else:
        new["metadata"].pop("managedFields", None)


def _order(entry: Object) -> tuple[str, ...]:
    """Those who apply come first, then by time and name."""
    names = ("operation", "time", "manager", "apiVersion", "subresource")
    return tuple(str(entry.get(name) or "") for name in names)
