"""Metadata that is read and text that is cut in one go: the same as one after the other, or not at all."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import ObjectMeta, PartialObjectMetadata
from trio_k8swatch._wire.managed_fields import read_and_cut


@pytest.mark.parametrize(
    ("raw", "cut"),
    [
        (b'{"metadata":{"name":"a","managedFields":[{"f":{}}],"uid":"u"}}', b'{"metadata":{"name":"a","uid":"u"}}'),
        (b'{"metadata":{"name":"a","managedFields":[{}]},"spec":{ "a": 1 }}', b'{"metadata":{"name":"a"},"spec":{ "a": 1 }}'),
        (b'{"metadata":{"managedFields":[{}],"name":"a"}}', b'{"metadata":{"name":"a"}}'),
        (b'{"metadata":{"managedFields":null}}', b'{"metadata":{}}'),
        (b'{"metadata":{"name":"a"},"spec":1}', b'{"metadata":{"name":"a"},"spec":1}'),
        (b'{"x":"\\"managedFields\\":[1]","metadata":{"managedFields":[1]}}', b'{"x":"\\"managedFields\\":[1]","metadata":{}}'),
    ],
    ids=["in the middle", "at the end", "at the beginning", "alone", "not there", "quoted before"],
)  # fmt: skip
def test_the_text_is_cut_at_the_field_and_nowhere_else(raw: bytes, cut: bytes) -> None:
    metadata, rest = read_and_cut(raw) or (None, b"")
    assert rest == cut
    assert metadata == msgspec.json.decode(cut, type=PartialObjectMetadata).metadata
    assert type(metadata) is ObjectMeta


@pytest.mark.parametrize(
    "raw",
    [
        b'{"metadata":{"managedFields":[1] ,"name":"a"}}',
        b'{"metadata":{"managedFields":[1] }}',
        b'{"metadata":{ "managedFields":[1]}}',
        b'{"metadata":{"managedFields": [1]}}',
        b'{"metadata":{"managedFields" :[1]}}',
        b'{"metadata":{"managed\\u0046ields":[1]}}',
        b'{"abcdefghijk":[1],"metadata":{"managed\\u0046ields":[1]}}',
        b'{"x":["managedFields",[1],2],"metadata":{"managed\\u0046ields":[1]}}',
        b'{"x":{"managedFields":[2]},"metadata":{"managed\\u0046ields":[1]}}',
        b'{"metadata":{"managedFields":[1]},"spec":{"managedFields":[1]}}',
        b'{"data":{"managedFields":[1]},"metadata":{"managedFields":[1]}}',
        b'{"data":{"managedFields":[2]},"metadata":{"managedFields":[1]}}',
        b'{"data":{"managedFields":[1]},"metadata":{}}',
        b'{"metadata":{"managedFields":[1],"managedFields":[1]}}',
        b'{"metadata":{"managedFields":[1]},"metadata":{"name":"a"}}',
        b'{"metadata":null}',
        b"{}",
    ],
)
def test_whatever_is_odd_is_left_to_the_slow_way(raw: bytes) -> None:
    assert read_and_cut(raw) is None


def test_a_text_that_ends_in_the_middle_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        read_and_cut(b'{"metadata":{"managedFields":[1]')


@given(
    st.permutations(["name", "uid", "labels", "managedFields"]),
    st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
)
def test_what_is_left_says_the_same_as_what_was_there(order: list[str], value: Any) -> None:
    """Wherever the field stands and whatever is in it: the metadata is that of the rest, and the rest is all but it."""
    fields = {"name": "a", "uid": "ü", "labels": {"k": "v"}, "managedFields": [value]}
    obj = {"kind": "Pod", "metadata": {key: fields[key] for key in order}, "spec": {"n": 1}}
    found = read_and_cut(json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode())
    if "managedFields" in json.dumps(value):
        return
    assert found is not None
    metadata, rest = found
    del fields["managedFields"]
    assert json.loads(rest) == {"kind": "Pod", "metadata": fields, "spec": {"n": 1}}
    assert metadata == ObjectMeta(name="a", uid="ü", labels={"k": "v"})
