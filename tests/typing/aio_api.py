"""What type checkers make of `trio_k8swatch.aio`. Only read by them, never run."""

from __future__ import annotations

from typing import Any, assert_type

import msgspec

from trio_k8swatch import DynamicObject, ListOptions, ObjectMeta
from trio_k8swatch.aio import Resource, Store, open_client, open_watch
from trio_k8swatch.aio._verbs import Verbs


class Pod(msgspec.Struct):
    metadata: ObjectMeta


async def resources() -> None:
    async with open_client() as client:
        assert_type(client.resource("v1", "pods"), Resource[DynamicObject])
        pods = client.resource("v1", "pods", namespace="default", type=Pod)
        async with open_watch(pods) as store:
            assert_type(store, Store[Pod])


async def writes(pods: Resource[Pod], anything: Resource[DynamicObject]) -> None:
    """Answers are of the resource's type; a projection may be patched or applied, and not be written back."""
    assert_type(await pods.get("web-0"), Pod)
    assert_type(await pods.create({"metadata": {"name": "web-0"}}, dry_run=True, field_validation="Strict"), Pod)
    assert_type(await anything.replace(await anything.get("web-0"), field_manager="m"), DynamicObject)
    assert_type(await pods.patch("web-0", {"metadata": {"labels": {"x": None}}}, type="merge"), Pod)
    assert_type(await pods.patch("web-0", [{"op": "remove", "path": "/spec"}], type="json"), Pod)
    assert_type(await pods.apply(await pods.get("web-0"), field_manager="m", force=True, name="web-0"), Pod)
    assert_type(await pods.update("web-0", changed, attempts=3), Pod)
    assert_type(await pods.delete("web-0", uid="u", propagation="Foreground", missing_ok=True), Pod | None)
    assert_type(await pods.delete_all(ListOptions(label_selector="x"), grace_seconds=0), tuple[Pod, ...])
    assert_type(pods.subresource("scale"), Verbs[DynamicObject])
    assert_type(await pods.subresource("status", type=Pod).get("web-0"), Pod)
    assert_type(await pods.add_finalizer(await pods.get("web-0"), "example.com/x"), Pod)
    assert_type(await pods.remove_finalizer(await pods.get("web-0"), "example.com/x"), Pod | None)


async def wrong(pods: Resource[Pod], pod: Pod) -> None:
    """What type checkers refuse."""
    await pods.create(pod)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pods.replace(pod)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pods.patch("web-0", {}, type="yaml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pods.create({}, field_validation="strict")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pods.delete("web-0", propagation="None")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await pods.apply({})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await pods.get("web-0", dry_run=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def changed(obj: dict[str, Any]) -> None: ...
