"""The rules of writing: what a create, replace or delete does to what is stored."""

from __future__ import annotations

from dataclasses import dataclass

from ._admission import Admission, check_metadata, check_type, counts_generations
from ._clock import Clock
from ._json import Object, copied, in_wire_order
from ._paths import Target
from ._resources import ResourceType
from ._status import Refused, already_exists, bad_request, conflict, not_found
from ._storage import Key, Revision, Storage

# The server owns these; a write that brings others is not refused, they are put back.
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName")


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must be true of an object for a delete to happen."""

    uid: str = ""
    resource_version: str = ""

    def check(self, kind: ResourceType, revision: Revision) -> None:
        """409 if it is not."""
        metadata = revision.object["metadata"]
        for label, wanted, field in (
            ("UID", self.uid, "uid"),
            ("ResourceVersion", self.resource_version, "resourceVersion"),
        ):
            if wanted and wanted != metadata[field]:
                why = (
                    f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {metadata[field]}"
                )
                raise conflict(kind, metadata["name"], why)


class Writer:
    """All changes to the storage that follow the API's rules go through here."""

    def __init__(self, storage: Storage, clock: Clock, admission: Admission) -> None:
        self.storage = storage
        self.clock = clock
        self.admission = admission

    def create(self, target: Target, obj: Object) -> Revision:
        """Store a new object; 409 if the name is taken, 404 if the namespace does not exist."""
        kind = target.kind
        obj = self.admission.new(kind, target.namespace, obj)
        self._check_namespace(target)
        key = (target.namespace, obj["metadata"]["name"])
        if key in self.storage[kind.qualified].current:
            raise already_exists(kind, key[1])
        return self._put(kind, key, obj)

    def replace(self, target: Target, obj: Object) -> Revision:
        """Replace what is there; 409 unless `obj` has its resourceVersion or none. What changes nothing writes nothing."""
        old = self.existing(target)
        obj = copied(obj)
        check_type(target.kind, obj)
        metadata = check_metadata(target.kind, target.namespace, obj)
        if metadata.setdefault("name", target.name) != target.name:
            message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
            raise bad_request(message)
        self._check_unchanged(target, old, metadata)
        return self.settle(target, old, obj)

    def settle(self, target: Target, old: Revision, obj: Object) -> Revision:
        """Store the successor of `old`: the server's own fields are kept, the last finalizer's end is a deletion."""
        metadata, was = obj["metadata"], old.object["metadata"]
        for field in _KEPT:
            metadata.pop(field, None)
            if field in was:
                metadata[field] = was[field]
        metadata["resourceVersion"] = was["resourceVersion"]
        if obj == old.object:
            return old
        if counts_generations(target.kind) and _spec(obj) != _spec(old.object):
            metadata["generation"] = was.get("generation", 0) + 1
        key = (target.namespace, target.name)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and was.get("finalizers"):
            return self.storage.drop(target.kind.qualified, key, self.clock.now())
        return self._put(target.kind, key, obj)

    def delete(self, target: Target, preconditions: Preconditions) -> tuple[Revision, bool]:
        """Delete, or mark as deleted while there are finalizers. The last state, and whether the object is gone."""
        old = self.existing(target)
        preconditions.check(target.kind, old)
        key = (target.namespace, target.name)
        if not old.object["metadata"].get("finalizers"):
            return self.storage.drop(target.kind.qualified, key, self.clock.now()), True
        if "deletionTimestamp" in old.object["metadata"]:
            return old, False
        return self.mark_deleted(target, old, grace_seconds=0), False

    def mark_deleted(self, target: Target, old: Revision, *, grace_seconds: int) -> Revision:
        """Set deletionTimestamp; somebody else has to finish the deletion."""
        obj = copied(old.object)
        metadata = obj["metadata"]
        metadata["deletionTimestamp"] = self.clock.timestamp()
        metadata["deletionGracePeriodSeconds"] = grace_seconds
        if counts_generations(target.kind):
            metadata["generation"] = metadata.get("generation", 0) + 1
        return self._put(target.kind, (target.namespace, target.name), obj)

    def existing(self, target: Target) -> Revision:
        """The object as it is; 404 if it is not there."""
        revision = self.storage[target.kind.qualified].current.get((target.namespace, target.name))
        if revision is None:
            raise not_found(target.kind, target.name)
        return revision

    def _put(self, kind: ResourceType, key: Key, obj: Object) -> Revision:
        ordered = obj if kind.custom else in_wire_order(obj)
        return self.storage.put(kind.qualified, key, ordered, self.clock.now(), custom=kind.custom)

    def _check_namespace(self, target: Target) -> None:
        if not target.kind.namespaced:
            return
        namespace = self.storage["namespaces"].current.get(("", target.namespace))
        if namespace is None:
            details = {"name": target.namespace, "kind": "namespaces"}
            raise Refused(404, "NotFound", f'namespaces "{target.namespace}" not found', details=details)

    def _check_unchanged(self, target: Target, old: Revision, metadata: Object) -> None:
        was = old.object["metadata"]
        if metadata.get("uid") not in {None, "", was["uid"]}:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {was['uid']}"
            raise conflict(target.kind, target.name, why)
        if metadata.get("resourceVersion") not in {None, "", was["resourceVersion"]}:
            raise conflict(target.kind, target.name)


def _spec(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
