"""The cluster from the inside: what a test does to it and sees of it without asking over HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Final, cast

from ._api.faces import kept
from ._api.resource_types import Column, Registry, ResourceType
from ._clock import Clock
from ._http.request_info import Target
from ._http.router import Cluster
from ._json import Object, copied, decode, in_wire_order
from ._storage.history import Revision, Storage
from ._timers import Agenda
from ._writes.admission import Admission
from ._writes.custom_resources import CustomResources
from ._writes.delete_options import DeleteOptions
from ._writes.deletion import Deleter
from ._writes.patches.json_patch import merge_patch
from ._writes.write_mode import FROM_INSIDE
from ._writes.write_rules import Writer
from .simulation import Pace, Simulation, worker

NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")


class Inside:
    """Objects and time of one cluster. All methods are plain calls; what they do is seen by watches at once.

    Objects are dicts; those handed out are copies, those handed in are copied.
    """

    def __init__(
        self,
        *,
        seed: int,
        epoch: datetime,
        storage: Storage,
        kubelet_seconds: float,
        crd_seconds: float,
        end_watches: Callable[[str], None],
    ) -> None:
        self.clock: Clock = Clock(epoch)
        self.storage = storage
        self.registry: Registry = Registry()
        self.agenda: Agenda = Agenda(self.clock)
        self._writer = Writer(storage, self.clock, Admission(self.clock, random.Random(f"{seed} uid"), storage))
        self._deleter = Deleter(self._writer, self.registry, self.agenda, kubelet_seconds)
        self._custom = CustomResources(
            self._writer, self.registry, self.agenda, seconds=crd_seconds, end_watches=end_watches
        )
        for name in NAMESPACES:
            self._ensure_namespace(name)

    @property
    def resource_version(self) -> str:
        """The cluster's resourceVersion at this moment."""
        return str(self.storage.resource_version)

    @property
    def now(self) -> float:
        """Seconds since the server was made: the time of the request log."""
        return self.clock.now()

    @property
    def kubelet_seconds(self) -> float:
        """So long a pod takes to stop, if its grace is not shorter. It may be set."""
        return self._deleter.kubelet_seconds

    @kubelet_seconds.setter
    def kubelet_seconds(self, seconds: float) -> None:
        self._deleter.kubelet_seconds = seconds

    def create(self, obj: Object) -> Object:
        """Create an object, its namespace too if need be. Returns it as stored; 409 if it exists."""
        self.agenda.catch_up()
        target = self._target_of(obj)
        if target.namespace:
            self._ensure_namespace(target.namespace)
        return _copy(self._writer.create(target, obj, FROM_INSIDE))

    def replace(self, obj: Object) -> Object:
        """Replace an object, status included; 409 if `obj` has a resourceVersion that is not the last one."""
        self.agenda.catch_up()
        return _copy(self._writer.replace(self._target_of(obj), obj, FROM_INSIDE)[0])

    def patch(self, resource: str, name: str, patch: Object, *, namespace: str | None = None) -> Object:
        """Merge `patch` into an object (RFC 7386), status included."""
        self.agenda.catch_up()
        target = self._target(resource, namespace, name)
        changed = merge_patch(self._writer.existing(target).object, patch)
        return _copy(self._writer.replace(target, changed, FROM_INSIDE)[0])

    def delete(
        self,
        resource: str | Object,
        name: str | None = None,
        *,
        namespace: str | None = None,
        grace_seconds: int | None = 0,
    ) -> None:
        """Delete an object, given itself or its resource, name and namespace.

        At once, unless `grace_seconds` says otherwise (None: as the pod says), or there are finalizers.
        """
        self.agenda.catch_up()
        target = self._target_of(resource) if isinstance(resource, dict) else self._target(resource, namespace, name)
        self._deleter.delete(target, DeleteOptions(grace_seconds=grace_seconds))

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object | None:
        """An object as it is at this moment, or None."""
        self.agenda.catch_up()
        target = self._target(resource, namespace, name)
        revision = self.storage[target.kind.storage_name].current.get((target.namespace, target.name))
        return None if revision is None else _copy(revision.as_seen_by(target.kind))

    def objects(self, resource: str, *, namespace: str | None = None) -> list[Object]:
        """All objects of a resource at this moment, in the order of a list: what a perfect client would know."""
        self.agenda.catch_up()
        kind = self.kind(resource)
        state = self.storage[kind.storage_name].current
        chosen = [key for key in state if namespace in {None, key[0]}]
        return [_copy(state[key].as_seen_by(kind)) for key in sorted(chosen, key="/".join)]

    def load(self, *objects: Object) -> None:
        """Put objects there as they are, uid and resourceVersion included: a dump of a real cluster, lists too.

        Nothing is checked or defaulted, no namespace is made. What is newer than the cluster's resourceVersion moves
        it on and is seen by watches; objects without a resourceVersion get the next.
        """
        flat = [one for obj in objects for one in _flattened(obj)]
        for obj in sorted(flat, key=lambda one: int(one["metadata"].get("resourceVersion") or 0)):
            kind = self._target_of(obj).kind
            key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            # Lists take kind and apiVersion off the front, where a dump need not have them.
            stored = copied(obj) if kind.custom else kept(in_wire_order(copied(obj)))
            self.storage.load(kind.storage_name, key, stored, self.clock.now(), custom=kind.custom)

    def compact(self, resource_version: int | str | None = None) -> None:
        """Forget the history up to a resourceVersion, by default all: what asks for older ones is answered 410."""
        self.storage.compact(None if resource_version is None else int(resource_version))

    def kind(self, resource: str) -> ResourceType:
        """What `pods`, `po`, `Pod` or `deployments.apps` is here. LookupError for what is not served."""
        found = self.registry.by_name(resource)
        if found is None:
            raise LookupError(f"this server has no resource {resource!r}; fake.register(...) makes one")
        return found

    def register(
        self,
        api_version: str,
        kind: str,
        *,
        plural: str | None = None,
        namespaced: bool = True,
        short_names: tuple[str, ...] = (),
        columns: tuple[Column, ...] = (),
    ) -> ResourceType:
        """Serve a custom resource, without a CustomResourceDefinition and without a schema."""
        group, _, version = api_version.rpartition("/")
        made = ResourceType(
            group=group,
            version=version,
            plural=plural or f"{kind.lower()}s",
            kind=kind,
            namespaced=namespaced,
            singular=kind.lower(),
            short_names=short_names,
            subresources=("status",),
            custom=True,
            columns=columns,
        )
        self.registry.add(made)
        return made

    def unregister(self, resource: str) -> None:
        """Serve a custom resource no more: its objects are deleted, its watches end, from then on it is 404."""
        kind = self.kind(resource)
        self._custom.unserve(kind.group, kind.plural)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something in so many seconds, without a task: an open watch, or the next request, sees it done in time."""

        def act() -> None:
            action()

        self.agenda.after(seconds, act)

    def simulate(self, pace: Pace | None = None, *, nodes: int = 3) -> Simulation:
        """Have Deployments, ReplicaSets, StatefulSets, Jobs and Pods move as their controllers would have them.

        In trio's time, at `pace`; without a task: what is due is done when somebody looks, as if it had been done in
        time. Where there are no nodes, that many are made. It goes on until `stop()` of what is returned.
        """
        if not self.storage["nodes"].current:
            for number in range(1, nodes + 1):
                self.create(worker(number))
        return Simulation(self, pace or Pace())

    def cluster(self) -> Cluster:
        """The parts, for the router."""
        return Cluster(self.registry, self.storage, self._writer, self._deleter, self.clock, self.agenda)

    def _target_of(self, obj: Object) -> Target:
        api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
        found = self.registry.by_kind(api_version, kind)
        if found is None:
            raise LookupError(f"this server has no kind {api_version} {kind}; fake.register(...) makes one")
        metadata = cast("Object", obj.get("metadata") or {})
        namespace = metadata.get("namespace") or "default" if found.namespaced else ""
        return Target("create", found, namespace, metadata.get("name") or "")

    def _target(self, resource: str, namespace: str | None, name: str | None) -> Target:
        found = self.kind(resource)
        return Target("get", found, (namespace or "default") if found.namespaced else "", name or "")

    def _ensure_namespace(self, name: str) -> None:
        if ("", name) not in self.storage["namespaces"].current:
            obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self._writer.create(Target("create", self.kind("namespaces"), "", name), obj, FROM_INSIDE)


def _flattened(obj: Object) -> list[Object]:
    """The items of a list, with the kind that they do not say themselves; or the object alone."""
    if "items" not in obj:
        return [obj]
    head = {"kind": obj["kind"].removesuffix("List"), "apiVersion": obj["apiVersion"]}
    return [one if "kind" in one else {**head, **one} for one in cast("list[Object]", obj["items"])]


def _copy(revision: Revision) -> Object:
    return cast("Object", decode(revision.json))
