"""Events are what the server takes, whatever they are made of."""

import json

import msgspec
import pytest

from trio_k8swatch import ConfigError, DynamicObject, K8sWatchError, ObjectMeta, PartialObjectMetadata
from trio_k8swatch._http.recorder.event_object import checked_controller, event_name, event_text, occurrence
from trio_k8swatch._http.recorder.object_reference import reference_to

POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "shop", "uid": "u"}}


class Named(msgspec.Struct):
    metadata: ObjectMeta
    kind: str = "Pod"
    api_version: str = "v1"


@pytest.mark.parametrize(
    ("obj", "options"),
    [
        (POD, {}),
        (DynamicObject(ObjectMeta("web", "shop", "u"), json.dumps(POD).encode()), {}),
        (Named(ObjectMeta("web", "shop", "u")), {}),
        (PartialObjectMetadata(ObjectMeta("web", "shop", "u")), {"kind": "Pod", "api_version": "v1"}),
    ],
)
def test_objects_of_any_type_are_referred_to(obj, options):
    reference = reference_to(obj, options.get("kind"), options.get("api_version"))
    assert (reference.kind, reference.api_version) == ("Pod", "v1")
    assert (reference.name, reference.namespace, reference.uid) == ("web", "shop", "u")


@pytest.mark.parametrize(
    "obj",
    [None, {}, 3, {"metadata": {}}, {**POD, "kind": 3}, {"metadata": 7}, PartialObjectMetadata(ObjectMeta("web"))],
)
def test_what_does_not_say_what_it_is_is_refused(obj):
    with pytest.raises(K8sWatchError):
        reference_to(obj, None, None)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b/c", "UPPER.example/x", "x" * 64])
def test_a_controller_has_a_name_that_the_server_takes(name):
    with pytest.raises(ConfigError, match="recorder"):
        checked_controller(name)


@pytest.mark.parametrize("name", ["shop-controller", "example.com/Shop", "x" * 63])
def test_a_controller_may_have_a_domain(name):
    assert checked_controller(name) == name


def test_what_is_too_long_is_cut_between_characters():
    made = occurrence("Normal", "r" * 200, None, "ä" * 2000, reference_to(POD, None, None))
    event = json.loads(event_text("web.1", made, "c", "i" * 200, 0.0))
    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("ä…")
    assert all(len(event[field].encode()) <= 128 for field in ("reason", "action", "reportingInstance"))


@pytest.mark.parametrize(("regarding", "begin"), [("web", "web."), ("x" * 253, "x"), ("system:node", ""), ("Web", "")])
def test_the_name_of_an_event_begins_with_that_of_its_object_where_that_can_be(regarding, begin):
    first, second = event_name(regarding), event_name(regarding)
    assert first != second
    assert first.startswith(begin)
    assert len(first) <= 253
    assert ":" not in first
