"""Schemas of kinds, from an OpenAPI v3 document or a CustomResourceDefinition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import msgspec

from trio_k8swatch._errors import ConfigError

__all__ = ["Kind", "Schema", "kind_in_crd", "kind_in_openapi"]

_REFERENCE: Final = "#/components/schemas/"

_MAX_REFERENCES: Final = 20
"""A reference that leads to a reference, and so on: the API server's end after one step."""


class Schema(msgspec.Struct, frozen=True):
    """One schema of a document, with its references followed."""

    node: Mapping[str, Any]
    components: Mapping[str, Any]
    name: str = ""
    """Of the component that this is; empty for a schema that is written out in its place."""

    @property
    def type(self) -> str:
        """`object`, `array`, `string`, …; empty if the schema does not say."""
        found = self.node.get("type", "object" if "properties" in self.node else "")
        return found if isinstance(found, str) else ""

    @property
    def format(self) -> str:
        """For example `date-time` or `int-or-string`."""
        if self.node.get("x-kubernetes-int-or-string") is True:
            return "int-or-string"
        found = self.node.get("format", "")
        return found if isinstance(found, str) else ""

    @property
    def properties(self) -> dict[str, Schema]:
        """The fields of an object, by name."""
        return {name: self._inner(node) for name, node in _mapping(self.node.get("properties")).items()}

    @property
    def required(self) -> frozenset[str]:
        """The fields of an object that are never left out."""
        names = self.node.get("required")
        return frozenset(name for name in cast("list[Any]", names) if isinstance(name, str)) if names else frozenset()

    @property
    def items(self) -> Schema:
        """What an array consists of."""
        return self._inner(self.node.get("items"))

    @property
    def values(self) -> Schema | None:
        """What the values of a map are; None for an object that is no map."""
        values = self.node.get("additionalProperties")
        return self._inner(cast("object", values)) if isinstance(values, Mapping) else None

    def _inner(self, node: object) -> Schema:
        return _followed(_schema_node(node), self.components)


class Kind(msgspec.Struct, frozen=True):
    """A kind in one version, with its schema."""

    kind: str
    api_version: str
    plural: str
    schema: Schema


def kind_in_openapi(document: Mapping[str, Any], *, kind: str, api_version: str, plural: str) -> Kind:
    """The schema of a kind in an OpenAPI v3 document. Raises ConfigError if there is none."""
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    components = _mapping(_mapping(document.get("components")).get("schemas"))
    for name, value in components.items():
        node = _schema_node(value)
        if wanted in cast("list[Any]", node.get("x-kubernetes-group-version-kind") or []):
            return Kind(kind, api_version, plural, Schema(node, components, name))
    raise ConfigError(f"the OpenAPI document of {api_version} has no schema for {kind}")


def kind_in_crd(document: Mapping[str, Any], *, version: str | None = None) -> Kind:
    """The schema of a CustomResourceDefinition: of `version`, else of the one that is stored.

    Raises ConfigError for what is no CustomResourceDefinition with such a version.
    """
    if document.get("kind") != "CustomResourceDefinition":
        raise ConfigError(f"this is a {document.get('kind')!r}, not a CustomResourceDefinition")
    spec = _mapping(document.get("spec"))
    names = _mapping(spec.get("names"))
    versions = [_mapping(one) for one in cast("list[Any]", spec.get("versions") or [])]
    for one in versions:
        if one.get("name") == version or (version is None and one.get("storage") is True):
            node = _mapping(_mapping(one.get("schema")).get("openAPIV3Schema"))
            api_version = f"{spec.get('group')}/{one.get('name')}"
            return Kind(str(names.get("kind")), api_version, str(names.get("plural")), Schema(node, {}))
    has = ", ".join(str(one.get("name")) for one in versions)
    raise ConfigError(
        f"the CustomResourceDefinition has no version {version or 'that is stored'}; it has {has or 'none'}"
    )


def _followed(node: Mapping[str, Any], components: Mapping[str, Any]) -> Schema:
    name = ""
    for _ in range(_MAX_REFERENCES):
        reference = next(_references(node), None)
        if reference is None:
            return Schema(node, components, name)
        name = reference.removeprefix(_REFERENCE)
        # What stands beside a reference (a default, a description) describes the field, not the type.
        node = _schema_node(components.get(name))
    raise ConfigError(f"the schema {name} refers to itself without an end")


def _references(node: Mapping[str, Any]) -> Iterator[str]:
    for one in (node, *(_schema_node(part) for part in cast("list[Any]", node.get("allOf") or []))):
        if isinstance(one.get("$ref"), str):
            yield one["$ref"]


def _schema_node(value: object) -> Mapping[str, Any]:
    """A schema in one piece: API servers that are built with Go's json/v2 write the parts of its struct one by one."""
    node = _mapping(value)
    if isinstance(node.get("SchemaProps"), Mapping):
        return {**node, **_mapping(node.get("ArbitraryKeys")), **_mapping(node["SchemaProps"])}
    return node


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
