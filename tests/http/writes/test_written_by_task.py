"""Whoever watches over a task's writes hears of each of them, and of nothing else."""

from __future__ import annotations

import pytest
import trio

from trio_k8swatch import open_client
from trio_k8swatch._http.writes.call import Call
from trio_k8swatch._http.writes.written_by_task import write_of
from trio_k8swatch._observed_writes import Write, observing_writes
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import config_map


async def test_writes_are_noted_with_what_they_made(autojump_clock) -> None:
    """Also those of child tasks; not reads, not dry runs, not what comes after the block."""
    fake = FakeApiServer()
    async with open_client(transport=fake.transport()) as client:
        maps = client.resource("v1", "configmaps", namespace="default", type=dict)
        noted: list[Write] = []
        with observing_writes(noted.append):
            made = await maps.create(config_map("a"))
            await maps.create(config_map("b"), dry_run=True)
            await maps.get("a")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(maps.patch, "a", {"data": {"x": "y"}})
            patched = await maps.get("a")
            await maps.delete("a")
        await maps.create(config_map("c"))

    uid = made["metadata"]["uid"]
    place = ("v1", "configmaps", "default", uid)
    assert noted == [
        Write(*place, made["metadata"]["resourceVersion"]),
        Write(*place, patched["metadata"]["resourceVersion"]),
        Write(*place, "", gone=True),
    ]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v1/namespaces/shop/pods/web/status", ("v1", "pods", "shop")),
        ("/api/v1/namespaces/shop", ("v1", "namespaces", "")),
        ("/api/v1/namespaces/shop/finalize", ("v1", "namespaces", "")),
        ("/apis/apps/v1/namespaces/shop/deployments", ("apps/v1", "deployments", "shop")),
        ("/apis/example.com/v1/tenants/acme", ("example.com/v1", "tenants", "")),
    ],
)
def test_a_write_without_an_answer_may_have_happened(path: str, place: tuple[str, str, str]) -> None:
    """In its collection, at no version that anybody knows."""
    api_version, plural, namespace = place

    assert write_of(Call("POST", path, "create", "", ""), None) == Write(api_version, plural, namespace, "", "")


def test_a_deletion_that_only_marks_is_a_write() -> None:
    """Finalizers keep the object: it is shown once the mark is."""
    answer = b'{"metadata": {"uid": "u", "resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z"}}'
    call = Call("DELETE", "/api/v1/namespaces/shop/pods/web", "delete", "", "")

    assert write_of(call, answer) == Write("v1", "pods", "shop", "u", "7")
