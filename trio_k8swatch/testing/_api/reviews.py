"""Questions that are asked by creating an object, which is answered and not stored: who am I, may I."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._http.statuses import Refused, not_imitated
from trio_k8swatch.testing._json import Object, part

from .resource_types import ResourceType

USER: Final[Object] = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
_ALL_RULES: Final[Object] = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}
# Whose answer does not depend on what is asked, and what stands for it where nobody can read it.
UNREAD_REVIEWS: Final[dict[str, Object]] = {
    "selfsubjectreviews": {},
    "selfsubjectaccessreviews": {"spec": {"resourceAttributes": {}}},
}


def answered(kind: ResourceType, review: Object, now: str) -> Object:
    """The review with its status. Whoever asks here may do everything; of others nothing is known."""
    match kind.plural:
        case "selfsubjectaccessreviews":
            spec = part(review, "spec")
            if ("resourceAttributes" in spec) == ("nonResourceAttributes" in spec):
                raise _needs_one(kind, both="resourceAttributes" in spec)
            status: Object = {"allowed": True}
        case "selfsubjectrulesreviews":
            if not part(review, "spec").get("namespace"):
                raise Refused(400, "BadRequest", "no namespace on request")
            status = _ALL_RULES
        case "selfsubjectreviews":
            review["metadata"]["creationTimestamp"] = now
            status = {"userInfo": USER}
        case _:
            raise not_imitated(f"{kind.qualified}: it knows no users and no roles")
    return {**review, "status": status}


def _needs_one(kind: ResourceType, *, both: bool) -> Refused:
    why = "cannot be specified in combination with resourceAttributes" if both else ""
    message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
    field = "spec.nonResourceAttributes" if both else "spec.resourceAttributes"
    text = f"Invalid value: null: {why or message}"
    details: Object = {"group": kind.group, "kind": kind.kind}
    details["causes"] = [{"reason": "FieldValueInvalid", "message": text, "field": field}]
    return Refused(422, "Invalid", f'{kind.kind}.{kind.group} "" is invalid: {field}: {text}', details=details)
