"""YAML as the server reads it: of another age than JSON."""

import pytest

from trio_k8swatch.testing._http.json_body import NotJson
from trio_k8swatch.testing._http.yaml_body import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: y, b: N, c: yes, d: off}", {"a": True, "b": False, "c": True, "d": False}),
        ("{y: 1, node: yard}", {"true": 1, "node": "yard"}),
        ("{a: 3.0, b: 0.5, c: 1e3, d: 1e+21}", {"a": 3, "b": 0.5, "c": "1e3", "d": "1e+21"}),
        ('{"a": 3.0}', {"a": 3}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
    ],
)
def test_what_words_and_numbers_become(text, value):
    """Lone letters are truth values, whole fractions are whole, and a date is a text."""
    found = parse_yaml(text.encode())
    assert found == value
    assert [type(one) for one in found.values()] == [type(one) for one in value.values()]


def test_a_tag_that_lies_is_no_yaml():
    """It is refused, and not raised as what it is inside."""
    with pytest.raises(NotJson, match="error converting YAML to JSON"):
        parse_yaml(b"a: !!bool perhaps")
