"""What the controller of replica sets decides."""

from __future__ import annotations

from collections.abc import Sequence

from trio_k8swatch.testing._json import Object

from .actions import Action, Create, Delete, Update, with_status
from .objects import (
    adopted,
    controlled_by,
    controller_of,
    finished,
    name_of,
    part,
    phase,
    pod_from,
    ready,
    selects,
    terminating,
)


def decide(replica_set: Object, pods: Sequence[Object], now: str) -> list[Action]:
    """As many pods as are wanted, and the status that says how many there are. `pods`: all of the namespace."""
    del now
    if terminating(replica_set):
        return []
    owned = controlled_by(replica_set, pods)
    orphans = [
        one
        for one in pods
        if controller_of(one) is None and not terminating(one) and selects(replica_set["spec"]["selector"], one)
    ]
    active = [one for one in [*owned, *orphans] if not terminating(one) and not finished(one)]
    actions: list[Action] = [Update(adopted(replica_set, one)) for one in orphans if not finished(one)]
    difference = replica_set["spec"].get("replicas", 1) - len(active)
    template = replica_set["spec"]["template"]
    prefix = f"{name_of(replica_set)}-"
    actions += [Create(pod_from(template, replica_set, generateName=prefix)) for _ in range(max(0, difference))]
    if difference < 0:
        actions += [Delete(one) for one in sorted(active, key=_worth)[:-difference]]
    return [*actions, *with_status(replica_set, _status(replica_set, active))]


def _worth(pod: Object) -> tuple[bool, bool, bool, str]:
    """Who goes first: pods without a node, then pending ones, then those not ready."""
    return bool(pod["spec"].get("nodeName")), phase(pod) == "Running", ready(pod), name_of(pod)


def _status(replica_set: Object, active: Sequence[Object]) -> Object:
    count = sum(1 for one in active if ready(one))
    labels = part(replica_set["spec"]["template"], "metadata", "labels")
    labelled = sum(1 for one in active if labels.items() <= part(one["metadata"], "labels").items())
    return {
        "replicas": len(active),
        "fullyLabeledReplicas": labelled,
        "readyReplicas": count,
        "availableReplicas": count,
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
