"""Structs for chosen fields: exactly these, formatted, the same each time, and safe whatever a schema calls things."""

from __future__ import annotations

import ast
import gzip
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from cli.process import run
from hypothesis import given
from hypothesis import strategies as st

from trio_k8swatch import ConfigError, open_client
from trio_k8swatch._model import model_of
from trio_k8swatch.cli._types import command
from trio_k8swatch.cli._types.chosen_fields import select
from trio_k8swatch.cli._types.render import render
from trio_k8swatch.cli._types.schema import Kind, Schema, kind_in_crd, kind_in_openapi
from trio_k8swatch.cli._watch_arguments import Target
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod as a_pod

HERE = Path(__file__).parent
GROUP_VERSIONS = {"v1": "api_v1", "apps/v1": "apis_apps_v1", "apiextensions.k8s.io/v1": "apis_apiextensions.k8s.io_v1"}


def document(api_version: str) -> dict[str, Any]:
    """As a real kube-apiserver 1.36 describes it, without descriptions and paths."""
    return json.loads(gzip.decompress((HERE / f"{GROUP_VERSIONS[api_version]}.json.gz").read_bytes()))


def described(api_version: str, kind: str, plural: str) -> Kind:
    return kind_in_openapi(document(api_version), kind=kind, api_version=api_version, plural=plural)


def module(text: str) -> ModuleType:
    made = ModuleType("generated")
    sys.modules["generated"] = made  # where msgspec looks annotations up
    exec(text, made.__dict__)
    return made


def crd(schema: dict[str, Any], **names: str) -> dict[str, Any]:
    return {
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "example.com",
            "names": {"kind": "Thing", "plural": "things", **names},
            "versions": [
                {"name": "v1", "storage": True, "schema": {"openAPIV3Schema": schema}},
                {"name": "v1alpha1", "storage": False, "schema": {"openAPIV3Schema": {"type": "object"}}},
            ],
        },
    }


EXPECTED = '''"""Deployment of apps/v1, written by `trio-k8swatch types`."""

from __future__ import annotations

import msgspec

from trio_k8swatch import ObjectMeta, model


class DeploymentSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    replicas: int | None = None


class DeploymentStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    ready_replicas: int | None = None


@model("apps/v1", "deployments")
class Deployment(msgspec.Struct, frozen=True, rename="camel", gc=False):
    metadata: ObjectMeta
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()
'''


def test_exactly_the_fields_that_were_asked_for() -> None:
    """The module as it is printed, down to the blank lines."""
    kind = described("apps/v1", "Deployment", "deployments")

    assert render(kind, select(kind, ["metadata", "spec.replicas", "status.readyReplicas"])) == EXPECTED


async def test_what_is_written_decodes_what_the_server_sends(autojump_clock: object) -> None:
    """A pod's container statuses: one command instead of forty lines."""
    kind = described("v1", "Pod", "pods")
    pods = module(render(kind, select(kind, ["spec.nodeName", "status.containerStatuses", "status.podIP"])))
    fake = FakeApiServer()
    fake.create(a_pod("pending"))
    status = {"podIP": "10.0.0.7", "containerStatuses": [{"name": "main", "ready": True, "image": "i", "imageID": "x",
              "restartCount": 2, "state": {"running": {"startedAt": "2026-11-28T00:00:00Z"}}}]}  # fmt: skip
    fake.create({**a_pod("web-0", node="node-1"), "status": status})
    async with open_client(transport=fake.transport()) as client:
        by_name = {one.metadata.name: one for one in (await client.resource(pods.Pod).list()).items}

    [container] = by_name["web-0"].status.container_statuses
    assert (container.name, container.ready, container.restart_count, container.image_id) == ("main", True, 2, "x")
    assert container.state.running.started_at.year == 2026
    assert container.state.waiting is None
    assert by_name["web-0"].status.pod_ip == "10.0.0.7"
    assert by_name["pending"].status.container_statuses == ()
    assert by_name["pending"].spec.node_name is None


@pytest.mark.parametrize("api_version", GROUP_VERSIONS)
def test_every_kind_as_a_whole(api_version: str) -> None:
    """All fields of all kinds that have metadata: the module runs, decodes an empty object, and is the same twice."""
    components = document(api_version)["components"]["schemas"]
    group, _, version = api_version.rpartition("/")
    tested = 0
    for node in components.values():
        for gvk in node.get("x-kubernetes-group-version-kind", []):
            names = node.get("properties", {})
            if (gvk["group"], gvk["version"]) != (group, version) or "metadata" not in names or "items" in names:
                continue
            kind = described(api_version, gvk["kind"], gvk["kind"].lower() + "s")
            text = render(kind, select(kind, names))
            assert text == render(kind, select(described(api_version, gvk["kind"], kind.plural), names))
            made = getattr(module(text), gvk["kind"])
            assert msgspec.json.decode(b'{"metadata": {"name": "a"}}', type=made).metadata.name == "a"
            assert model_of(made) == (api_version, kind.plural)
            tested += 1
    assert tested >= {"v1": 12, "apps/v1": 5}.get(api_version, 1)


def test_it_is_formatted() -> None:
    """As ruff formats it, so that nobody's linter complains of it."""
    kind = described("v1", "Pod", "pods")
    text = render(kind, select(kind, ["spec.containers", "status"]))
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=120", "-"],
        input=text, capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip

    assert formatted.stdout == text


def test_a_field_that_is_not_there_is_refused_with_near_matches() -> None:
    """Nothing is written for a misspelt path, and a path into a number says why."""
    kind = described("apps/v1", "Deployment", "deployments")

    with pytest.raises(ConfigError, match=r"Deployment has no field spec\.replica; did you mean replicas\?"):
        select(kind, ["spec.replica"])
    with pytest.raises(ConfigError, match=r"spec\.replicas has no fields of its own, so not x either"):
        select(kind, ["spec.replicas.x"])


