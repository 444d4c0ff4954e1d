"""Which fields of a schema were asked for, as structs that hold just these."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

from trio_k8swatch._errors import ConfigError

from .schema import Kind, Schema

__all__ = ["Field", "Struct", "select"]

_MAX_STRUCTS: Final = 2_000
"""A schema of the API server has some hundreds at most; a CustomResourceDefinition may have whatever fits into etcd."""

_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}

_BY_FORMAT: Final = {"int-or-string": "int | str", "date-time": "datetime"}

_ZEROS: Final = {"str": '""', "int": "0", "float": "0.0", "bool": "False"}
"""Of fields that the schema requires: what Go, which writes them, has where nothing was set."""

_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
"""`500m`, `2Gi`: the server writes text, and its schema allows a number."""

_TAKEN: Final = frozenset({"Any", "ObjectMeta"})
"""Names that the module imports."""

Tree = dict[str, "Tree"]
"""Fields by name, with what was asked for below them; nothing below means all of it."""


class Field(msgspec.Struct):
    """One field of a struct."""

    json_name: str
    name: str
    annotation: str
    default: str


class Struct(msgspec.Struct):
    """One class to write."""

    name: str
    fields: list[Field] = msgspec.field(default_factory=list[Field])

    @property
    def shape(self) -> list[tuple[str, str, str]]:
        """What makes two structs interchangeable."""
        return [(one.json_name, one.annotation, one.default) for one in self.fields]


def select(kind: Kind, paths: Iterable[str]) -> list[Struct]:
    """The structs for `paths` of a kind, such as `metadata` and `spec.replicas`; the kind's own struct comes last.

    A path that ends at an object means all of it. Raises ConfigError for a path that the schema does not have, with
    near matches.
    """
    tree = _tree(paths)
    tree.setdefault("metadata", {})
    selection = _Selection(_class_name(kind.kind))
    selection.struct(_class_name(kind.kind), kind.schema, tree, ())
    return selection.structs


def _tree(paths: Iterable[str]) -> Tree:
    wanted = {tuple(path.strip().split(".")): None for path in paths if path.strip()}
    tree: Tree = {}
    for path in wanted:
        # `spec` beside `spec.replicas` is all of it.
        if not any(path[:length] in wanted for length in range(1, len(path))):
            here = tree
            for part in path:
                here = here.setdefault(part, {})
    return tree


class _Selection:
    """Collects structs while a schema is gone through."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.structs: list[Struct] = []
        self._by_name: dict[str, Struct] = {}

    def struct(self, name: str, schema: Schema, tree: Tree, path: tuple[str, ...]) -> str:
        """Make the struct of an object; the name that it got."""
        made = Struct(name)
        properties = schema.properties
        for json_name in tree or sorted(properties):
            if json_name not in properties:
                raise ConfigError(
                    f"{self.root} has no field {'.'.join((*path, json_name))}{_near(json_name, properties)}"
                )
            if path or json_name not in {"apiVersion", "kind", "metadata"}:
                is_required = json_name in schema.required
                inner = properties[json_name]
                made.fields.append(
                    self._field(json_name, inner, tree.get(json_name, {}), path, is_required=is_required)
                )
            elif json_name == "metadata":
                made.fields.append(Field("metadata", "metadata", "ObjectMeta", ""))
            else:
                made.fields.append(Field(json_name, _attribute(json_name), "str", '""'))
        made.fields.sort(key=lambda one: bool(one.default))
        return self._kept(made, path)

    def _kept(self, made: Struct, path: tuple[str, ...]) -> str:
        known = self._by_name.get(made.name)
        if made.name in _TAKEN:
            made.name = self.root + "".join(_class_name(part) for part in path)
            known = self._by_name.get(made.name)
        if known is not None and known.shape == made.shape:
            return known.name
        if known is not None:
            made.name = self.root + "".join(_class_name(part) for part in path)
        while made.name in self._by_name:
            made.name += "_"
        if len(self.structs) >= _MAX_STRUCTS:
            raise ConfigError(f"{self.root} has more than {_MAX_STRUCTS} structs in it: name fewer fields")
        self._by_name[made.name] = made
        self.structs.append(made)
        return made.name

    def _field(self, json_name: str, schema: Schema, tree: Tree, path: tuple[str, ...], *, is_required: bool) -> Field:
        here = (*path, json_name)
        annotation = self._type(schema, tree, here)
        default = {"tuple": "()", "dict": "{}"}.get(annotation.partition("[")[0], "None")
        if default == "None" and annotation in self._by_name and not path:
            # spec, status: absent is as good as empty there, and `obj.status.phase` is what everyone writes.
            default = f"{annotation}()"
        elif is_required and annotation in _ZEROS:
            default = _ZEROS[annotation]
        elif default == "None" and annotation != "Any":
            annotation += " | None"
        return Field(json_name, _attribute(json_name), annotation, default)

    def _type(self, schema: Schema, tree: Tree, path: tuple[str, ...]) -> str:
        if schema.type == "array":
            return f"tuple[{self._type(schema.items, tree, path)}, ...]"
        if schema.properties and not self._repeats(schema, path):
            name = _class_name(schema.name.rpartition(".")[2]) if schema.name else ""
            return self.struct(name or self.root + "".join(map(_class_name, path)), schema, tree, path)
        if tree:
            raise ConfigError(
                f"{self.root}: {'.'.join(path)} has no fields of its own, so not {next(iter(tree))} either"
            )
        if schema.values is not None:
            return f"dict[str, {self._type(schema.values, {}, path)}]"
        return _scalar(schema)

    def _repeats(self, schema: Schema, path: tuple[str, ...]) -> bool:
        """Whether a schema holds itself (JSONSchemaProps): from the second time on it is anything."""
        return len(path) > 12 or (schema.name.endswith("JSONSchemaProps") and len(path) > 4)


def _scalar(schema: Schema) -> str:
    if schema.name == _QUANTITY:
        return "str"
    return _BY_FORMAT.get(schema.format) or _SCALARS.get(schema.type, "Any")


def _near(name: str, properties: Iterable[str]) -> str:
    near = get_close_matches(name, properties)
    return f"; did you mean {', '.join(near)}?" if near else ""


def _attribute(json_name: str) -> str:
    """A field's name in Python. Raises ConfigError for one that cannot be made a name: it is never written as it is."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", json_name).lower()
    name = re.sub(r"[^a-z0-9_]", "_", name)
    if not name.isascii() or not name.isidentifier():
        name = f"_{name}"
    if not name.isidentifier():
        raise ConfigError(f"the field {json_name!r} cannot be a name in Python")
    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) else name


def _class_name(text: str) -> str:
    """A class's name of what a schema calls itself, with nothing in it but letters and digits."""
    parts = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(part[0].upper() + part[1:] for part in parts) or "Unnamed"
    return f"_{name}" if name[0].isdigit() else f"{name}_" if keyword.iskeyword(name) else name
