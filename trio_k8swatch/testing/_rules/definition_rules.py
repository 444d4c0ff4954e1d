"""What a CustomResourceDefinition may be."""

from __future__ import annotations

from typing import Any, Final, cast

from trio_k8swatch.testing._json import Object, is_list, is_object, part

from .causes import Causes
from .custom_schema import check_value
from .metadata_rules import LABEL_RULE, label_problems, subdomain_problems

_UNSEEN: Final = ("x-kubernetes-validations", "allOf", "anyOf", "oneOf", "not")
_ONLY_MAPS: Final = "must be map if x-kubernetes-list-map-keys is non-empty"
_COLUMN_TYPES: Final = ["boolean", "date", "integer", "number", "string"]
_STRUCTURAL_TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean"})


def check_definition(obj: Object, causes: Causes) -> None:
    """Note what the server would refuse: names, scope, versions, and schemas that are not structural."""
    spec = cast("Object", obj.get("spec") or {})
    names = cast("Object", spec.get("names") or {})
    group, plural = spec.get("group") or "", names.get("plural") or ""
    if obj["metadata"].get("name") != f"{plural}.{group}":
        name = obj["metadata"].get("name", "")
        causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    _check_group(group, causes)
    if spec.get("scope") not in {"Cluster", "Namespaced"}:
        if spec.get("scope"):
            causes.unsupported("spec.scope", spec["scope"], ["Cluster", "Namespaced"])
        else:
            causes.required("spec.scope")
    _check_versions(cast("list[Object]", spec.get("versions") or []), causes)
    _check_names(names, causes)
    status = cast("Object", obj.get("status") or {})
    if not status.get("storedVersions"):
        causes.invalid("status.storedVersions", None, "must have at least one stored version")


def unseen_rules(definition: Object) -> list[str]:
    """Words of its schemas that this server does not look at."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if is_object(value):
            found.update(word for word in _UNSEEN if value.get(word))
            for inner in value.values():
                walk(inner)
        elif is_list(value):
            for inner in value:
                walk(inner)

    walk(definition["spec"].get("versions"))
    return sorted(found)


def _check_group(group: str, causes: Causes) -> None:
    if not group:
        causes.required("spec.group")
        return
    for why in subdomain_problems(group):
        causes.invalid("spec.group", group, why)
    if "." not in group:
        causes.invalid("spec.group", group, "should be a domain with at least one dot")


def _check_names(names: Object, causes: Causes) -> None:
    for field in ("plural", "singular", "kind", "listKind"):
        value = names.get(field) or ""
        if not value:
            causes.required(f"spec.names.{field}")
        elif label_problems(value.lower()):
            causes.invalid(f"spec.names.{field}", value, LABEL_RULE)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        causes.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _check_versions(versions: list[Object], causes: Causes) -> None:
    seen: set[str] = set()
    # What all versions share is checked once, above them.
    shared = len(versions) == 1
    for i, version in enumerate(versions):
        path = f"spec.versions[{i}]"
        name = version.get("name") or ""
        for why in label_problems(name):
            causes.invalid(f"{path}.name", name, why)
        if name in seen:
            causes.invalid(f"{path}.name", name, "must be unique")
        seen.add(name)
        _check_schema(version, path, causes, shared=shared)
        _check_scale(version, "spec" if shared else path, causes)
        above = "spec" if shared else path
        for j, column in enumerate(cast("list[Object]", version.get("additionalPrinterColumns") or [])):
            _check_column(column, f"{above}.additionalPrinterColumns[{j}]", causes)
    if sum(bool(version.get("storage")) for version in versions) != 1:
        causes.invalid("spec.versions", versions, "must have exactly one version marked as storage version")


def _check_scale(version: Object, path: str, causes: Causes) -> None:
    if "scale" not in part(version, "subresources"):
        return
    scale = part(part(version, "subresources"), "scale")
    for name, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        value, here = str(scale.get(name) or ""), f"{path}.subresources.scale.{name}"
        if not value:
            causes.required(here)
        elif not value.startswith("."):
            causes.invalid(here, value, "must be a simple json path starting with .")
        elif not value.startswith(root):
            causes.invalid(here, value, f"should be a json path under {root.rstrip('.')}")


def _check_schema(version: Object, path: str, causes: Causes, *, shared: bool) -> None:
    schema: object = cast("Object", version.get("schema") or {}).get("openAPIV3Schema")
    if not is_object(schema):
        causes.required(f"{path}.schema.openAPIV3Schema")
        return
    here = "spec.validation.openAPIV3Schema" if shared else f"{path}.schema.openAPIV3Schema"
    if schema.get("type") != "object":
        if schema.get("type"):
            if schema["type"] not in _STRUCTURAL_TYPES:
                causes.unsupported(f"{here}.type", schema["type"], sorted(_STRUCTURAL_TYPES))
            causes.invalid(f"{here}.type", schema["type"], "must be object at the root")
        else:
            causes.required(f"{here}.type", "must not be empty at the root")
        return
    _check_structure(schema, here, causes)


def _check_structure(schema: Object, path: str, causes: Causes) -> None:
    """Structural: each value has a type, and each map says what it holds."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    kind = schema.get("type") or ""
    if not kind and not free:
        causes.required(f"{path}.type", "must not be empty for specified object fields")
    elif kind and kind not in _STRUCTURAL_TYPES:
        causes.unsupported(f"{path}.type", kind, sorted(_STRUCTURAL_TYPES))
    if schema.get("properties") and is_object(schema.get("additionalProperties")):
        causes.forbidden(f"{path}.additionalProperties", "properties and additionalProperties are mutual exclusive")
    if kind == "array" and not is_object(schema.get("items")):
        causes.required(f"{path}.items", "must be specified")
    for name, inner in cast("Object", schema.get("properties") or {}).items():
        if is_object(inner):
            _check_structure(inner, f"{path}.properties[{name}]", causes)
    for word in ("items", "additionalProperties"):
        below: object = schema.get(word)
        if is_object(below):
            _check_structure(below, f"{path}.{word}", causes)
    _check_list_type(schema, path, causes)
    if schema.get("default") is not None:
        bare = {key: value for key, value in schema.items() if key != "default"}
        check_value(bare, schema["default"], f"{path}.default", causes)