def test_a_whole_object_beside_a_part_of_it() -> None:
    """`status` and `status.readyReplicas`, in either order, is all of the status."""
    kind = described("apps/v1", "Deployment", "deployments")

    assert select(kind, ["status.readyReplicas", "status"]) == select(kind, ["status", "status.readyReplicas"])
    assert select(kind, ["status"]) == select(kind, ["status", "status.readyReplicas"])


def test_versions_of_a_custom_resource() -> None:
    """The stored one, or the one that is named; anything else is refused with what there is."""
    definition = crd({"type": "object", "properties": {"spec": {"type": "object"}}})

    assert kind_in_crd(definition).api_version == "example.com/v1"
    assert kind_in_crd(definition, version="v1alpha1").api_version == "example.com/v1alpha1"
    with pytest.raises(ConfigError, match="no version v2; it has v1, v1alpha1"):
        kind_in_crd(definition, version="v2")
    with pytest.raises(ConfigError, match="this is a 'Pod'"):
        kind_in_crd({"kind": "Pod"})
    with pytest.raises(ConfigError, match="has no schema for Nothing"):
        described("v1", "Nothing", "nothings")


def test_schemas_that_hold_themselves_come_to_an_end() -> None:
    """By a reference to itself, and through its own fields."""
    loop = {"$ref": "#/components/schemas/a"}
    document = {"a": loop, "b": {"properties": {"metadata": {}, "next": {"$ref": "#/components/schemas/b"}}}}

    with pytest.raises(ConfigError, match="refers to itself"):
        select(Kind("X", "v1", "xs", Schema({"properties": {"metadata": {}, "x": loop}}, document)), ["x"])
    assert select(Kind("B", "v1", "bs", Schema(document["b"], document, "b")), ["next"])


NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(
    [
        "class",
        "__class__",
        "x: int = __import__('os')",
        'a"b',
        "a\nb",
        "\\",
        "ObjectMeta",
        "None",
        "self",
        "match",
        "🐍",
        "1",
    ]
)
SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"format": "date-time"}, {}, {"type": 7}]),
    lambda inner: (
        st.dictionaries(NAMES, inner, max_size=3).map(lambda fields: {"type": "object", "properties": fields})
        | inner.map(lambda one: {"type": "array", "items": one})
        | inner.map(lambda one: {"type": "object", "additionalProperties": one})
    ),
    max_leaves=12,
)


@given(SCHEMAS, NAMES, NAMES, NAMES)
def test_hostile_names_never_become_code(spec: dict[str, Any], kind: str, plural: str, group: str) -> None:
    """Whatever a CustomResourceDefinition says, the module is classes with annotated fields and nothing else."""
    definition = crd({"properties": {"metadata": {}, "spec": spec}}, kind=kind, plural=plural)
    definition["spec"]["group"] = group
    found = kind_in_crd(definition)
    try:
        text = render(found, select(found, ["spec"]))
    except ConfigError:
        return
    tree = ast.parse(text)

    for node in tree.body[1:]:
        assert isinstance(node, (ast.ImportFrom, ast.Import, ast.ClassDef))
        if isinstance(node, ast.ClassDef):
            assert all(isinstance(inner, (ast.AnnAssign, ast.Pass)) for inner in node.body)
            calls = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
            classes = {other.name for other in tree.body if isinstance(other, ast.ClassDef)}
            assert {*calls} <= {"model", "msgspec.field", *classes}
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"msgspec"}


def test_from_a_file_on_the_command_line(tmp_path: Path) -> None:
    """`--crd` writes to stdout what can be imported; what is wrong is one line that names the file."""
    schema = {"properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}, "metadata": {}}}
    file = tmp_path / "crd.yaml"
    file.write_text(yaml.safe_dump(crd(schema)))

    done = run("types", "--crd", str(file), "--fields", "spec.size", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert module(done.stdout).Thing(metadata=None).spec.size is None

    wrong = run("types", "--crd", str(file), "--fields", "spec.sise", home=tmp_path)
    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1
    assert str(file) in wrong.stderr
    assert "did you mean size?" in wrong.stderr
    assert run("types", "--fields", "spec", home=tmp_path).returncode == 2


async def test_from_a_server(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The resource is found as kubectl finds it, its schema in the document of its group and version."""
    fake = FakeApiServer()

    class WithSchemas(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/openapi/v3/apis/apps/v1":
                return httpx.Response(200, json=document("apps/v1"))
            return await fake.transport().handle_async_request(request)

    monkeypatch.setattr(command, "open_target", lambda _: open_client(transport=WithSchemas()))
    await command.print_types_from_server(Target(), "deploy", ["metadata", "spec.replicas", "status.readyReplicas"])

    assert capsys.readouterr().out == EXPECTED


def test_a_schema_that_is_written_in_parts_is_read_as_one() -> None:
    """As kube-apiserver 1.36 writes it where it is built with Go's json/v2."""

    def parts(node: dict[str, Any]) -> dict[str, Any]:
        inner = {**node, "properties": {name: parts(one) for name, one in node.get("properties", {}).items()}}
        extensions = {name: inner.pop(name) for name in list(inner) if name.startswith("x-")}
        return {"ArbitraryKeys": extensions, "SchemaProps": inner, "SwaggerSchemaProps": {}}

    whole = document("apps/v1")
    split = {"components": {"schemas": {name: parts(one) for name, one in whole["components"]["schemas"].items()}}}
    kind = kind_in_openapi(split, kind="Deployment", api_version="apps/v1", plural="deployments")

    assert render(kind, select(kind, ["metadata", "spec.replicas", "status.readyReplicas"])) == EXPECTED
