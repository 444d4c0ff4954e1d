"""What log records call a watch."""

from __future__ import annotations

import logging

import pytest

from trio_k8swatch import ListOptions, open_client, open_watch
from trio_k8swatch.testing import FakeApiServer


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (ListOptions(), "<Resource pods (v1) in namespace default>"),
        (ListOptions(label_selector="app=web"), "<Resource pods (v1) in namespace default, app=web>"),
        (
            ListOptions(label_selector="app=web", field_selector="spec.nodeName=n1"),
            "<Resource pods (v1) in namespace default, app=web, spec.nodeName=n1>",
        ),
    ],
)
async def test_a_watch_is_called_by_its_collection_and_selectors(
    options: ListOptions, name: str, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Two watches of one collection can be distinguished in the log, and in the repr of their stores."""
    caplog.set_level(logging.INFO, "trio_k8swatch")
    async with open_client(transport=FakeApiServer().transport()) as client:
        pods = client.resource("v1", "pods", namespace="default")
        async with open_watch(pods, list_options=options) as store:
            assert repr(store) == f"<Store of {name}: 0 objects, live>"

    messages = [record.getMessage() for record in caplog.records if record.name == "trio_k8swatch"]
    assert len(messages) == 2
    assert all(message.startswith(f"{name}: ") for message in messages)
