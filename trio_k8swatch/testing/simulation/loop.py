"""The loop of all simulated controllers: what changed is looked at, what is decided is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._storage.history import Change, Key, Storage

from . import deployments, jobs, namespaces, pods, replica_sets, stateful_sets
from .actions import Action, Create, Delete, Later, Update
from .garbage import abandoned
from .objects import controller_of
from .pods import Pace

Decide: TypeAlias = Callable[[Object, Sequence[Object], str], list[Action]]
# The resource and the key of an object.
Place: TypeAlias = tuple[str, Key]

PODS: Final = "pods"
NAMESPACES: Final = "namespaces"
# What each namespace is given, and given again: resource and name.
_GIVEN: Final = dict((namespaces.ACCOUNT, namespaces.CERTIFICATE))
CONTROLLERS: Final[dict[str, tuple[Decide, str]]] = {
    "deployments.apps": (deployments.decide, "replicasets.apps"),
    "replicasets.apps": (replica_sets.decide, PODS),
    "statefulsets.apps": (stateful_sets.decide, PODS),
    "jobs.batch": (jobs.decide, PODS),
}
_RESOURCE_OF: Final = {
    ("apps/v1", "Deployment"): "deployments.apps",
    ("apps/v1", "ReplicaSet"): "replicasets.apps",
    ("apps/v1", "StatefulSet"): "statefulsets.apps",
    ("batch/v1", "Job"): "jobs.batch",
}


class Cluster(Protocol):
    """What the loop needs of the fake."""

    clock: Clock
    storage: Storage

    def create(self, obj: Object) -> Object:
        """Create an object."""
        ...

    def replace(self, obj: Object) -> Object:
        """Replace an object, status included."""
        ...

    def delete(self, resource: Object, *, grace_seconds: int | None = 0) -> None:
        """Delete an object; None: as it says itself."""
        ...

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something in so many seconds."""
        ...


class Simulation:
    """Controllers, scheduler and kubelets of a fake. What they do is due on its agenda: there is no task."""

    def __init__(self, fake: Cluster, pace: Pace) -> None:
        self._fake = fake
        self._pace = pace
        self._dirty: dict[Place, None] = {}
        self._planned = False
        # What each object waits for, so that a change meanwhile does not begin the wait anew.
        self._waiting: set[tuple[str, str]] = set()
        self._running = True
        self._stops = [
            fake.storage[resource].listen(partial(self._changed, resource))
            for resource in (*CONTROLLERS, PODS, "nodes", NAMESPACES, *_GIVEN)
        ]
        for resource in (*CONTROLLERS, PODS):
            for key in sorted(fake.storage[resource].current):
                self._mark((resource, key))
        for key in sorted(fake.storage[NAMESPACES].current):
            # In a cluster that was there before, they have been there for long.
            self._look_at((NAMESPACES, key))

    def stop(self) -> None:
        """Everything stays as it is now."""
        self._running = False
        for stop in self._stops:
            stop()

    def _changed(self, resource: str, change: Change) -> None:
        if resource == "nodes":
            # A node that has room again: what nobody could take is looked at anew.
            for key in self._fake.storage[PODS].current:
                self._mark((PODS, key))
            return
        if resource in _GIVEN:
            if change.type == "DELETED" and change.key[1] == _GIVEN[resource]:
                self._mark((NAMESPACES, ("", change.key[0])))
            return
        self._mark((resource, change.key))
        for revision in (change.old, change.new):
            owner = controller_of(revision.object) if revision else None
            place = _RESOURCE_OF.get((owner["apiVersion"], owner["kind"])) if owner else None
            if place and owner:
                self._mark((place, (change.key[0], owner["name"])))
        if resource == PODS and controller_of(change.new.object) is None:
            for key in self._fake.storage["replicasets.apps"].current:
                if key[0] == change.key[0]:
                    self._mark(("replicasets.apps", key))

    def _mark(self, place: Place) -> None:
        self._dirty[place] = None
        if not self._planned:
            self._planned = True
            self._fake.after(self._pace.reaction_seconds, self._reconcile)

    def _reconcile(self) -> None:
        self._planned = False
        dirty, self._dirty = self._dirty, {}
        for place in dirty:
            self._look_at(place)

    def _look_at(self, place: Place, step: str = "") -> None:
        resource, (namespace, name) = place
        revision = self._fake.storage[resource].current.get((namespace, name))
        if not self._running or revision is None:
            return
        # Not copied: what decides changes nothing that it is shown, and what is written is copied then.
        obj = revision.object
        actions = [Delete(obj)] if abandoned(obj, self._fake.storage) else self._decided(resource, obj, step)
        for action in actions:
            self._do(place, obj["metadata"]["uid"], action)

    def _decided(self, resource: str, obj: Object, step: str) -> list[Action]:
        now = self._fake.clock.timestamp()
        if resource == NAMESPACES:
            return namespaces.decide(obj, self._fake.storage)
        if resource == PODS:
            if step and step == pods.next_step(obj):
                # Only who chooses a node has to look at all the others.
                others = self._all(PODS) if step == "bind" else []
                return pods.advance(obj, self._all("nodes"), others, now)
            return pods.wait_for_step(obj, self._pace)
        decide, children = CONTROLLERS[resource]
        return decide(obj, self._all(children, obj["metadata"]["namespace"]), now)

    def _all(self, resource: str, namespace: str | None = None) -> list[Object]:
        state = self._fake.storage[resource].current
        return [one.object for key, one in state.items() if namespace in {None, key[0]}]

    def _do(self, place: Place, uid: str, action: Action) -> None:
        try:
            match action:
                case Create(obj):
                    self._fake.create(obj)
                case Update(obj):
                    self._fake.replace(obj)
                case Delete(obj):
                    self._fake.delete(obj, grace_seconds=None)
                case Later(seconds, step):
                    self._wait(place, uid, seconds, step)
        except Refused:
            # As a controller would: what the server does not want now is decided anew later.
            self._fake.after(self._pace.retry_seconds, partial(self._mark, place))

    def _wait(self, place: Place, uid: str, seconds: float, step: str) -> None:
        waits = (uid, step)
        if waits in self._waiting:
            return
        self._waiting.add(waits)

        def due() -> None:
            self._waiting.discard(waits)
            revision = self._fake.storage[place[0]].current.get(place[1])
            if revision is not None and revision.object["metadata"]["uid"] == uid:
                self._look_at(place, step)

        self._fake.after(seconds, due)
