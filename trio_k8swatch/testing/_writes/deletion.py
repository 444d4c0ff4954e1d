"""The rules of deleting: grace, finalizers, and what goes together with an object."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from trio_k8swatch.testing._api.resource_types import Registry, ResourceType
from trio_k8swatch.testing._clock import timestamp
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._json import copied, part, parts
from trio_k8swatch.testing._printers.cells import at
from trio_k8swatch.testing._storage.history import Key, Revision
from trio_k8swatch.testing._timers import Agenda

from .admission import counts_generations
from .custom_resources import CLEANUP, terminating
from .custom_resources import QUALIFIED as DEFINITIONS
from .delete_options import DeleteOptions
from .write_rules import Writer

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
DEFAULT_GRACE_SECONDS: Final = 30


class Deleter:
    """Deletes objects, and what must follow them. Garbage is collected at once, where a real cluster takes a moment."""

    def __init__(self, writer: Writer, registry: Registry, agenda: Agenda, kubelet_seconds: float) -> None:
        self._writer = writer
        self._storage = writer.storage
        self._registry = registry
        self._agenda = agenda
        self.kubelet_seconds: float = kubelet_seconds
        writer.after_drop.append(self._collect_garbage)
        writer.after_drop.append(self._finish_namespace)

    def delete(self, target: Target, options: DeleteOptions) -> tuple[Revision, bool]:
        """Delete, or begin to. The last state, and whether the object is gone."""
        old = self._writer.existing(target)
        options.check(target.kind, old)
        kind, key = target.kind, (target.namespace, target.name)
        if options.dry_run:
            return old, not old.object["metadata"].get("finalizers")
        if kind.qualified == "namespaces":
            return self._terminate_namespace(kind, key, old)
        if options.policy == "Orphan" and kind.plural != "events":
            return self._delete_orphaning(kind, key, old, options)
        if options.policy == "Foreground" and (options.announced or self._dependents(old)):
            return self._delete_in_foreground(kind, key, old), False
        return self._delete_in_background(kind, key, old, options)

    def _delete_in_background(
        self, kind: ResourceType, key: Key, old: Revision, options: DeleteOptions
    ) -> tuple[Revision, bool]:
        grace = self._grace(kind, old, options)
        metadata = old.object["metadata"]
        if grace == 0 and not metadata.get("finalizers"):
            if options.announced and kind.qualified == DEFINITIONS:
                return self._delete_definition(kind, key, old), False
            if options.announced and kind.qualified == "pods":
                # Their deletion is graceful, even where the grace is nothing.
                self._mark(kind, key, old, grace)
            return self._writer.drop(kind, key), True
        if "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds", 0) <= grace:
            return old, False
        marked = self._mark(kind, key, old, grace)
        if not marked.object["metadata"].get("finalizers"):
            uid = marked.object["metadata"]["uid"]
            self._agenda.after(min(grace, self.kubelet_seconds), lambda: self._drop_if_same(kind, key, uid))
        return marked, False

    def _delete_definition(self, kind: ResourceType, key: Key, old: Revision) -> Revision:
        """A definition waits for its objects to go, which here takes no time."""
        obj = copied(old.object)
        now = self._writer.clock.timestamp()
        obj["metadata"] |= {"deletionTimestamp": now, "finalizers": [CLEANUP]}
        obj["status"] = {
            **part(obj, "status"),
            "conditions": [*parts(part(obj, "status"), "conditions"), terminating(now)],
        }
        marked = self._writer.put(kind, key, obj)
        self._writer.drop(kind, key)
        return marked

    def _delete_orphaning(
        self, kind: ResourceType, key: Key, old: Revision, options: DeleteOptions
    ) -> tuple[Revision, bool]:
        """The garbage collector frees the dependents and takes its finalizer away, which here takes no time."""
        self._orphan_dependents(old)
        if not options.announced:
            return self._delete_in_background(kind, key, old, options)
        grace = self._grace(kind, old, options)
        marked = self._mark(kind, key, old, grace, finalizer=ORPHAN)
        if old.object["metadata"].get("finalizers"):
            freed = copied(marked.object)
            freed["metadata"]["finalizers"].remove(ORPHAN)
            self._writer.put(kind, key, freed)
        else:
            self._writer.drop(kind, key)
        return marked, False

    def _grace(self, kind: ResourceType, old: Revision, options: DeleteOptions) -> int:
        """Only pods that run somewhere are given time."""
        if kind.qualified != "pods" or not at(old.object, "spec.nodeName"):
            return 0
        if at(old.object, "status.phase") in {"Succeeded", "Failed"}:
            return 0
        if options.grace_seconds is not None:
            # Less than nothing is a second.
            return options.grace_seconds if options.grace_seconds >= 0 else 1
        grace: int = at(old.object, "spec.terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
        return grace

    def _mark(self, kind: ResourceType, key: Key, old: Revision, grace: int, *, finalizer: str = "") -> Revision:
        """Set deletionTimestamp; somebody has to finish it."""
        obj = copied(old.object)
        metadata = obj["metadata"]
        again = "deletionTimestamp" in metadata
        end = self._writer.clock.datetime() + timedelta(seconds=grace)
        metadata |= {"deletionTimestamp": timestamp(end), "deletionGracePeriodSeconds": grace}
        if finalizer:
            metadata["finalizers"] = [*metadata.get("finalizers", []), finalizer]
        if counts_generations(kind) and not again:
            metadata["generation"] = metadata.get("generation", 0) + 1
        return self._writer.put(kind, key, obj)

    def _drop_if_same(self, kind: ResourceType, key: Key, uid: str) -> None:
        revision = self._storage[kind.storage_name].current.get(key)
        if revision is not None and revision.object["metadata"]["uid"] == uid:
            if revision.object["metadata"].get("finalizers"):
                return
            self._writer.drop(kind, key)

    # Owners and dependents

    def _dependents(self, owner: Revision) -> list[tuple[ResourceType, Key, Revision]]:
        uid = owner.object["metadata"]["uid"]
        found: list[tuple[ResourceType, Key, Revision]] = []
        for name, key in sorted(self._storage.dependents.get(uid, ())):
            kind = self._registry.by_qualified(name)
            revision = self._storage[name].current.get(key)
            if kind is not None and revision is not None:
                found.append((kind, key, revision))
        return found

    def _collect_garbage(self, _: ResourceType, owner: Revision) -> None:
        for kind, key, dependent in self._dependents(owner):
            if self._other_owners(dependent, owner):
                self._release(kind, key, dependent, owner)
            else:
                self._delete_key(kind, key)
        self._finish_foreground(owner)

    def _other_owners(self, dependent: Revision, gone: Revision) -> bool:
        uids = {one["uid"] for one in dependent.object["metadata"].get("ownerReferences", [])}
        uids.discard(gone.object["metadata"]["uid"])
        return bool(uids) and any(
            revision.object["metadata"]["uid"] in uids
            for collection in self._storage.collections().values()
            for revision in collection.current.values()
        )

    def _orphan_dependents(self, owner: Revision) -> None:
        for kind, key, dependent in self._dependents(owner):
            self._release(kind, key, dependent, owner)

    def _release(self, kind: ResourceType, key: Key, dependent: Revision, owner: Revision) -> None:
        """Take one owner out of a dependent's references."""
        obj = copied(dependent.object)
        references = obj["metadata"]["ownerReferences"]
        kept = [one for one in references if one["uid"] != owner.object["metadata"]["uid"]]
        obj["metadata"] |= {"ownerReferences": kept} if kept else {}
        if not kept:
            del obj["metadata"]["ownerReferences"]
        self._writer.put(kind, key, obj)

    def _delete_in_foreground(self, kind: ResourceType, key: Key, owner: Revision) -> Revision:
        marked = owner
        if FOREGROUND not in owner.object["metadata"].get("finalizers", []):
            marked = self._mark(kind, key, owner, 0, finalizer=FOREGROUND)
        if not self._dependents(marked):
            self._leave_foreground(kind, key, marked)
            return marked
        for other, other_key, _ in self._dependents(marked):
            # What has dependents of its own waits for them in turn.
            self._delete_key(other, other_key, policy="Foreground")
        return self._storage[kind.storage_name].current.get(key, marked)

    def _finish_foreground(self, dropped: Revision) -> None:
        """An owner that waited for its dependents goes when the last of them has gone."""
        for reference in dropped.object["metadata"].get("ownerReferences", []):
            kind = self._registry.by_kind(reference["apiVersion"], reference["kind"])
            key = (
                dropped.object["metadata"].get("namespace", "") if kind and kind.namespaced else "",
                reference["name"],
            )
            owner = self._storage[kind.storage_name].current.get(key) if kind else None
            if kind is None or owner is None or self._dependents(owner):
                continue
            finalizers = owner.object["metadata"].get("finalizers", [])
            if owner.object["metadata"]["uid"] == reference["uid"] and FOREGROUND in finalizers:
                self._leave_foreground(kind, key, owner)

    def _leave_foreground(self, kind: ResourceType, key: Key, owner: Revision) -> None:
        if owner.object["metadata"].get("finalizers") == [FOREGROUND]:
            self._writer.drop(kind, key)
        else:
            obj = copied(owner.object)
            obj["metadata"]["finalizers"].remove(FOREGROUND)
            self._writer.put(kind, key, obj)

    def _delete_key(self, kind: ResourceType, key: Key, *, policy: str = "Background") -> None:
        self.delete(Target("delete", kind, *key), DeleteOptions(policy=policy))

    # Namespaces

    def _terminate_namespace(self, kind: ResourceType, key: Key, old: Revision) -> tuple[Revision, bool]:
        if "deletionTimestamp" in old.object["metadata"]:
            return old, False
        obj = copied(old.object)
        obj.setdefault("status", {})["phase"] = "Terminating"
        obj["metadata"]["deletionTimestamp"] = self._writer.clock.timestamp()
        marked = self._writer.put(kind, key, obj)
        for other in self._registry.newest():
            if other.namespaced:
                inside = [one for one in self._storage[other.storage_name].current if one[0] == key[1]]
                for one in sorted(inside):
                    if one in self._storage[other.storage_name].current:
                        self._delete_key(other, one)
        gone = self._finish(key[1])
        return (gone or marked), gone is not None

    def _finish_namespace(self, kind: ResourceType, dropped: Revision) -> None:
        if kind.namespaced:
            self._finish(dropped.object["metadata"]["namespace"])

    def _finish(self, name: str) -> Revision | None:
        """A namespace that is being terminated goes when it is empty."""
        namespace = self._storage["namespaces"].current.get(("", name))
        if namespace is None or "deletionTimestamp" not in namespace.object["metadata"]:
            return None
        if any(key[0] == name for one in self._storage.collections().values() for key in one.current):
            return None
        kind = self._registry.by_qualified("namespaces")
        return self._writer.drop(kind, ("", name)) if kind is not None else None
