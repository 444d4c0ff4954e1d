"""The rules of writing: what a create, replace, patch or delete does to what is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, already_exists, bad_request, conflict, not_found
from trio_k8swatch.testing._json import Object, copied, in_wire_order
from trio_k8swatch.testing._storage.history import Key, Revision, Storage

from .admission import Admission, check_metadata, check_type, counts_generations
from .managed_fields import Origin, apply, track

# The server owns these; a write that brings others is not refused, they are put back.
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName")


@dataclass(frozen=True, slots=True)
class Write:
    """How something is written.

    `manager` is noted in managedFields, where it is empty nothing is noted. `free`: from the inside of the test, where
    the status may be written together with the rest, whatever the resource.
    """

    manager: str = ""
    subresource: str = ""
    dry_run: bool = False
    free: bool = False

    def origin(self, time: str, operation: str = "Update") -> Origin:
        """For managedFields."""
        return Origin(self.manager, time, operation, self.subresource)


FROM_INSIDE = Write(free=True)


class Writer:
    """All changes to the storage that follow the API's rules go through here.

    `after_put` and `after_drop` are told of each change, for what follows from it.
    """

    def __init__(self, storage: Storage, clock: Clock, admission: Admission) -> None:
        self.storage = storage
        self.clock = clock
        self.admission = admission
        self.after_put: list[Callable[[ResourceType, Revision], None]] = []
        self.after_drop: list[Callable[[ResourceType, Revision], None]] = []

    def create(self, target: Target, obj: Object, write: Write) -> Revision:
        """Store a new object; 409 if the name is taken, 404 if the namespace does not exist."""
        kind = target.kind
        obj = self.admission.new(kind, target.namespace, obj, free=write.free)
        key = (target.namespace, obj["metadata"]["name"])
        self._check_namespace(kind, key)
        if key in self.storage[kind.qualified].current:
            raise already_exists(kind, key[1])
        if write.manager:
            track(kind, None, obj, write.origin(self.clock.timestamp()))
        return self.put(kind, key, obj, dry_run=write.dry_run)

    def replace(self, target: Target, obj: Object, write: Write) -> Revision:
        """Replace what is there; 409 unless `obj` has its resourceVersion or none. No change is no write."""
        old = self.existing(target)
        obj = copied(obj)
        check_type(target.kind, obj)
        metadata = check_metadata(target.kind, target.namespace, obj)
        if metadata.setdefault("name", target.name) != target.name:
            message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
            raise bad_request(message)
        self._check_unchanged(target, old, metadata)
        obj = _within(target.kind, old.object, obj, write)
        if write.manager:
            track(target.kind, old.object, obj, write.origin(self.clock.timestamp()))
        return self._settle(target, old, obj, dry_run=write.dry_run)

    def apply(self, target: Target, applied: Object, write: Write, *, force: bool) -> tuple[Revision, bool]:
        """Server-side apply: create or merge. The object, and whether it is new."""
        check_type(target.kind, applied)
        metadata = check_metadata(target.kind, target.namespace, applied)
        metadata.setdefault("name", target.name)
        origin = write.origin(self.clock.timestamp(), "Apply")
        key = (target.namespace, target.name)
        old = self.storage[target.kind.qualified].current.get(key)
        if old is None:
            obj = self.admission.new(target.kind, target.namespace, applied, free=write.free)
            self._check_namespace(target.kind, key)
            track(target.kind, None, obj, origin)
            return self.put(target.kind, key, obj, dry_run=write.dry_run), True
        self._check_unchanged(target, old, metadata)
        merged = apply(target.kind, old.object, applied, origin, force=force)
        merged = _within(target.kind, old.object, merged, write)
        return self._settle(target, old, merged, dry_run=write.dry_run), False

    def existing(self, target: Target) -> Revision:
        """The object as it is; 404 if it is not there."""
        revision = self.storage[target.kind.qualified].current.get((target.namespace, target.name))
        if revision is None:
            raise not_found(target.kind, target.name)
        return revision

    def put(self, kind: ResourceType, key: Key, obj: Object, *, dry_run: bool = False) -> Revision:
        """Store an object that has passed all checks."""
        ordered = self.admission.shaped(kind, obj)
        if not kind.custom:
            # The storage fills it in; its place among the fields is decided here.
            ordered["metadata"].setdefault("resourceVersion", "")
            ordered = in_wire_order(ordered)
        if dry_run:
            return Revision(ordered, self.storage.resource_version, custom=kind.custom)
        revision = self.storage.put(kind.qualified, key, ordered, self.clock.now(), custom=kind.custom)
        for hook in self.after_put:
            hook(kind, revision)
        return revision

    def drop(self, kind: ResourceType, key: Key) -> Revision:
        """Remove an object, and what follows from that."""
        revision = self.storage.drop(kind.qualified, key, self.clock.now())
        for hook in self.after_drop:
            hook(kind, revision)
        return revision

    def _settle(self, target: Target, old: Revision, obj: Object, *, dry_run: bool) -> Revision:
        """Store the successor of `old`: the server's own fields are kept, the end of the last finalizer deletes."""
        metadata, was = obj["metadata"], old.object["metadata"]
        for field in _KEPT:
            metadata.pop(field, None)
            if field in was:
                metadata[field] = was[field]
        metadata["resourceVersion"] = was["resourceVersion"]
        if _same(obj, old.object):
            return old
        if counts_generations(target.kind) and _spec(obj) != _spec(old.object):
            metadata["generation"] = was.get("generation", 0) + 1
        key = (target.namespace, target.name)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and was.get("finalizers") and not dry_run:
            return self.drop(target.kind, key)
        return self.put(target.kind, key, obj, dry_run=dry_run)

    def _check_namespace(self, kind: ResourceType, key: Key) -> None:
        if not kind.namespaced:
            return
        namespace = self.storage["namespaces"].current.get(("", key[0]))
        if namespace is None:
            missing = {"name": key[0], "kind": "namespaces"}
            raise Refused(404, "NotFound", f'namespaces "{key[0]}" not found', details=missing)
        if "deletionTimestamp" in namespace.object["metadata"]:
            why = f"unable to create new content in namespace {key[0]} because it is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": f"namespace {key[0]} is being terminated"}
            details: Object = {"name": key[1], **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
            details["causes"] = [{**cause, "field": "metadata.namespace"}]
            raise Refused(403, "Forbidden", f'{kind.qualified} "{key[1]}" is forbidden: {why}', details=details)

    def _check_unchanged(self, target: Target, old: Revision, metadata: Object) -> None:
        was = old.object["metadata"]
        if metadata.get("uid") not in {None, "", was["uid"]}:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {was['uid']}"
            raise conflict(target.kind, target.name, why)
        if metadata.get("resourceVersion") not in {None, "", was["resourceVersion"]}:
            raise conflict(target.kind, target.name)


def _within(kind: ResourceType, old: Object, new: Object, write: Write) -> Object:
    """What this write may change: the status by its subresource only, and by that nothing else."""
    if write.free or "status" not in kind.subresources:
        return new
    source, base = (new, old) if write.subresource == "status" else (old, new)
    result = {key: value for key, value in base.items() if key != "status"}
    result["metadata"] = dict(result["metadata"])
    if "status" in source:
        result["status"] = source["status"]
    return result


def _spec(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}


def _same(new: Object, old: Object) -> bool:
    """Equal but for who is said to have written it when."""
    return _without_managers(new) == _without_managers(old) and _managers(new) == _managers(old)


def _without_managers(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _managers(obj: Object) -> list[Object]:
    entries: list[Object] = obj["metadata"].get("managedFields") or []
    return [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
