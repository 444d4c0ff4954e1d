"""Which resources this server serves, and how each is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from trio_k8swatch.testing._json import Object

from .builtin_types import BUILTIN, KEPT_AS, REVIEW_GROUPS, Row

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a Table beyond name and age, for custom resources: where its value is found."""

    name: str
    type: str
    json_path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource in one version: a collection of objects under a path."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    custom: bool = False
    warning: str = ""
    columns: tuple[Column, ...] = ()
    selectable_fields: tuple[str, ...] = ()
    scale_paths: tuple[str, str, str] = ("spec.replicas", "status.replicas", "")
    schema: Object | None = field(default=None, compare=False, repr=False)

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`: as error messages and rules call it. The same for all versions."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage_name(self) -> str:
        """The name of the collection that keeps its objects: that of another resource where this one is a face of it."""
        return self.qualified if self.custom else KEPT_AS.get(self.qualified, self.qualified)

    @property
    def list_kind(self) -> str:
        """`PodList`."""
        return f"{self.kind}List"

    @property
    def verbs(self) -> tuple[str, ...]:
        """What may be done with it; namespaces cannot be deleted as a collection."""
        if self.is_review:
            return ("create",)
        if self.qualified == "namespaces":
            return tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
        return ALL_VERBS

    @property
    def is_review(self) -> bool:
        """Whether creating one asks a question."""
        return self.group in REVIEW_GROUPS

    def path(self, namespace: str = "", name: str = "") -> str:
        """`/api/v1/namespaces/NAMESPACE/pods/NAME`; without a namespace the path over all of them."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{middle}/{self.plural}" + (f"/{name}" if name else "")


# Subresources that are of another kind: group, version, kind, verbs.
_OTHER_KINDS: Final[dict[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "binding": ("", "", "Binding", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
}


def subresource_of(kind: ResourceType, name: str) -> tuple[str, str, str, tuple[str, ...]]:
    """Group, version, kind and verbs of a subresource."""
    return _OTHER_KINDS.get(name) or (kind.group, kind.version, kind.kind, ("get", "patch", "update"))


class Registry:
    """All that is served at this moment, in the order it was added: the order of discovery."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str, str], ResourceType] = {}
        for group, version, rows in BUILTIN:
            for row in rows:
                self.add(_from_row(group, version, row))

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(self._types.values())

    def add(self, kind: ResourceType) -> None:
        """Serve it, instead of what was served in its place."""
        self._types[kind.group, kind.version, kind.plural] = kind

    def remove(self, group: str, plural: str) -> None:
        """Serve it no more, in any version."""
        for key in [key for key in self._types if key[0] == group and key[2] == plural]:
            del self._types[key]

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """By the parts of a path."""
        return self._types.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> ResourceType | None:
        """By the first two fields of an object."""
        return next((one for one in self if one.kind == kind and one.api_version == api_version), None)

    def by_qualified(self, name: str) -> ResourceType | None:
        """By plural and group, in the version that was added first."""
        return next((one for one in self if one.qualified == name), None)

    def newest(self) -> list[ResourceType]:
        """Each resource once, in the version that was added first."""
        return list({one.qualified: one for one in reversed(list(self))}.values())[::-1]

    def by_name(self, name: str) -> ResourceType | None:
        """By plural, `plural.group`, singular, short name or kind; the first that fits."""
        wanted = name.lower()
        for one in self:
            if wanted in {one.plural, one.qualified, one.singular, one.kind.lower(), *one.short_names}:
                return one
        return None

    def versions(self, group: str) -> list[str]:
        """Versions of a group, in the order they were added; empty if there is no such group."""
        return list(dict.fromkeys(one.version for one in self if one.group == group))

    def groups(self) -> list[str]:
        """All groups but the core."""
        return list(dict.fromkeys(one.group for one in self if one.group))


def _from_row(group: str, version: str, row: Row) -> ResourceType:
    plural, kind, scope, short, categories, subresources, *rest = row
    return ResourceType(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced=scope == "Namespaced",
        singular=kind.lower(),
        short_names=tuple(short.split()),
        categories=tuple(categories.split()),
        subresources=tuple(subresources.split()),
        warning=rest[0] if rest else "",
    )
