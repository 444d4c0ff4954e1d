"""What kubectl writes and what we write is the same on a real server, too: `nox -s real`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from kubectl_table import TABLE
from kubectl_wire import KUBECTL, Both, Handle, Stage
from real.control_plane import ControlPlane

from trio_k8swatch import open_client
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing._http.answers import answer
from trio_k8swatch.testing._http.messages import Request, Response

pytestmark = pytest.mark.real

LIMIT_SECONDS = 150


@asynccontextmanager
async def forwarding(plane: ControlPlane) -> AsyncGenerator[Handle]:
    """Hands requests on to the real server, with the token of the plane."""
    context = ssl.create_default_context(cafile=str(plane.folder / "ca.crt"))
    headers = {"Authorization": f"Bearer {plane.token}"}
    schemas = FakeApiServer()
    async with httpx.AsyncClient(
        base_url=plane.url, verify=context, headers=headers, trust_env=False, timeout=60
    ) as http:

        async def handle(request: Request) -> Response:
            if request.path.startswith("/openapi"):
                # What kubectl looks up before it writes. Not every build of the API server has it in protobuf.
                return await schemas.handle(request)
            kept = {key: value for key, value in request.headers.items() if key in {"accept", "content-type"}}
            response = await http.request(
                request.method, request.path, params=list(request.query), headers=kept, content=request.body
            )
            warnings = tuple(("Warning", text) for text in response.headers.get_list("warning"))
            media = response.headers.get("content-type", "application/json")
            return answer(response.status_code, media, [response.content], warnings)

        yield handle


def differences(both: Both) -> list[str]:
    """What is not the same."""
    pairs = {"sent": both.sent, "statuses": both.statuses, "objects": both.objects, "done": both.done}
    return [f"{what}\n  kubectl: {one}\n  ours:    {other}" for what, (one, other) in pairs.items() if one != other]


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on the PATH")
async def test_we_write_what_kubectl_writes(plane: ControlPlane, tmp_path: Path) -> None:
    """The whole table: on the wire, in the answers, and in what there is afterwards."""
    found: dict[str, list[str]] = {}
    with trio.fail_after(LIMIT_SECONDS):
        async with forwarding(plane) as handle, Stage(handle, tmp_path).open() as stage:
            for number, row in enumerate(TABLE):
                both = await stage.run(row, number)
                assert both.sent[0], f"{row.id}: {both.said}"
                if problems := differences(both):
                    found[row.id] = [*problems, both.said]
    assert not found, "\n".join(f"## {name}\n" + "\n".join(problems) for name, problems in found.items())


async def test_events_are_recorded_and_counted(plane: ControlPlane, tmp_path: Path) -> None:
    """Those that the recorder makes are taken, their series too; kubectl shows them below their object."""
    with trio.fail_after(LIMIT_SECONDS):
        async with open_client(from_kubeconfig(plane.kubeconfig)) as client:
            maps = client.resource("v1", "configmaps", namespace="default")
            obj = await maps.create({"metadata": {"name": "settings"}})
            recorder = client.recorder("example.com/shop", raises=True)
            await recorder.warning(obj, "Unreadable", "ä" * 2000, action="Reading", related=obj)
            await trio.sleep(10.1)
            await recorder.warning(obj, "Unreadable", "ä" * 2000, action="Reading", related=obj)
            node = await client.resource("v1", "nodes").create({"metadata": {"name": "n"}})
            await recorder.normal(node, "Seen", "it is there")
            events = client.resource("events.k8s.io/v1", "events")
            found = {event["reason"]: event for event in (await events.list()).items}
    assert found["Unreadable"]["series"]["count"] == 2
    assert found["Unreadable"]["regarding"]["uid"] == obj.metadata.uid
    assert found["Seen"].metadata.namespace == "default"
