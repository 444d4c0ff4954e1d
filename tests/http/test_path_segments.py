"""R1: no part of a path can lead anywhere else than where it says."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import ConfigError, open_client
from trio_k8swatch._http.collection import Collection
from trio_k8swatch._http.path_segments import checked_group_version, checked_subresource, name_segment
from trio_k8swatch.testing import FakeApiServer

HOSTILE = ["", ".", "..", "a/b", "a?x=", "a#", "a%2fb", "%2e%2e", "a b", "A", "a\n", "é", "a" * 64, "-a", "a-", "a.b"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_R1_no_collection_of_a_segment_that_is_none(hostile: str) -> None:
    """Namespace, plural and version are labels."""
    for arguments in (("v1", "pods", hostile), ("v1", hostile), (f"apps/{hostile}", "pods")):
        with pytest.raises(ConfigError):
            Collection(*arguments)
    with pytest.raises(ConfigError):
        checked_group_version(hostile if "/" not in hostile else f"{hostile}/v1")
    with pytest.raises(ConfigError):
        checked_subresource(hostile)


async def test_R1_dots_for_a_namespace_read_nothing(autojump_clock: object) -> None:
    """The attack that worked: the secrets of every namespace, for a program that was to read one."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        with pytest.raises(ConfigError, match=r"namespace is '\.\.'"):
            client.resource("v1", "secrets", namespace="..")
    assert not fake.requests


@given(st.text())
def test_R1_a_name_is_one_segment_or_refused(name: str) -> None:
    """Whatever a name is made of: the path has it as its last segment, and nothing behind it."""
    try:
        segment = name_segment(name)
    except ConfigError:
        return
    url = httpx.URL(f"https://server/api/v1/namespaces/default/pods/{segment}")
    parts = urlsplit(str(url))

    assert parts.path.count("/") == 6
    assert unquote(parts.path.rpartition("/")[2]) == name
    assert (parts.query, parts.fragment) == ("", "")


@pytest.mark.parametrize("name", ["web-0", "system:node", "a.b.c", "kube-root-ca.crt", "Admin"])
def test_R1_names_that_kubernetes_has(name: str) -> None:
    """Roles may have colons and capitals in their names; they stand in the path as they are."""
    assert name_segment(name) == name
