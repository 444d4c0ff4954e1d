"""The fake's OpenAPI documents: what is generated from them is what a real server's documents give."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from trio_k8swatch.cli._types.chosen_fields import select
from trio_k8swatch.cli._types.render import render
from trio_k8swatch.cli._types.schema import kind_in_openapi
from trio_k8swatch.testing import FakeApiServer

RECORDED = Path(__file__).parents[1] / "cli" / "types"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }
                },
            }
        ],
    },
}


async def fetched(fake: FakeApiServer, path: str) -> dict[str, Any]:
    async with httpx.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        response = await client.get(f"/openapi/v3/{path}")
    assert response.status_code == 200
    return response.json()


def generated(document: dict[str, Any], api_version: str, kind: str) -> str:
    """A module with every field of a kind."""
    found = kind_in_openapi(document, kind=kind, api_version=api_version, plural="plural")
    return render(found, select(found, found.schema.properties))


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1"])
async def test_types_of_every_kind_are_those_of_a_real_server(path: str, autojump_clock: object) -> None:
    """Every field of every kind, its type and its default."""
    recorded = json.loads(gzip.decompress((RECORDED / f"{path.replace('/', '_')}.json.gz").read_bytes()))
    document = await fetched(FakeApiServer(), path)
    api_version = path.partition("/")[2]
    kinds = [
        one["kind"]
        for schema in document["components"]["schemas"].values()
        for one in schema.get("x-kubernetes-group-version-kind", [])
    ]

    assert {"v1": 15, "apps/v1": 5, "apiextensions.k8s.io/v1": 1}[api_version] <= len(kinds)
    for kind in kinds:
        assert generated(document, api_version, kind) == generated(recorded, api_version, kind)


async def test_extensions_of_fields_are_those_of_a_real_server(autojump_clock: object) -> None:
    """`kubectl apply` reads from them how lists are merged."""
    containers = (await fetched(FakeApiServer(), "api/v1"))["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"][
        "properties"
    ]["containers"]

    assert {name: value for name, value in containers.items() if name.startswith("x-")} == {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": "name",
    }


async def test_a_custom_resource_has_the_schema_of_its_definition(autojump_clock: object) -> None:
    """And the metadata that every object has; the definition itself stays as it was written."""
    fake = FakeApiServer()
    fake.create(DEFINITION)

    document = await fetched(fake, "apis/example.com/v1")

    assert document["components"]["schemas"]["com.example.v1.Widget"]["x-kubernetes-group-version-kind"] == [
        {"group": "example.com", "version": "v1", "kind": "Widget"}
    ]
    text = generated(document, "example.com/v1", "Widget")
    assert "size: int | None = None" in text
    assert "metadata: ObjectMeta" in text
    stored = fake.get("customresourcedefinitions", "widgets.example.com")
    assert stored is not None
    assert "metadata" not in stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
async def test_kubectl_explains_a_field() -> None:
    """The path of the field, its type, and which fields are required."""
    fake = FakeApiServer()
    with trio.fail_after(20):
        async with fake.serve() as url:
            command = ["kubectl", f"--server={url}", "--cache-dir=/dev/null", "explain", "pods.spec.containers"]
            process = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT, check=False)

    text = process.stdout.decode()
    assert "FIELD: containers <[]Container>" in text
    assert "name\t<string> -required-" in text
