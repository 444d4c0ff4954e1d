"""Fields that stand twice in an object are found, wherever they stand and however they are written."""

import json

import pytest

from trio_k8swatch.testing._http.json_body import duplicate_fields, parse_json


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1,"b":2}', []),
        ('{"a":1,"a":2}', ["a"]),
        ('{"a" :1,"b":{"c":[{"d":1,"d"\n:2}]}}', ["b.c[0].d"]),
        # A quotation mark and a colon inside of a text are no field.
        ('{"a":"x\\":y","b":"\\" :"}', []),
        ('{"a":"x\\":y","a":"\\":\\":"}', ["a"]),
        # What is escaped may look like a field once it is read.
        ('{"a":"\\u0022:","a":"\\u0022:"}', ["a"]),
        ('{"a":1,"\\u0061":"\\u0022:"}', ["a"]),
        ('{"a":"\\":","b":"\\u003c"}', []),
    ],
)
def test_fields_that_stand_twice(text, found):
    """Each by its path, once; none where there is none."""
    data = text.encode()
    assert duplicate_fields(data, parse_json(data)) == found


def test_a_large_object_without_doubles_is_not_read_twice(monkeypatch):
    """The number of fields in the text and in what was read from it is the same: that is enough."""
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read again"))
    data = b'{"a":{"b":[{"c":"d:e"}]}}'
    assert duplicate_fields(data, {"a": {"b": [{"c": "d:e"}]}}) == []
