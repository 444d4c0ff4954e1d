"""Whether what arrives is of the kind that was asked for."""

from __future__ import annotations

import pytest

from trio_k8swatch import ProtocolError
from trio_k8swatch._wire.expected_kind import Kinds


def test_S1_E5_the_kind_is_learnt_from_a_list() -> None:
    """Lists of built-in kinds leave it out of their items (kubernetes#98925)."""
    kinds = Kinds("v1")
    assert kinds.prefix == b""
    kinds.check_list("PodList", "v1", has_items=True)
    assert kinds.prefix == b'{"kind":"Pod","apiVersion":"v1",'


def test_an_object_of_another_group_is_refused() -> None:
    """A proxy that mixes up two answers is noticed."""
    with pytest.raises(ProtocolError, match="asked for objects of v1"):
        Kinds("v1").check("Deployment", "apps/v1")


def test_an_object_of_another_kind_is_refused() -> None:
    """Whatever came first is the kind."""
    kinds = Kinds("v1")
    kinds.check("Pod", "v1")
    kinds.check("", "")
    with pytest.raises(ProtocolError, match="asked for Pod"):
        kinds.check("Secret", "v1")


def test_a_status_is_no_list() -> None:
    """Though it came with 200."""
    with pytest.raises(ProtocolError, match="sent a Status"):
        Kinds("v1").check_list("Status", "v1", has_items=False)


def test_a_list_kind_is_only_a_guess_at_the_kind() -> None:
    """CustomResourceDefinitions may name it as they like; items and events know better."""
    kinds = Kinds("example.org/v1")
    kinds.check_list("CactiList", "example.org/v1", has_items=True)
    kinds.check("Cactus", "example.org/v1")
    kinds.check_list("CactiList", "example.org/v1", has_items=True)
    kinds.check("Cactus", "example.org/v1")


@pytest.mark.parametrize("head", ['"kind":"Pod","apiVersion":"v1",', '"apiVersion":"v1","kind":"Pod",'])
def test_an_event_that_begins_as_one_that_was_right_is_trusted(head: str) -> None:
    """Whatever its type; in the order of fields that the server keeps to."""
    kinds = Kinds("v1")
    kinds.trust(f'{{"type":"ADDED","object":{{{head}"metadata":{{}}}}}}'.encode(), "Pod", "v1")
    assert f'{{"type":"DELETED","object":{{{head}'.encode() in kinds.trusted
    assert len(kinds.trusted) == 3


@pytest.mark.parametrize(("kind", "api_version"), [("", "v1"), ("Pod", ""), ("Pod", "v1")])
def test_an_event_in_another_form_is_looked_at_each_time(kind: str, api_version: str) -> None:
    """It may be right all the same."""
    kinds = Kinds("v1")
    kinds.trust(b'{"object":{"kind":"Pod","apiVersion":"v1"},"type":"ADDED"}', kind, api_version)
    assert kinds.trusted == ()
