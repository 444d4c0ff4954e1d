"""How to delete: what a client may say of it, and what must hold before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.messages import Request
from trio_k8swatch.testing._http.request_body import sent_options
from trio_k8swatch.testing._http.statuses import Refused, bad_request, invalid_with
from trio_k8swatch.testing._http.write_options import dry_run_causes
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._schema import Undecodable, decoded
from trio_k8swatch.testing._storage.history import Revision

_KIND: Final = "DeleteOptions"
_POLICIES: Final = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. `grace_seconds` None: as the object says; `policy`: Background, Foreground or Orphan.

    `waits_for_dependents`: said so in the way of old, which is answered 202 where something waits.
    `announced`: a pod is marked as deleted before it goes, as for any client; tests may have it gone at once.
    """

    uid: str = ""
    resource_version: str = ""
    grace_seconds: int | None = None
    policy: str = "Background"
    dry_run: bool = False
    announced: bool = False
    waits_for_dependents: bool = False

    @classmethod
    def parse(cls, request: Request) -> DeleteOptions:
        """From the body, or from the query where there is none."""
        return cls.of(sent_options(request, _KIND) or _from_query(request))

    @classmethod
    def of(cls, sent: Object) -> DeleteOptions:
        """From an object of that kind. 400 for wrong types, 422 for values that the server does not know."""
        kind = sent.get("kind") or _KIND
        if kind != _KIND:
            raise bad_request(f'{kind} in version "v1" cannot be handled as a {_KIND}')
        try:
            body = decoded("meta.v1.DeleteOptions", sent).object
        except Undecodable as error:
            raise bad_request(f'{_KIND} in version "v1" cannot be handled as a {_KIND}: {error}') from None
        policy = body.get("propagationPolicy")
        found = dry_run_causes(body.get("dryRun") or [])
        if policy is not None and "orphanDependents" in body:
            text = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
            found.insert(0, {"reason": "FieldValueInvalid", "message": text, "field": "propagationPolicy"})
        if policy is not None and policy not in _POLICIES:
            text = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
            found.insert(0, {"reason": "FieldValueNotSupported", "message": text, "field": "propagationPolicy"})
        if found:
            raise invalid_with(_KIND, "meta.k8s.io", "", found)
        conditions = cast("Object", body.get("preconditions") or {})
        return cls(
            uid=conditions.get("uid") or "",
            resource_version=conditions.get("resourceVersion") or "",
            grace_seconds=body.get("gracePeriodSeconds"),
            policy="Orphan" if body.get("orphanDependents") else policy or "Background",
            dry_run=bool(body.get("dryRun")),
            announced=True,
            waits_for_dependents=body.get("orphanDependents") is False,
        )

    def check(self, kind: ResourceType, revision: Revision) -> None:
        """409 if a precondition does not hold."""
        metadata = revision.object["metadata"]
        uid, version = metadata["uid"], metadata["resourceVersion"]
        if self.uid and self.uid != uid:
            why = f"the UID in the precondition ({self.uid}) does not match the UID in record ({uid}). The object "
            raise _conflict(kind, metadata["name"], f"{why}might have been deleted and then recreated")
        if self.resource_version and self.resource_version != version:
            why = f"the ResourceVersion in the precondition ({self.resource_version}) does not match the "
            why += f"ResourceVersion in record ({version}). The object might have been modified"
            raise _conflict(kind, metadata["name"], why)


def _conflict(kind: ResourceType, name: str, why: str) -> Refused:
    """A conflict that names the kind instead of the resource."""
    subject = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details: Object = {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.kind}
    return Refused(409, "Conflict", f'Operation cannot be fulfilled on {subject} "{name}": {why}', details=details)


def _from_query(request: Request) -> Object:
    result: Object = {}
    grace = request.parameter("gracePeriodSeconds")
    if grace:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", grace):
            raise bad_request(f'strconv.ParseInt: parsing "{grace}": invalid syntax')
        result["gracePeriodSeconds"] = int(grace)
    if request.parameter("propagationPolicy"):
        result["propagationPolicy"] = request.parameter("propagationPolicy")
    if request.parameter("orphanDependents"):
        result["orphanDependents"] = request.flag("orphanDependents")
    dry_run = [value for name, value in request.query if name == "dryRun" and value]
    return {**result, **({"dryRun": dry_run} if dry_run else {})}
