"""What the server makes of an object before it stores it: checks, names, and the fields it owns."""

from __future__ import annotations

import random
import re
import uuid
from typing import cast

from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.statuses import Refused, bad_request, invalid
from trio_k8swatch.testing._json import Object, copied

from .custom_schema import shaped

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
# No vowels and nothing that looks like another character: generated names spell no words.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
# Names with path-like characters, which role-based access control has always allowed.
_LOOSE_NAMES = frozenset({"clusterroles", "clusterrolebindings", "roles", "rolebindings"})
_COUNTED = frozenset(
    {"pods", "replicationcontrollers", "endpointslices", "customresourcedefinitions", "ingresses", "networkpolicies"}
)
_COUNTED_GROUPS = frozenset({"apps", "batch", "policy", "autoscaling"})


class Admission:
    """Turns what a client sent into what is stored."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng

    def new(self, kind: ResourceType, namespace: str, obj: Object, *, free: bool) -> Object:
        """A copy of `obj` ready to be stored for the first time: name, namespace, uid, creationTimestamp, generation.

        Unless `free`, the status that came with it is dropped: it is not the client's to set.
        """
        obj = copied(obj)
        check_type(kind, obj)
        metadata = check_metadata(kind, namespace, obj)
        if metadata.get("resourceVersion"):
            raise Refused(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(self._rng.choice(_SUFFIX_ALPHABET) for _ in range(5))
            metadata["name"] = metadata["generateName"] + suffix
        check_name(kind, metadata.get("name", ""))
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            metadata.pop(field, None)
        metadata["uid"] = self.uid()
        metadata["creationTimestamp"] = self._clock.timestamp()
        if counts_generations(kind):
            metadata["generation"] = 1
        if not free and "status" in kind.subresources:
            obj.pop("status", None)
        _set_defaults(kind, obj)
        return obj

    def shaped(self, kind: ResourceType, obj: Object) -> Object:
        """Bring a custom object into the shape of its schema; 422 where it does not fit."""
        return shaped(kind, obj) if kind.schema is not None else obj

    def uid(self) -> str:
        """A random UUID out of the seeded source."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _set_defaults(kind: ResourceType, obj: Object) -> None:
    """The few defaults without which clients would misread an object; a real server has hundreds."""
    match kind.qualified:
        case "namespaces":
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
            obj.setdefault("spec", {"finalizers": ["kubernetes"]})
            obj.setdefault("status", {"phase": "Active"})
        case "pods":
            obj.setdefault("status", {}).setdefault("phase", "Pending")
            obj["status"].setdefault("qosClass", "BestEffort")
        case "deployments.apps" | "replicasets.apps" | "statefulsets.apps":
            obj.setdefault("spec", {}).setdefault("replicas", 1)
        case _:
            pass


def check_type(kind: ResourceType, obj: Object) -> None:
    """Fill in kind and apiVersion, or refuse those that do not fit the path."""
    sent_version, sent_kind = obj.setdefault("apiVersion", kind.api_version), obj.setdefault("kind", kind.kind)
    if sent_version != kind.api_version:
        wanted = f"the expected API version ({kind.api_version})"
        raise bad_request(f"the API version in the data ({sent_version}) does not match {wanted}")
    if sent_kind != kind.kind:
        raise bad_request(f'{sent_kind} in version "{kind.version}" cannot be handled as a {kind.kind}')


def check_metadata(kind: ResourceType, namespace: str, obj: Object) -> Object:
    """The object's metadata, with the namespace of the path; 400 if it names another."""
    sent: object = obj.setdefault("metadata", {})
    if not isinstance(sent, dict):
        raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled: metadata is no object')
    metadata = cast("Object", sent)
    if not kind.namespaced:
        metadata.pop("namespace", None)
        return metadata
    if metadata.get("namespace") not in {None, "", namespace}:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    metadata["namespace"] = namespace
    return metadata


def check_name(kind: ResourceType, name: str) -> None:
    """Refuse a name that is missing or no DNS subdomain."""
    if not name:
        message = "Required value: name or generateName is required"
        raise invalid(kind.kind, kind.group, name, field="metadata.name", cause="FieldValueRequired", message=message)
    if kind.plural not in _LOOSE_NAMES and (len(name) > 253 or not _NAME.fullmatch(name)):
        message = f'Invalid value: "{name}": {_NAME_RULE}'
        raise invalid(kind.kind, kind.group, name, field="metadata.name", cause="FieldValueInvalid", message=message)


def counts_generations(kind: ResourceType) -> bool:
    """Whether `metadata.generation` grows with each change of the spec."""
    return kind.custom or kind.plural in _COUNTED or kind.group in _COUNTED_GROUPS