def _check_list_type(schema: Object, path: str, causes: Causes) -> None:
    kind, keys = schema.get("x-kubernetes-list-type"), cast("list[str]", schema.get("x-kubernetes-list-map-keys") or [])
    here = f"{path}.x-kubernetes-list-type"
    if kind is not None and schema.get("type") != "array":
        why = "must be array if x-kubernetes-list-type is specified"
        causes.invalid(f"{path}.type", schema.get("type") or "", why)
    if kind not in {None, "atomic", "set", "map"}:
        causes.unsupported(here, kind, ["atomic", "set", "map"])
    if keys and kind is None:
        causes.required(here, _ONLY_MAPS)
    elif keys and kind != "map":
        causes.invalid(here, kind, _ONLY_MAPS)
    if kind == "map":
        _check_map_keys(part(schema, "items"), keys, path, causes)


def _check_map_keys(items: Object, keys: list[str], path: str, causes: Causes) -> None:
    if not keys:
        causes.required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if items.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        causes.invalid(f"{path}.items.type", items.get("type") or "", why)
    properties = part(items, "properties")
    if any(key not in properties for key in keys):
        causes.invalid(f"{path}.x-kubernetes-list-map-keys", keys, "entries must all be names of item properties")
    for key in keys:
        if key in properties and "default" not in part(properties, key) and key not in (items.get("required") or []):
            why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            causes.required(f"{path}.items.properties[{key}].default", why)


def _check_column(column: Object, path: str, causes: Causes) -> None:
    if not column.get("name"):
        causes.required(f"{path}.name")
    if not column.get("type"):
        causes.required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif column["type"] not in _COLUMN_TYPES:
        causes.invalid(f"{path}.type", column["type"], f"must be one of {','.join(_COLUMN_TYPES)}")
    if not column.get("jsonPath"):
        causes.required(f"{path}.JSONPath")
    elif not str(column["jsonPath"]).startswith("."):
        why = "is an invalid json path: must start with ."
        causes.invalid(f"{path}.JSONPath", column["jsonPath"], why)
