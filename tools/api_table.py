"""Makes the table of built-in types that `trio_k8swatch.testing` checks objects with, from OpenAPI documents.

Run: `python tools/api_table.py DIRECTORY > trio_k8swatch/testing/_schema/table.json`, where DIRECTORY holds what
`/openapi/v3/…` of an API server answered, one JSON document for each group and version, gzipped or not.

A field is written as its type and, behind it, what else is known, separated by spaces:

    s i l b n         string, 32-bit and 64-bit integer, boolean, number
    q t m x y *       quantity, time, time with microseconds, integer or string, bytes, anything
    A B               a JSON schema or a list of them, a JSON schema or a boolean
    @T                an object of type T
    [… {…             a list of them, a map from strings to them
    R r               required; written even where it is empty
    z                 an object that is written even where it is empty
    d=JSON            what stands for an absent value
    k=a,b             a list whose items are told apart by these fields
    set atomic        a list that is a set; a list, map or object that is one value
    p=a               merged by a strategic patch, by this field; `p=` where the items are the keys
    retain            a strategic patch of it may keep some keys and drop the others
    e=a|b             the values there are
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

SCALARS = {
    ("string", None): "s",
    ("string", "byte"): "y",
    ("integer", "int32"): "i",
    ("integer", "int64"): "l",
    ("integer", None): "l",
    ("boolean", None): "b",
    ("number", "double"): "n",
    ("number", None): "n",
}
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "m",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "*",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "*",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "*",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "A",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "B",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "*",
}
UNWANTED = ("APIResource", "WatchEvent", "Status", "StatusCause", "StatusDetails", "APIGroup", "Patch", "ShardInfo")


def main(directory: Path) -> None:
    """Read all documents, and print the table."""
    schemas: dict[str, Schema] = {}
    for path in sorted(directory.glob("*.json*")):
        if path.name != "index.json":
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            for name, schema in json.loads(data)["components"]["schemas"].items():
                # The core group comes first; its delete options name the fewest groups.
                schemas.setdefault(name, schema)
    types: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for name, schema in sorted(schemas.items()):
        wanted = name not in SPECIAL and not short(name).split(".")[-1].startswith(UNWANTED)
        if wanted and not short(name).endswith("List"):
            types[short(name)] = type_of(flat(schema))
            for one in flat(schema).get("x-kubernetes-group-version-kind", []):
                kinds.setdefault("/".join((one["group"], one["version"], one["kind"])), short(name))
    kinds = {key: name for key, name in sorted(kinds.items()) if not name.startswith("meta.")}
    write = sys.stdout.write
    write("{\n")
    write(f'"kinds": {json.dumps(kinds, indent=0)},\n"types": {{\n')
    rows = (f"{json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in types.items())
    write(",\n".join(rows) + "\n}}\n")


def flat(schema: Schema) -> Schema:
    """A schema as OpenAPI means it: some encoders keep its parts apart."""
    parts = (schema.get("ArbitraryKeys", {}), schema.get("SchemaProps", {}))
    rest = {key: value for key, value in schema.items() if key not in {"ArbitraryKeys", "SchemaProps"}}
    return {**rest, **parts[0], **parts[1]}


def short(name: str) -> str:
    """`core.v1.Pod` for `io.k8s.api.core.v1.Pod`."""
    for prefix in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apiextensions-apiserver.pkg.apis."):
        name = name.removeprefix(prefix)
    return name.removeprefix("io.k8s.kube-aggregator.pkg.apis.")


def type_of(schema: Schema) -> Any:
    """The fields of an object; where it is one value, that is the field of the empty name."""
    required = schema.get("required", [])
    fields = {name: field(flat(one), required=name in required) for name, one in schema.get("properties", {}).items()}
    return {**fields, **({"": "atomic"} if schema.get("x-kubernetes-map-type") == "atomic" else {})}


def field(schema: Schema, *, required: bool) -> str:
    """One field: its type, and what else is known. `R`: required; `r`: only written where it is empty."""
    words = [value_type(schema)]
    default = schema.get("default")
    if default == {} and words[0].startswith("@"):
        words.append("z")
    elif required:
        words.append("R")
    elif default in ("", 0, False):
        words.append("r")
    elif default is not None:
        words.append("d=" + json.dumps(default))
    if "x-kubernetes-list-map-keys" in schema:
        words.append("k=" + ",".join(schema["x-kubernetes-list-map-keys"]))
    elif schema.get("x-kubernetes-list-type") == "set":
        words.append("set")
    elif "atomic" in (schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-map-type")):
        words.append("atomic")
    strategy = schema.get("x-kubernetes-patch-strategy", "").split(",")
    if "merge" in strategy:
        words.append("p=" + schema.get("x-kubernetes-patch-merge-key", ""))
    if "retainKeys" in strategy:
        words.append("retain")
    if "enum" in schema:
        words.append("e=" + "|".join(schema["enum"]))
    return " ".join(words)


def value_type(schema: Schema) -> str:
    """The first word."""
    for one in (schema, *map(flat, schema.get("allOf", []))):
        if "$ref" in one:
            name = one["$ref"].rpartition("/")[2]
            return SPECIAL.get(name) or "@" + short(name)
    if schema.get("type") == "array":
        return "[" + value_type(flat(schema["items"]))
    if schema.get("type") == "object":
        return "{" + value_type(flat(schema.get("additionalProperties", {})))
    return SCALARS.get((schema.get("type"), schema.get("format")), "*")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
