"""Shard selectors select by the hash that Kubernetes has."""

from __future__ import annotations

import pytest

from trio_k8swatch.testing._http.statuses import Refused
from trio_k8swatch.testing._storage.shard_selector import shard_selector


def obj(uid: str) -> dict:
    return {"metadata": {"uid": uid, "namespace": "shop"}}


def test_ranges_are_from_and_before() -> None:
    """FNV-1a of "a" is 0xaf63dc4c8601ec8c."""
    at, after = "0xaf63dc4c8601ec8c", "0xaf63dc4c8601ec8d"
    selects = shard_selector(f"shardRange(object.metadata.uid, '{at}', '{after}')")
    assert selects is not None
    assert selects(obj("a"))
    assert not selects(obj("b"))
    either = shard_selector(
        f"shardRange(object.metadata.uid, '0x0', '{at}') || shardRange(object.metadata.uid, '{after}', '0x10000000000000000')"
    )
    assert either is not None
    assert not either(obj("a"))
    assert either(obj("b"))


def test_none_selects_everything() -> None:
    """As servers have it, the parameter is left out then."""
    assert shard_selector("") is None


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "shardRange(object.metadata.name, '0x0', '0x1')",
        "shardRange(object.metadata.uid, '0x2', '0x1')",
        "shardRange(object.metadata.uid, '0x0', '0x1') || shardRange(object.metadata.namespace, '0x2', '0x3')",
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    """With 400."""
    with pytest.raises(Refused, match="shard selector"):
        shard_selector(text)
