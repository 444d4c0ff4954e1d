"""What the controller of deployments decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing.builders import owner_reference

from .actions import Action, Create, Delete, Update
from .deployment_status import status_actions
from .objects import controlled_by, hash_of, name_of, part, terminating
from .rollout import Limits, Size, next_sizes

REVISION: Final = "deployment.kubernetes.io/revision"
HASH_LABEL: Final = "pod-template-hash"
DEFAULT_HISTORY: Final = 10


def decide(deployment: Object, replica_sets: Sequence[Object], now: str) -> list[Action]:
    """One replica set for each template, the newest as large as wanted as soon as the strategy allows it."""
    if terminating(deployment):
        return []
    owned = [one for one in controlled_by(deployment, replica_sets) if not terminating(one)]
    wanted = _template_hash(deployment)
    new = next((one for one in owned if _template_hash(one) == wanted), None)
    old = sorted((one for one in owned if one is not new), key=revision_of)
    revision = max([0, *map(revision_of, old)]) + 1 if new is None or _outdated(new, old) else revision_of(new)
    actions = [] if deployment["spec"].get("paused") and new is None else _roll(deployment, new, old, revision)
    numbered = _numbered(deployment, revision if new is not None or actions else revision_of(deployment))
    actions += status_actions(deployment, numbered, new, old, now)
    return [*actions, *_forgotten(deployment, new, old)]


def revision_of(obj: Object) -> int:
    """The number of its rollout; 0 for none yet."""
    return int(part(obj["metadata"], "annotations").get(REVISION, 0))


def _roll(deployment: Object, new: Object | None, old: Sequence[Object], revision: int) -> list[Action]:
    limits = Limits.of(deployment["spec"])
    size = Size(0, 0) if new is None else _size(new)
    if part(deployment["spec"], "strategy").get("type") == "Recreate":
        gone = not any(one["spec"].get("replicas", 1) or part(one, "status").get("replicas") for one in old)
        target, rest = (limits.replicas if gone else size.wanted), [0] * len(old)
        if new is None and not gone:
            return _scaled(old, rest)
    elif deployment["spec"].get("paused"):
        target, rest = (size.wanted if any(map(_wants, old)) else limits.replicas), [_wants(one) for one in old]
    else:
        target, rest = next_sizes(limits, size, [_size(one) for one in old])
    if new is None:
        return [Create(_replica_set(deployment, target, revision)), *_scaled(old, rest)]
    return [*_scaled([_numbered(new, revision)], [target], before=[new]), *_scaled(old, rest)]


def _scaled(sets: Sequence[Object], sizes: Sequence[int], before: Sequence[Object] | None = None) -> list[Action]:
    changed = [
        {**one, "spec": {**one["spec"], "replicas": size}} if size != _wants(one) else one
        for one, size in zip(sets, sizes, strict=True)
    ]
    return [Update(one) for one, was in zip(changed, before or sets, strict=True) if one != was]


def _replica_set(deployment: Object, replicas: int, revision: int) -> Object:
    template, digest = deployment["spec"]["template"], _template_hash(deployment)
    head = part(template, "metadata")
    labels = {**part(head, "labels"), HASH_LABEL: digest}
    selector = deployment["spec"]["selector"]
    chosen = {**selector, "matchLabels": {**part(selector, "matchLabels"), HASH_LABEL: digest}}
    seconds = deployment["spec"].get("minReadySeconds")
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name_of(deployment)}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {**_kept_annotations(deployment), REVISION: str(revision)},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            **({"minReadySeconds": seconds} if seconds else {}),
            "selector": chosen,
            "template": {**template, "metadata": {**head, "labels": labels}},
        },
    }


def _kept_annotations(deployment: Object) -> Object:
    """Those of a deployment tell of its replica set too, but for what kubectl applied."""
    unwanted = {REVISION, "kubectl.kubernetes.io/last-applied-configuration"}
    known = part(deployment["metadata"], "annotations")
    return {key: value for key, value in known.items() if key not in unwanted}


def _forgotten(deployment: Object, new: Object | None, old: Sequence[Object]) -> list[Action]:
    """Old replica sets, beyond so many, of which nothing is left."""
    limit = deployment["spec"].get("revisionHistoryLimit", DEFAULT_HISTORY)
    if new is None or any(map(_wants, old)):
        return []
    empty = [one for one in old if not part(one, "status").get("replicas")]
    return [Delete(one) for one in empty[: max(0, len(old) - limit)]]


def _numbered(obj: Object, revision: int) -> Object:
    if not revision or revision_of(obj) == revision:
        return obj
    annotations = {**part(obj["metadata"], "annotations"), REVISION: str(revision)}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _outdated(new: Object, old: Sequence[Object]) -> bool:
    """A template that is wanted again, after others: its replica set takes the next number."""
    return any(revision_of(one) > revision_of(new) for one in old)


def _template_hash(obj: Object) -> str:
    template = obj["spec"]["template"]
    head = part(template, "metadata")
    labels = {key: value for key, value in part(head, "labels").items() if key != HASH_LABEL}
    return hash_of({**template, "metadata": {**head, "labels": labels}})


def _wants(replica_set: Object) -> int:
    wanted: int = replica_set["spec"].get("replicas", 1)
    return wanted


def _size(replica_set: Object) -> Size:
    return Size(_wants(replica_set), part(replica_set, "status").get("availableReplicas", 0))
