"""kubectl and this library against one server, with everything written down that they send and get."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import trio
from kubectl_table import Namespace, Row

from trio_k8swatch import ApiClient, ApiError, open_client
from trio_k8swatch.testing._http.messages import Request, Response
from trio_k8swatch.testing.doors._socket import serve

KUBECTL = shutil.which("kubectl")

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_TELLS_APART = {"uid", "resourceVersion"}
_AGENTS = {"kubectl", "trio-k8swatch"}


class Sent(NamedTuple):
    """One write as it was on the wire, without what differs from run to run."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass
class Wire:
    """What one namespace was asked for, and with what status that was answered."""

    namespace: str
    sent: list[Sent] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def note(self, request: Request, response: Response) -> None:
        query = {key: self.alike(value) for key, value in request.query}
        if query.get("force") == "false":
            del query["force"]  # as if it were not there
        body = self.alike(json.loads(request.body)) if request.body else None
        if request.method == "DELETE" and body is not None:
            # DeleteOptions may leave out what they are; and dryRun may stand in the body or in the query.
            body = {key: value for key, value in body.items() if key not in {"kind", "apiVersion"}}
            if body.pop("dryRun", None) == ["All"]:
                query["dryRun"] = "All"
        # Without a type, a body is JSON.
        media = request.headers.get("content-type", "application/json") if request.body else ""
        self.sent.append(Sent(request.method, self.alike(request.path), query, media, body))
        self.statuses.append(response.status)

    def alike(self, value: Any) -> Any:
        """`value` without what differs from namespace to namespace and from run to run."""
        if isinstance(value, str):
            return _TIMES.sub("TIME", value.replace(self.namespace, "NAMESPACE"))
        if isinstance(value, list):
            return [self.alike(item) for item in value]
        if not isinstance(value, dict):
            return value
        result = {}
        for key, item in value.items():
            made = self.alike(item)
            if key == "managedFields":
                # In the order of their times, which may be the same second or not.
                made = sorted(made, key=json.dumps)
            if key in _TELLS_APART and re.fullmatch(r"[2-9]|\d{2,}|[0-9a-f-]{36}", str(item)):
                made = key.upper()
            if key == "manager" and item in _AGENTS:
                made = "AGENT"
            result[key] = made
        return result


@dataclass
class Both:
    """What came of one row: by kubectl, and by us."""

    sent: tuple[list[Sent], list[Sent]]
    statuses: tuple[list[int], list[int]]
    objects: tuple[Any, Any]
    done: tuple[bool, bool]
    said: str


Handle = Callable[[Request], Awaitable[Response]]
Before = Callable[[dict[str, Any]], Awaitable[object]]


class Stage:
    """A server behind a socket that writes everything down."""

    def __init__(self, handle: Handle, home: Path) -> None:
        self._handle = handle
        self._home = home
        self._wire: Wire | None = None
        self._url = ""
        self._client: ApiClient | None = None

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Stage]:
        async with (
            serve(self._answer, _failed) as url,
            open_client(base_url=url) as client,
        ):
            self._url, self._client = url, client
            yield self

    async def _answer(self, request: Request) -> Response:
        response = await self._handle(request)
        if request.method != "GET" and self._wire is not None:
            self._wire.note(request, response)
        return response

    async def run(self, row: Row, number: int) -> Both:
        """The row, by both."""
        first = await self._one(row, f"kk-{number}", self._by_kubectl)
        second = await self._one(row, f"oo-{number}", self._by_us)
        one, other = first[0], second[0]
        return Both(
            (one.sent, other.sent),
            (one.statuses, other.statuses),
            (first[1], second[1]),
            (first[2], second[2]),
            f"kubectl: {first[3]}\nours: {second[3]}",
        )

    async def _one(
        self, row: Row, name: str, by: Callable[[Row, Namespace], Awaitable[tuple[bool, str]]]
    ) -> tuple[Wire, Any, bool, str]:
        assert self._client is not None
        ns = Namespace(self._client, name)
        self._wire = None
        await ns.namespaces.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for obj in row.before:
            made = json.loads(json.dumps(obj).replace("{ns}", name))
            plural = f"{made['kind'].lower()}s"
            scope = None if made["kind"] == "Node" else name
            await self._client.resource(made["apiVersion"], plural, namespace=scope).create(made)
        self._wire = wire = Wire(name)
        done, said = await by(row, ns)
        self._wire = None
        return wire, wire.alike(await _everything(ns)), done, said

    async def _by_kubectl(self, row: Row, ns: Namespace) -> tuple[bool, str]:
        assert KUBECTL is not None
        words = [word.replace("{ns}", ns.name) for word in row.kubectl.split()]
        stdin = json.dumps(row.said).replace("{ns}", ns.name).encode() if row.said is not None else b""
        command = [KUBECTL, "--server", self._url, "--namespace", ns.name, *words]
        ended = await trio.run_process(
            command,
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env={"HOME": str(self._home), "PATH": "/usr/bin:/bin"},
        )
        return ended.returncode == 0, (ended.stdout + ended.stderr).decode()

    async def _by_us(self, row: Row, ns: Namespace) -> tuple[bool, str]:
        try:
            return True, repr(await row.ours(ns))
        except ApiError as error:
            return False, repr(error)


async def _everything(ns: Namespace) -> Any:
    """What there is in the end."""
    lists = [ns.maps, ns.pods, ns.accounts, ns.services, ns.deployments]
    result = {one.collection.plural: [obj.to_dict() for obj in (await one.list()).items] for one in lists}
    nodes = [obj.to_dict() for obj in (await ns.nodes.list()).items if obj.metadata.name == ns.name]
    return {**result, "nodes": nodes}


def _failed(error: Exception, what: str) -> None:
    raise AssertionError(f"{what}: {error!r}")
