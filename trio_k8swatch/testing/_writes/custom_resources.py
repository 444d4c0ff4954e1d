"""CustomResourceDefinitions: posting one makes a resource, deleting it takes the resource away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from trio_k8swatch.testing._api.resource_types import Column, Registry, ResourceType
from trio_k8swatch.testing._json import Object, copied, part
from trio_k8swatch.testing._storage.history import Revision
from trio_k8swatch.testing._timers import Agenda

from .managed_fields import Origin, track
from .write_rules import Writer

QUALIFIED: Final = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"


class CustomResources:
    """Keeps the registry in step with the definitions that are stored.

    `end_watches` is called with the qualified name of a resource that is no longer served.
    """

    def __init__(
        self,
        writer: Writer,
        registry: Registry,
        agenda: Agenda,
        *,
        seconds: float,
        end_watches: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._registry = registry
        self._agenda = agenda
        self._seconds = seconds
        self._end_watches = end_watches
        writer.after_put.append(self._defined)
        writer.after_drop.append(self._undefined)

    def unserve(self, group: str, plural: str) -> None:
        """Delete all objects of a resource, tell those who watch it, and serve it no more."""
        qualified = f"{plural}.{group}"
        kind = self._registry.by_qualified(qualified)
        if kind is None:
            return
        for key in sorted(self._writer.storage[qualified].current):
            self._writer.drop(kind, key)
        self._registry.remove(group, plural)
        self._end_watches(qualified)

    def _defined(self, kind: ResourceType, revision: Revision) -> None:
        if kind.qualified != QUALIFIED or "deletionTimestamp" in revision.object["metadata"]:
            return
        if _is_established(revision.object):
            self._serve(revision.object)
        else:
            uid = revision.object["metadata"]["uid"]
            name = revision.object["metadata"]["name"]
            self._agenda.after(self._seconds, lambda: self._establish(kind, name, uid))
            self._agenda.catch_up()

    def _establish(self, kind: ResourceType, name: str, uid: str) -> None:
        revision = self._writer.storage[QUALIFIED].current.get(("", name))
        if revision is None or revision.object["metadata"]["uid"] != uid:
            return
        obj = copied(revision.object)
        names = obj["spec"]["names"]
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
        now = self._writer.clock.timestamp()
        obj["status"] = {
            "conditions": [
                _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
                _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
            ],
            "acceptedNames": names,
            "storedVersions": [one["name"] for one in obj["spec"]["versions"] if one.get("storage")],
        }
        track(kind, revision.object, obj, Origin("kube-apiserver", now, subresource="status"))
        self._writer.put(kind, ("", name), obj)

    def _undefined(self, kind: ResourceType, revision: Revision) -> None:
        if kind.qualified == QUALIFIED:
            spec = revision.object["spec"]
            self.unserve(spec["group"], spec["names"]["plural"])

    def _serve(self, definition: Object) -> None:
        for made in resource_types(definition):
            self._registry.add(made)


def resource_types(definition: Object) -> list[ResourceType]:
    """What a CustomResourceDefinition makes: a resource for each version that is served, the storage version first."""
    spec, names = definition["spec"], definition["spec"]["names"]
    versions = cast("list[Object]", spec["versions"])
    served = sorted((one for one in versions if one.get("served", True)), key=lambda one: not one.get("storage"))
    return [
        ResourceType(
            group=spec["group"],
            version=one["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec.get("scope", "Namespaced") == "Namespaced",
            singular=names.get("singular") or names["kind"].lower(),
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(sorted(one.get("subresources") or ())),
            custom=True,
            warning=_warning(spec, one),
            columns=tuple(map(_column, one.get("additionalPrinterColumns") or ())),
            selectable_fields=tuple(field["jsonPath"].lstrip(".") for field in one.get("selectableFields") or ()),
            scale_paths=_scale_paths(part(part(one, "subresources"), "scale")),
            schema=cast("Object", one.get("schema") or {}).get("openAPIV3Schema") or {},
        )
        for one in served
    ]


def _scale_paths(scale: Object) -> tuple[str, str, str]:
    """Where the replicas that are wanted, those there are, and the selector stand."""
    names = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
    spec, status, selector = (str(scale.get(name) or "").lstrip(".") for name in names)
    return spec, status, selector


def _warning(spec: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    default = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return version.get("deprecationWarning") or default


def _column(column: Object) -> Column:
    return Column(
        name=column["name"],
        type=column["type"],
        json_path=column["jsonPath"],
        description=column.get("description", ""),
        format=column.get("format", ""),
        priority=column.get("priority", 0),
    )


def terminating(now: str) -> Object:
    """The condition of a definition that is being deleted."""
    message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
    return _condition("Terminating", "InstanceDeletionPending", message, now)


def _condition(kind: str, reason: str, message: str, now: str) -> Object:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def _is_established(definition: Object) -> bool:
    conditions = cast("list[Object]", cast("Object", definition.get("status") or {}).get("conditions") or [])
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
