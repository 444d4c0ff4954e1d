"""What must hold before an object is written: its namespace, its name, and which version it replaces."""

from __future__ import annotations

from typing import Final

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, conflict, invalid
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._storage.history import Key, Revision, Storage

# A PUT of these must say which version it replaces; so must that of any custom resource.
_ONLY_CONDITIONAL: Final = frozenset(
    {"poddisruptionbudgets.policy", "leases.coordination.k8s.io", "customresourcedefinitions.apiextensions.k8s.io"}
    | {f"{name}.storage.k8s.io" for name in ("csidrivers", "csinodes", "volumeattachments")}
)


def check_namespace(storage: Storage, kind: ResourceType, key: Key) -> None:
    """404 where the namespace of a new object does not exist, 403 where it is being terminated."""
    if not kind.namespaced:
        return
    namespace = storage["namespaces"].current.get(("", key[0]))
    if namespace is None:
        missing = {"name": key[0], "kind": "namespaces"}
        raise Refused(404, "NotFound", f'namespaces "{key[0]}" not found', details=missing)
    if "deletionTimestamp" in namespace.object["metadata"]:
        why = f"unable to create new content in namespace {key[0]} because it is being terminated"
        cause = {"reason": "NamespaceTerminating", "message": f"namespace {key[0]} is being terminated"}
        details: Object = {"name": key[1], **({"group": kind.group} if kind.group else {}), "kind": kind.plural}
        details["causes"] = [{**cause, "field": "metadata.namespace"}]
        raise Refused(
            403, "Forbidden", f'{kind.qualified} "{key[1]}" is forbidden: {why}', details=details, by_admission=True
        )


def check_unchanged(target: Target, old: Revision, metadata: Object, *, conditional: bool, uid: bool = True) -> None:
    """409 where the object is not the one, or not in the version, that `metadata` names.

    `conditional`: some kinds have to name a version. `uid`: whether the uid counts.
    """
    was, kind = old.object["metadata"], target.kind
    version = metadata.get("resourceVersion")
    if version in {None, "", "0"}:
        if conditional and (kind.custom or kind.qualified in _ONLY_CONDITIONAL):
            message = "Invalid value: 0: must be specified for an update"
            field = "metadata.resourceVersion"
            raise invalid(
                kind.plural,
                kind.group,
                target.name,
                field=field,
                cause="FieldValueInvalid",
                message=message,
                subject=kind.qualified,
            )
    elif version != was["resourceVersion"]:
        if not str(version).isdecimal() and was["resourceVersion"].isdecimal():
            raise Refused(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
        if str(version).isdecimal() and int(str(version)) >= 1 << 64:
            raise Refused(500, "", f'strconv.ParseUint: parsing "{version}": value out of range')
        raise conflict(kind, target.name)
    if uid and metadata.get("uid") not in {None, "", was["uid"]}:
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {was['uid']}"
        raise conflict(kind, target.name, why)


def check_same_name(target: Target, metadata: Object, *, required: bool = False) -> None:
    """400 where the object has another name than its path, or, if that is `required`, none."""
    if required and not metadata.get("name"):
        why = f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        raise bad_request(why)
    if (metadata.get("name") or target.name) != target.name:
        message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        raise bad_request(message)
    metadata["name"] = target.name
