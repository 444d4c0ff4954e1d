"""What the controller of jobs decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trio_k8swatch.testing._json import Object

from .actions import Action, Create, Delete, Later, with_status
from .objects import condition, controlled_by, name_of, part, phase, pod_from, ready, seconds_between, terminating

INDEX: Final = "batch.kubernetes.io/job-completion-index"
DEFAULT_BACKOFF_LIMIT: Final = 6


def decide(job: Object, pods: Sequence[Object], now: str) -> list[Action]:
    """Pods until enough have succeeded or too many have failed, the status, and in the end the job's own removal."""
    if terminating(job):
        return []
    if condition(job, "Complete") or condition(job, "Failed"):
        return _remove(job, now)
    owned = controlled_by(job, pods)
    active = [one for one in owned if phase(one) in {"Pending", "Running"} and not terminating(one)]
    succeeded = [one for one in owned if phase(one) == "Succeeded"]
    failed = [one for one in owned if phase(one) == "Failed"]
    status = _status(job, active, succeeded, failed, now)
    if "conditions" in status:
        ended = any(one["type"] in {"Complete", "Failed"} for one in status["conditions"])
        return [*(Delete(one) for one in active), *with_status(job, {**status, **({"active": 0} if ended else {})})]
    return [*_missing(job, active, succeeded), *with_status(job, status)]


def _missing(job: Object, active: Sequence[Object], succeeded: Sequence[Object]) -> list[Action]:
    spec = job["spec"]
    completions = spec.get("completions")
    wanted = spec.get("parallelism", 1)
    if completions is not None:
        wanted = min(wanted, completions - len(succeeded))
    elif succeeded:
        # A work queue: once one has succeeded, the others finish and no new ones come.
        wanted = 0
    count = max(0, wanted - len(active))
    surplus = [Delete(one) for one in active[: max(0, len(active) - wanted)]] if completions is not None else []
    if spec.get("completionMode") != "Indexed":
        return [*surplus, *(Create(_pod(job, "")) for _ in range(count))]
    taken = {_index(one) for one in [*active, *succeeded]}
    free = [str(index) for index in range(completions or 0) if str(index) not in taken]
    return [*surplus, *(Create(_pod(job, index)) for index in free[:count])]


def _pod(job: Object, index: str) -> Object:
    template, name = job["spec"]["template"], name_of(job)
    head = part(template, "metadata")
    uid = job["metadata"]["uid"]
    labels = {
        **part(head, "labels"),
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    if not index:
        return pod_from(template, job, generateName=f"{name}-", labels=labels)
    labels[INDEX] = index
    annotations = {**part(head, "annotations"), INDEX: index}
    return pod_from(template, job, generateName=f"{name}-{index}-", labels=labels, annotations=annotations)


def _index(pod: Object) -> str:
    value: str = part(pod["metadata"], "annotations").get(INDEX, "")
    return value


def _status(
    job: Object, active: Sequence[Object], succeeded: Sequence[Object], failed: Sequence[Object], now: str
) -> Object:
    spec, known = job["spec"], part(job, "status")
    status: Object = {
        "startTime": None if spec.get("suspend") else known.get("startTime") or now,
        "active": len(active),
        "ready": sum(1 for one in active if ready(one)),
        "succeeded": len(succeeded),
        "failed": len(failed),
    }
    completions = spec.get("completions")
    if spec.get("suspend"):
        return {**status, "conditions": [_condition("Suspended", now, job, reason="JobSuspended")]}
    if len(failed) > spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT):
        why = "BackoffLimitExceeded"
        ends = [_condition(kind, now, job, reason=why) for kind in ("FailureTarget", "Failed")]
        return {**status, "conditions": ends}
    if len(succeeded) >= completions if completions is not None else succeeded and not active:
        why = "CompletionsReached"
        ends = [_condition(kind, now, job, reason=why) for kind in ("SuccessCriteriaMet", "Complete")]
        return {**status, "completionTime": now, "conditions": ends}
    return status


def _condition(kind: str, now: str, job: Object, *, reason: str) -> Object:
    known = condition(job, kind)
    made = {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": reason}
    return known or made


def _remove(job: Object, now: str) -> list[Action]:
    """A finished job that says how long it wants to be kept."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None:
        return []
    end = condition(job, "Complete") or condition(job, "Failed")
    assert end is not None
    rest = seconds - seconds_between(end["lastTransitionTime"], now)
    return [Later(rest, "remove")] if rest > 0 else [Delete(job)]
