"""The rules of writing: what a create, replace or apply does to what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from trio_k8swatch.testing._api.faces import kept
from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._api.reviews import answered
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import already_exists, conflict, not_found
from trio_k8swatch.testing._json import Object, copied, in_wire_order
from trio_k8swatch.testing._rules.metadata_rules import changed_metadata
from trio_k8swatch.testing._storage.history import Key, Revision, Storage

from .admission import Admission, check_metadata, check_type, counts_generations
from .managed_fields import Origin, entries_of, track
from .object_reading import converted, normal
from .preconditions import check_namespace, check_same_name, check_unchanged
from .server_side_apply import apply, created_by_apply
from .write_mode import Write

# The server owns these; a write that brings others is not refused, they are put back.
_KEPT: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "selfLink",
)
# A PUT makes these where there is none, and no other.
_CREATED_BY_UPDATE: Final = frozenset(
    {"endpoints", "events", "limitranges", "services", "leases.coordination.k8s.io", "events.events.k8s.io"}
    | {f"{name}.rbac.authorization.k8s.io" for name in ("clusterrolebindings", "clusterroles", "rolebindings", "roles")}
)


class Writer:
    """All changes to the storage that follow the API's rules go through here.

    `after_put` and `after_drop` are called with each change, for what follows from it.
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
        obj = self._new(target, obj, write)
        if write.manager:
            track(kind, None, obj, write.origin(self.clock.timestamp()))
        obj = self._checked(kind, obj, None, write)
        key = (target.namespace, obj["metadata"]["name"])
        self._check_absent(kind, key)
        return self.put(kind, key, obj, dry_run=write.dry_run)

    def replace(self, target: Target, obj: Object, write: Write) -> tuple[Revision, bool]:
        """Replace what is there; 409 unless `obj` has its resourceVersion or none. No change is no write.

        The object, and whether it is new: a few kinds are made by a replace of nothing.
        """
        obj = copied(obj)
        check_type(target.kind, obj)
        metadata = check_metadata(target.kind, target.namespace, obj)
        check_same_name(target, metadata, required=not write.free)
        old = self.current(target)
        if old is None:
            if write.free or write.subresource or target.kind.qualified not in _CREATED_BY_UPDATE:
                raise not_found(target.kind, target.name)
            return self.create(target, obj, write), True
        check_unchanged(target, old, metadata, conditional=not write.free, uid=not write.patched)
        moved = [] if write.free else changed_metadata(old.object["metadata"], metadata)
        before = old.object if write.free else normal(target.kind, old.object)
        resets = _resets_managers(obj)
        obj = self._defaulted(target.kind, self._within(target.kind, before, obj, write), write)
        if resets:
            obj["metadata"].pop("managedFields", None)
        elif write.manager and entries_of(before, target.kind):
            # Of an object that nobody is known to have written nothing is noted until somebody applies to it.
            track(target.kind, before, obj, write.origin(self.clock.timestamp()))
        obj = self._checked(target.kind, obj, before, write, moved)
        return self._settle(target, old, before, obj, dry_run=write.dry_run), False

    def apply(self, target: Target, applied: Object, write: Write, *, force: bool) -> tuple[Revision, bool]:
        """Server-side apply: create or merge. The object, and whether it is new."""
        kind = target.kind
        sent, applied = applied, copied(applied)
        check_type(kind, applied)
        metadata = check_metadata(kind, target.namespace, applied)
        metadata.setdefault("name", target.name)
        applied = _reachable(kind, applied, write)
        origin = write.origin(self.clock.timestamp(), "Apply")
        old = self.current(target)
        if old is None:
            return self._create_by_apply(target, applied, write, origin), True
        check_unchanged(target, old, metadata, conditional=False)
        before = normal(kind, old.object)
        merged = apply(kind, before, applied, origin, sent=sent, force=force)
        check_same_name(target, metadata)
        merged = converted(kind, merged)
        managers = merged["metadata"].get("managedFields")
        merged = self._defaulted(kind, self._within(kind, before, merged, write), write, nulls=True)
        merged = self._checked(kind, merged, before, write)
        if managers:
            merged["metadata"]["managedFields"] = managers
        return self._settle(target, old, before, merged, dry_run=write.dry_run), False

    def _create_by_apply(self, target: Target, applied: Object, write: Write, origin: Origin) -> Revision:
        metadata = applied["metadata"]
        if write.subresource:
            raise not_found(target.kind, target.name)
        for field in ("uid", "resourceVersion"):
            if metadata.get(field):
                said = f"{field} mismatch: the provided object specified {field} {metadata[field]}"
                why = f"{said}, and no existing object was found"
                raise conflict(target.kind, target.name, why)
        check_same_name(target, metadata)
        obj = converted(target.kind, applied)
        obj = self._new(target, obj, write, nulls=True)
        created_by_apply(target.kind, applied, obj, origin)
        obj = self._checked(target.kind, obj, None, write)
        return self.put(target.kind, (target.namespace, target.name), obj, dry_run=write.dry_run)

    def answer_review(self, kind: ResourceType, review: Object, write: Write) -> Object:
        """What is asked by creating `review`; nothing is stored."""
        check_type(kind, review)
        check_metadata(kind, "", review)
        now = self.clock.timestamp()
        track(kind, None, review, write.origin(now))
        review.pop("status", None)
        return in_wire_order(answered(kind, review, now))

    def current(self, target: Target) -> Revision | None:
        """The object as it is, or None."""
        revision = self.storage[target.kind.storage_name].current.get((target.namespace, target.name))
        return None if revision is None else revision.as_seen_by(target.kind)

    def existing(self, target: Target) -> Revision:
        """The object as it is; 404 if it is not there."""
        revision = self.current(target)
        if revision is None:
            raise not_found(target.kind, target.name)
        return revision

    def put(self, kind: ResourceType, key: Key, obj: Object, *, dry_run: bool = False) -> Revision:
        """Store an object that has passed all checks."""
        if not kind.custom:
            # The storage fills it in; its place among the fields is decided here.
            obj["metadata"].setdefault("resourceVersion", "")
            obj = in_wire_order(obj)
        if dry_run:
            if not obj["metadata"].get("resourceVersion"):
                obj["metadata"].pop("resourceVersion", None)
            return Revision(obj, self.storage.resource_version, custom=kind.custom)
        stored = obj if kind.custom else kept(obj)
        revision = self.storage.put(kind.storage_name, key, stored, self.clock.now(), custom=kind.custom)
        for hook in self.after_put:
            hook(kind, revision)
        return revision.as_seen_by(kind)

    def drop(self, kind: ResourceType, key: Key) -> Revision:
        """Remove an object, and what follows from that."""
        revision = self.storage.drop(kind.storage_name, key, self.clock.now())
        for hook in self.after_drop:
            hook(kind, revision)
        return revision

    def _new(self, target: Target, obj: Object, write: Write, *, nulls: bool = False) -> Object:
        kind = target.kind
        obj = self.admission.new(kind, target.namespace, obj, free=write.free, dry_run=write.dry_run)
        check_namespace(self.storage, kind, (target.namespace, obj["metadata"].get("name") or ""))
        return self._defaulted(kind, obj, write, nulls=nulls)

    def _check_absent(self, kind: ResourceType, key: Key) -> None:
        if key in self.storage[kind.storage_name].current:
            raise already_exists(kind, key[1])

    def _defaulted(self, kind: ResourceType, obj: Object, write: Write, *, nulls: bool = False) -> Object:
        return obj if write.free else self.admission.defaulted(kind, obj, nulls=nulls)

    def _checked(
        self, kind: ResourceType, obj: Object, old: Object | None, write: Write, moved: Sequence[Object] = ()
    ) -> Object:
        """As the server changes it once it is known who wrote what; refused where it is not as it has to be."""
        if write.free:
            return self.admission.free_shape(kind, obj)
        self.admission.prepare(kind, obj, old)
        self.admission.check(kind, obj, old, moved)
        return obj

    def _settle(self, target: Target, old: Revision, before: Object, obj: Object, *, dry_run: bool) -> Revision:
        """Store the successor of `old`: the end of the last finalizer deletes."""
        metadata, was = obj["metadata"], old.object["metadata"]
        _keep_owned(metadata, was)
        if _same(obj, before):
            return old
        if counts_generations(target.kind) and _spec(obj) != _spec(before):
            metadata["generation"] = was.get("generation", 0) + 1
        key = (target.namespace, target.name)
        released = was.get("finalizers") and not metadata.get("finalizers")
        if released and "deletionTimestamp" in metadata and not metadata.get("deletionGracePeriodSeconds"):
            if not dry_run:
                self.drop(target.kind, key)
            final = obj if target.kind.custom else in_wire_order(obj)
            return Revision(final, old.resource_version, custom=target.kind.custom)
        return self.put(target.kind, key, obj, dry_run=dry_run)

    def _within(self, kind: ResourceType, old: Object, new: Object, write: Write) -> Object:
        """What this write may change: the status by its subresource only, and by that nothing else."""
        if write.free or "status" not in kind.subresources:
            result = new
        else:
            source, base = (new, old) if write.subresource == "status" else (old, new)
            result = {key: value for key, value in base.items() if key != "status"}
            if "status" in source:
                result["status"] = source["status"]
            result = copied(result)
        _keep_owned(result["metadata"], old["metadata"])
        return result


def _keep_owned(metadata: Object, was: Object) -> None:
    """Put back what only the server sets."""
    for field in _KEPT:
        metadata.pop(field, None)
        if field in was:
            metadata[field] = was[field]
    metadata["resourceVersion"] = was["resourceVersion"]


def _reachable(kind: ResourceType, applied: Object, write: Write) -> Object:
    """What of an applied object this endpoint writes: nobody comes to own the rest."""
    if "status" not in kind.subresources:
        return applied
    if write.subresource == "status":
        return {key: value for key, value in applied.items() if key in {"apiVersion", "kind", "metadata", "status"}}
    return {key: value for key, value in applied.items() if key != "status"}


def _resets_managers(obj: Object) -> bool:
    """A single empty line asks the server to forget who set what."""
    lines = cast("list[Object]", obj["metadata"].get("managedFields") or [])
    return len(lines) == 1 and not any(lines[0].values())


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
