"""Paths of fields: what is owned of a new object is found on a shorter way than what is owned of a changed one."""

import json
import random
from dataclasses import replace

import pytest
from testing.fake_fuzz import Fuzz

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.json_body import parse_json
from trio_k8swatch.testing._schema import Undecodable, decoded, defaulted, type_of
from trio_k8swatch.testing._writes.field_paths import compare, to_fields_v1, without_server_fields, written_fields
from trio_k8swatch.testing._writes.shapes import shape_of

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port"],
                    "items": {"type": "object", "properties": {"port": {"type": "integer"}}},
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}


def both_ways(kind, obj):
    shape, mine = shape_of(kind), without_server_fields(obj)
    changed, _ = compare(shape, {}, mine)
    return written_fields(shape, mine), to_fields_v1(changed)


@pytest.mark.parametrize("plural", ["pods", "deployments.apps", "services", "configmaps", "jobs.batch", "nodes"])
def test_a_new_object_is_owned_as_if_it_had_grown_out_of_nothing(plural):
    """The same fields, in the same order, for objects by chance."""
    fuzz = Fuzz(7)
    kind = fuzz.fake.registry.by_qualified(plural)
    name, read = type_of(kind.api_version, kind.kind), 0
    for _ in range(600):
        sent = parse_json(json.dumps(fuzz.obj(kind, "a")).encode())
        try:
            obj = defaulted(name, decoded(name, sent).object)
        except Undecodable:
            continue
        read += 1
        short, long = both_ways(kind, obj)
        assert json.dumps(short) == json.dumps(long), obj
    assert read > 10


def test_so_is_a_new_custom_object():
    """Sets, lists with keys, and what no schema says anything of."""
    fake = FakeApiServer()
    kind = replace(fake.register("example.com/v1", "Foo"), schema=SCHEMA)
    rng = random.Random(3)
    for _ in range(300):
        spec = {
            "ports": rng.choice([[], [{"port": 2}, {"port": 1, "x": {}}], None]),
            "tags": rng.choice([[], ["b", "a"]]),
            "free": rng.choice([{}, {"b": {"c": []}, "a": [1]}, None, {"x": None}]),
        }
        obj = {"metadata": {"name": "a", "labels": rng.choice([{}, {"b": "", "a": "1"}])}, "spec": spec}
        short, long = both_ways(kind, obj)
        assert json.dumps(short) == json.dumps(long), obj
