"""What the server makes of an object before it stores it: names, the fields it owns, defaults, and checks."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import Any, Final, cast

from trio_k8swatch.testing._api.faces import checked
from trio_k8swatch.testing._api.resource_types import ResourceType
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._http.statuses import Refused, bad_request
from trio_k8swatch.testing._json import Object, copied, is_object
from trio_k8swatch.testing._rules.causes import Causes
from trio_k8swatch.testing._rules.custom_schema import check_scale, check_schema, completed, pruned
from trio_k8swatch.testing._rules.immutable import check_immutable
from trio_k8swatch.testing._rules.kind_rules import check_kind
from trio_k8swatch.testing._rules.metadata_rules import (
    check_finalizers_of_deleted,
    check_metadata_rules,
    check_object_name,
)
from trio_k8swatch.testing._schema import defaulted, filled, type_of
from trio_k8swatch.testing._storage.history import Storage

from .strategies import convert, prepare

# No vowels and nothing that looks like another character: generated names spell no words.
_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_STEM: Final = 58
_COUNTED: Final = frozenset(
    {"pods", "podtemplates", "replicationcontrollers", "endpointslices", "customresourcedefinitions", "ingresses"}
    | {"networkpolicies", "ingressclasses", "priorityclasses"}
    | {"daemonsets", "deployments", "replicasets", "statefulsets", "jobs", "cronjobs", "poddisruptionbudgets"}
)


class Admission:
    """Turns what a client sent into what is stored."""

    def __init__(self, clock: Clock, rng: random.Random, storage: Storage) -> None:
        self._clock = clock
        self._rng = rng
        self._storage = storage

    def new(self, kind: ResourceType, namespace: str, obj: Object, *, free: bool, dry_run: bool = False) -> Object:
        """A copy of `obj` with what the server owns: name, namespace, uid, creationTimestamp, generation.

        Unless `free`, the status that came with it is dropped: it is not the client's to set.
        """
        obj = copied(obj)
        check_type(kind, obj)
        metadata = check_metadata(kind, namespace, obj)
        version = str(metadata.get("resourceVersion") or "")
        # Anything but a number is not looked at, and nothing where nothing is stored.
        if version.isdecimal() and int(version) and not dry_run:
            raise Refused(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(self._rng.choice(_SUFFIX_ALPHABET) for _ in range(5))
            metadata["name"] = metadata["generateName"][:_LONGEST_STEM] + suffix
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(field, None)
        if not free:
            metadata.pop("managedFields", None)
        metadata["uid"] = self.uid()
        metadata["creationTimestamp"] = self._clock.timestamp()
        if counts_generations(kind):
            metadata["generation"] = 1
        if not free and "status" in kind.subresources:
            obj.pop("status", None)
        if free:
            self._check_free_name(kind, metadata)
            _set_defaults(kind, obj)
        return obj

    def defaulted(self, kind: ResourceType, obj: Object, *, nulls: bool = False) -> Object:
        """With defaults, and with what the server always writes; `nulls`: what is null in a custom object stays."""
        if kind.custom:
            return _with_sent_replicas(kind, obj, completed(kind, copied(obj), nulls=nulls))
        name = type_of(kind.api_version, kind.kind)
        # Once more what is written although nobody said it: an empty status.
        obj = obj if name is None else defaulted(name, filled(name, obj))
        convert(kind, obj)
        return obj

    def prepare(self, kind: ResourceType, obj: Object, old: Object | None) -> None:
        """Change `obj` as the kind's own strategy and the admission plugins do."""
        prepare(kind, obj, self._storage, old)

    def check(self, kind: ResourceType, obj: Object, old: Object | None, moved: Sequence[Object] = ()) -> None:
        """422 with everything that is wrong, and was not wrong already in `old`; `moved` is known to be wrong."""
        causes = self._causes(kind, obj, named=old is None)
        if old is not None:
            known = self._causes(kind, old, named=False).found
            causes.found = [*moved, *(cause for cause in causes.found if cause not in known)]
            check_immutable(kind, old, obj, causes)
            check_finalizers_of_deleted(old["metadata"], obj["metadata"], causes)
        causes.check(kind, obj["metadata"].get("name") or "")

    def free_shape(self, kind: ResourceType, obj: Object) -> Object:
        """What a test puts there: only custom objects are brought into the shape of their schema."""
        if kind.schema is None:
            return obj
        shaped = completed(kind, pruned(kind, obj)[0])
        causes = Causes()
        check_schema(kind, shaped, causes)
        causes.check(kind, shaped["metadata"].get("name") or "")
        return shaped

    def uid(self) -> str:
        """A random UUID out of the seeded source."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _causes(self, kind: ResourceType, obj: Object, *, named: bool) -> Causes:
        causes = Causes()
        kind, obj = checked(kind, obj)
        check_metadata_rules(kind, obj["metadata"], causes, named=named)
        if kind.custom:
            check_schema(kind, obj, causes)
            check_scale(kind, obj, causes)
        else:
            check_kind(kind, obj, causes)
        return causes

    def _check_free_name(self, kind: ResourceType, metadata: Object) -> None:
        causes = Causes()
        check_object_name(kind, metadata, causes)
        causes.check(kind, metadata.get("name") or "")


def _with_sent_replicas(kind: ResourceType, sent: Object, made: Object) -> Object:
    """Replicas with a fraction of zero are whole numbers to all but the scale, which refuses them."""
    *parents, last = kind.scale_paths[0].split(".")
    before: Any = sent
    after: Any = made
    for name in parents:
        before, after = (one.get(name) if is_object(one) else None for one in (before, after))
    if "scale" in kind.subresources and is_object(before) and is_object(after) and isinstance(before.get(last), float):
        after[last] = before[last]
    return made


def _set_defaults(kind: ResourceType, obj: Object) -> None:
    """For what tests put there: the few defaults without which clients would misread an object."""
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
    sent_version, sent_kind = obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind
    obj["apiVersion"], obj["kind"] = sent_version, sent_kind
    if not isinstance(sent_version, str) or not isinstance(sent_kind, str):
        raise bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type string"
        )
    if sent_version != kind.api_version:
        wanted = f"the expected API version ({kind.api_version})"
        raise bad_request(f"the API version in the data ({sent_version}) does not match {wanted}")
    if sent_kind != kind.kind:
        raise bad_request(_cannot_be_handled(kind, sent_kind))


def _cannot_be_handled(kind: ResourceType, sent_kind: str) -> str:
    what = f'{sent_kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
    if kind.custom:
        return what
    if type_of(kind.api_version, sent_kind) is None:
        scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
        return f'{what}: no kind "{sent_kind}" is registered for version "{kind.api_version}" in scheme "{scheme}"'
    internal = kind.group.partition(".")[0] or "core"
    return f"{what}: converting (v1.{sent_kind}) to ({internal}.{kind.kind}): unknown conversion"


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


def counts_generations(kind: ResourceType) -> bool:
    """Whether `metadata.generation` grows with each change of the spec."""
    return kind.custom or kind.plural in _COUNTED
