"""What becomes of a patch that changes what an object is: its kind and its apiVersion."""

from __future__ import annotations

from typing import Any, Final

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._http.request_body import STRATEGIC_PATCH
from trio_k8swatch.testing._http.request_info import Target
from trio_k8swatch.testing._http.statuses import Refused, bad_request, invalid
from trio_k8swatch.testing._json import Object
from trio_k8swatch.testing._schema import type_of

from .unusable_patch import patched_text, unusable

_SCHEME: Final = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"


def check_patched_type(target: Target, media: str, patched: Object, patch: Any) -> None:
    """Refuse another kind or version, as it is refused for that kind of patch and of object."""
    kind = target.kind
    if (patched.get("apiVersion"), patched.get("kind")) == (kind.api_version, kind.kind):
        return
    if media == STRATEGIC_PATCH:
        _put_back(kind, patched)
    elif kind.custom:
        _check_custom(target, patched, patch)
    else:
        _check_built_in(target, patched, patch)


def _put_back(kind: ResourceType, patched: Object) -> None:
    """Strategic patches are made of typed objects, which are what they are."""
    for name, value in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if patched.get(name) is None or isinstance(patched[name], str):
            patched[name] = value


def _check_built_in(target: Target, patched: Object, patch: Any) -> None:
    kind, sent_kind, sent_version = target.kind, patched.get("kind"), patched.get("apiVersion")
    if sent_version is None or sent_version == "":
        # Without a version it is read as the server's own form, of which it has no fields.
        why = f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        raise bad_request(why)
    if not isinstance(sent_version, str) or not isinstance(sent_kind, str | None):
        # That is not even read, and said where fields are.
        return
    if not sent_kind:
        patched["kind"] = kind.kind
        return
    if type_of(sent_version, sent_kind) is None:
        what = f'no kind "{sent_kind}" is registered for version "{sent_version}" in scheme "{_SCHEME}"'
    else:
        internal = kind.group.partition(".")[0] or "core"
        what = f"converting (v1.{sent_kind}) to ({internal}.{kind.kind}): unknown conversion"
    raise unusable(patched_text(patched, patch), what)


def _check_custom(target: Target, patched: Object, patch: Any) -> None:
    kind, sent_kind, sent_version = target.kind, patched.get("kind"), patched.get("apiVersion")
    if not sent_kind or not isinstance(sent_kind, str) or not isinstance(sent_version, str | None):
        raise unusable(patched_text(patched, patch), "Object 'Kind' is missing in the patched object")
    if not sent_version:
        why = "Internal error occurred: Object 'apiVersion' is missing in 'object has no apiVersion field'"
        raise Refused(500, "InternalError", why, details={"causes": [{"message": why.partition(": ")[2]}]})
    field, value, wanted = "kind", sent_kind, kind.kind
    if sent_version != kind.api_version:
        field, value, wanted = "apiVersion", sent_version, kind.api_version
    group = sent_version.rpartition("/")[0]
    why = f'Invalid value: "{value}": must be {wanted}'
    raise invalid(sent_kind, group, target.name, field=field, cause="FieldValueInvalid", message=why)
