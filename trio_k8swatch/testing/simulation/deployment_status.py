"""A deployment's status: its numbers, whether it is available, and whether its rollout goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trio_k8swatch.testing._json import Object

from .actions import Action, Later, Update
from .objects import condition, name_of, part, seconds_between
from .rollout import Limits

DEFAULT_DEADLINE_SECONDS: Final = 600
_COUNTS: Final = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def status_actions(
    before: Object, deployment: Object, new: Object | None, old: Sequence[Object], now: str
) -> list[Action]:
    """Write the deployment with its status if that, or the deployment itself, is another than `before`.

    A rollout that does not go on is looked at again when its deadline has passed.
    """
    counts = _counts(deployment, new, old)
    progressing = _progressing(deployment, new, counts, now)
    conditions = [_available(deployment, counts, now), *([progressing] if progressing else [])]
    status = {
        **{key: value for key, value in counts.items() if value},
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "conditions": conditions,
    }
    changed = {**deployment, "status": status}
    actions: list[Action] = [] if changed == before else [Update(changed)]
    if progressing and progressing["status"] == "True" and progressing["reason"] != "NewReplicaSetAvailable":
        rest = _deadline(deployment) - seconds_between(progressing["lastUpdateTime"], now)
        # Timestamps are whole seconds: one more, so that it has passed then.
        actions.append(Later(max(0.0, rest) + 1, f"deadline {progressing['lastUpdateTime']} {_deadline(deployment)}"))
    return actions


def _counts(deployment: Object, new: Object | None, old: Sequence[Object]) -> Object:
    everything = [part(one, "status") for one in ([new] if new else []) + list(old)]
    counts: Object = {key: sum(one.get(key, 0) for one in everything) for key in _COUNTS}
    counts["updatedReplicas"] = part(new, "status").get("replicas", 0) if new else 0
    total = max(counts["replicas"], deployment["spec"].get("replicas", 1))
    return {**counts, "unavailableReplicas": max(0, total - counts["availableReplicas"])}


def _available(deployment: Object, counts: Object, now: str) -> Object:
    limits = Limits.of(deployment["spec"])
    enough = counts["availableReplicas"] >= limits.replicas - limits.unavailable
    state = "True" if enough else "False"
    which = "Available" if enough else "Unavailable"
    message = f"Deployment {'has' if enough else 'does not have'} minimum availability."
    return _condition(deployment, "Available", state, f"MinimumReplicas{which}", message, now)


def _progressing(deployment: Object, new: Object | None, counts: Object, now: str) -> Object | None:
    known = condition(deployment, "Progressing")
    if new is None:
        return known
    name = name_of(new)
    wanted = deployment["spec"].get("replicas", 1)
    about = f'ReplicaSet "{name}"'
    if all(counts[key] == wanted for key in ("replicas", "updatedReplicas", "availableReplicas")):
        message = f"{about} has successfully progressed."
        return _condition(deployment, "Progressing", "True", "NewReplicaSetAvailable", message, now)
    same = known is not None and about in known["message"]
    if known and same and known["reason"] == "NewReplicaSetAvailable":
        # That its pods come and go afterwards does not make it a rollout again.
        return known
    before = part(deployment, "status")
    moved = any(counts[key] != before.get(key, 0) for key in _COUNTS)
    if known and same and not moved:
        if seconds_between(known["lastUpdateTime"], now) > _deadline(deployment):
            message = f"{about} has timed out progressing."
            return _condition(deployment, "Progressing", "False", "ProgressDeadlineExceeded", message, now)
        return known
    moving = {"type": "Progressing", "status": "True", "lastUpdateTime": now, "lastTransitionTime": now}
    if known and known["status"] == "True":
        moving["lastTransitionTime"] = known["lastTransitionTime"]
    return {**moving, "reason": "ReplicaSetUpdated", "message": f"{about} is progressing."}


def _condition(  # noqa: PLR0917 - the fields of a condition, in their order
    deployment: Object, kind: str, state: str, reason: str, message: str, now: str
) -> Object:
    """The condition that is known, if it says the same."""
    known = condition(deployment, kind)
    if known and (known["status"], known["reason"], known["message"]) == (state, reason, message):
        return known
    since = known["lastTransitionTime"] if known and known["status"] == state else now
    return {
        "type": kind,
        "status": state,
        "lastUpdateTime": now,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }


def _deadline(deployment: Object) -> int:
    seconds: int = deployment["spec"].get("progressDeadlineSeconds", DEFAULT_DEADLINE_SECONDS)
    return seconds
