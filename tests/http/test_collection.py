"""Collections and options as paths and queries."""

from __future__ import annotations

from typing import Any

import pytest

from trio_k8swatch import ConfigError, ListOptions
from trio_k8swatch._http.collection import Collection


@pytest.mark.parametrize(
    ("api_version", "plural", "namespace", "path"),
    [
        ("v1", "pods", None, "/api/v1/pods"),
        ("v1", "pods", "default", "/api/v1/namespaces/default/pods"),
        ("apps/v1", "deployments", None, "/apis/apps/v1/deployments"),
        ("example.org/v1beta1", "crontabs", "x", "/apis/example.org/v1beta1/namespaces/x/crontabs"),
    ],
)
def test_a_collection_has_a_path(api_version: str, plural: str, namespace: str | None, path: str) -> None:
    """The core group has its own root; a namespace stands before the resource."""
    assert Collection(api_version, plural, namespace).path == path


def test_a_collection_is_named_for_people() -> None:
    """In errors and logs."""
    assert str(Collection("apps/v1", "deployments")) == "deployments (apps/v1) in all namespaces"
    assert str(Collection("v1", "pods", "x")) == "pods (v1) in namespace x"


@pytest.mark.parametrize(
    ("api_version", "plural", "namespace"),
    [
        ("", "pods", None),
        ("v1", "", None),
        ("/v1", "pods", None),
        ("v1", "pods/", None),
        ("v1 ", "pods", None),
        ("a/b/c", "pods", None),
        ("v1", "namespaces/x/pods", None),
        ("v1", "pods", ""),
        ("v1", "pods", "a/b"),
    ],
)
def test_what_cannot_be_a_collection_is_refused(api_version: str, plural: str, namespace: str | None) -> None:
    """Before a request goes to a path that means something else."""
    with pytest.raises(ConfigError, match="use"):
        Collection(api_version, plural, namespace)


def test_options_go_into_the_queries() -> None:
    """Each under its own name; what was not given is not sent."""
    options = ListOptions(
        label_selector="app=x",
        field_selector="spec.nodeName=n",
        resource_version="7",
        resource_version_match="NotOlderThan",
        timeout_seconds=0,
        shard_selector="s",
    )
    common = {
        "labelSelector": "app=x",
        "fieldSelector": "spec.nodeName=n",
        "resourceVersion": "7",
        "resourceVersionMatch": "NotOlderThan",
        "timeoutSeconds": "0",
        "shardSelector": "s",
    }
    assert options.list_query() == {**common, "limit": "1000"}
    assert options.watch_query() == {**common, "watch": "true", "allowWatchBookmarks": "true"}
    assert ListOptions(page_size=None).list_query() == {}
    plain = ListOptions(allow_watch_bookmarks=False, send_initial_events=True)
    assert plain.watch_query() == {"watch": "true", "sendInitialEvents": "true"}


def test_a_next_page_takes_its_version_from_its_token() -> None:
    """And keeps the selectors: without them it would be another list."""
    options = ListOptions(label_selector="app=x", resource_version="7", resource_version_match="Exact", page_size=2)
    assert options.next_page("t").list_query() == {"labelSelector": "app=x", "limit": "2", "continue": "t"}


@pytest.mark.parametrize("settings", [{"page_size": 0}, {"page_size": -1}, {"timeout_seconds": -1}])
def test_B13_options_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """At once, with the way out."""
    with pytest.raises(ConfigError):
        ListOptions(**settings)
