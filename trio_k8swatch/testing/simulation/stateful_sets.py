"""What the controller of stateful sets decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trio_k8swatch.testing._json import Object

from .actions import Action, Create, Delete, with_status
from .objects import controlled_by, finished, hash_of, name_of, part, pod_from, ready, terminating

REVISION_LABEL: Final = "controller-revision-hash"


def decide(stateful_set: Object, pods: Sequence[Object], now: str) -> list[Action]:
    """Pods by number, one after the other unless they may come in parallel, updated from the last to the first."""
    del now
    if terminating(stateful_set):
        return []
    owned = {_ordinal(one): one for one in controlled_by(stateful_set, pods)}
    revision = f"{name_of(stateful_set)}-{hash_of(stateful_set['spec']['template'])}"
    actions: list[Action] = [Delete(one) for one in owned.values() if finished(one) and not terminating(one)]
    actions = [*actions, *(_scale(stateful_set, owned, revision) or _update(stateful_set, owned, revision))]
    return [*actions, *with_status(stateful_set, _status(stateful_set, list(owned.values()), revision))]


def _scale(stateful_set: Object, owned: dict[int, Object], revision: str) -> list[Action]:
    spec = stateful_set["spec"]
    first = part(spec, "ordinals").get("start", 0)
    wanted = range(first, first + spec.get("replicas", 1))
    parallel = spec.get("podManagementPolicy") == "Parallel"
    actions: list[Action] = []
    for ordinal in wanted:
        if ordinal not in owned:
            actions.append(Create(_pod(stateful_set, ordinal, revision)))
        # The next one waits for this one.
        if not parallel and (ordinal not in owned or not _settled(owned[ordinal])):
            return actions or [*_broken(owned[ordinal], revision)]
    surplus = [one for ordinal, one in sorted(owned.items(), reverse=True) if ordinal not in wanted]
    if surplus and not parallel:
        surplus = [] if any(terminating(one) for one in surplus) else surplus[:1]
    return [*actions, *(Delete(one) for one in surplus if not terminating(one))]


def _broken(pod: Object, revision: str) -> list[Action]:
    """A pod of an old revision that never became ready is in the way of its own repair."""
    old = part(pod["metadata"], "labels").get(REVISION_LABEL) != revision
    return [Delete(pod)] if old and not ready(pod) and not terminating(pod) else []


def _update(stateful_set: Object, owned: dict[int, Object], revision: str) -> list[Action]:
    strategy = part(stateful_set["spec"], "updateStrategy")
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return []
    partition = part(strategy, "rollingUpdate").get("partition") or 0
    for ordinal, pod in sorted(owned.items(), reverse=True):
        if ordinal < partition:
            return []
        if terminating(pod):
            return []
        if not _is_at(pod, revision):
            return [Delete(pod)]
        if not ready(pod):
            return []
    return []


def _pod(stateful_set: Object, ordinal: int, revision: str) -> Object:
    name = f"{name_of(stateful_set)}-{ordinal}"
    template = stateful_set["spec"]["template"]
    labels = {
        **part(template, "metadata", "labels"),
        REVISION_LABEL: revision,
        "apps.kubernetes.io/pod-index": str(ordinal),
        "statefulset.kubernetes.io/pod-name": name,
    }
    made = pod_from(template, stateful_set, name=name, labels=labels)
    subdomain = stateful_set["spec"].get("serviceName")
    made["spec"] = {**made["spec"], "hostname": name, **({"subdomain": subdomain} if subdomain else {})}
    return made


def _status(stateful_set: Object, owned: Sequence[Object], revision: str) -> Object:
    known: str = part(stateful_set, "status").get("currentRevision") or revision
    updated = [one for one in owned if _is_at(one, revision) and not terminating(one)]
    complete = len(updated) == len(owned) == stateful_set["spec"].get("replicas", 1) and all(map(ready, owned))
    current = revision if complete else known
    count = sum(1 for one in owned if ready(one) and not terminating(one))
    return {
        "observedGeneration": stateful_set["metadata"].get("generation", 0),
        "replicas": len(owned),
        "readyReplicas": count,
        "availableReplicas": count,
        "currentReplicas": sum(1 for one in owned if _is_at(one, current) and not terminating(one)),
        "updatedReplicas": len(updated),
        "currentRevision": current,
        "updateRevision": revision,
    }


def _settled(pod: Object) -> bool:
    return ready(pod) and not terminating(pod)


def _is_at(pod: Object, revision: str) -> bool:
    return bool(part(pod["metadata"], "labels").get(REVISION_LABEL) == revision)


def _ordinal(pod: Object) -> int:
    text = name_of(pod).rpartition("-")[2]
    return int(text) if text.isdecimal() else -1
