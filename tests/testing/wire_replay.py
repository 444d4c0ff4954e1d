"""Recorded exchanges of a real API server, and the fake in the state in which it must answer the same."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import trio

from trio_k8swatch.testing import FakeApiServer

DIRECTORY = Path(__file__).parent / "wire"
# Their values are made up by each server, or say how the connection is framed.
RANDOM_HEADERS = {"Audit-Id", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid", "Date", "Etag"}


def raw(content) -> bytes:
    return content["text"].encode() if "text" in content else base64.b64decode(content["base64"])


class Exchange:
    def __init__(self, recorded):
        self.request, self.response = recorded["request"], recorded["response"]
        self.headers = dict(self.request["headers"])
        self.path, self.query = self.request["path"], self.request["query"] or ""
        self.parameters = dict(httpx.QueryParams(self.query))
        self.status = self.response["status"]
        self.chunks = [(chunk["t"], raw(chunk)) for chunk in self.response.get("chunks") or []]
        self.body = raw(self.response["body"]) if self.response.get("body") else None

    @property
    def json(self):
        return json.loads(self.body)

    def lines(self):
        """(time, line) of a watch: a line has arrived when its last chunk has."""
        result, rest = [], b""
        for time, data in self.chunks:
            *ends, rest = (rest + data).split(b"\n")
            result += [(time, line + b"\n") for line in ends]
        return result

    def events(self):
        return [(time, json.loads(line)) for time, line in self.lines()]


def case(name) -> list[Exchange]:
    return [Exchange(one) for one in json.loads((DIRECTORY / f"{name}.json").read_text())["exchanges"]]


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    chunks: list[tuple[float, bytes]]
    seconds: float

    @property
    def body(self):
        return b"".join(data for _, data in self.chunks)

    def lines(self):
        return [line + b"\n" for line in self.body.split(b"\n")[:-1]]


def server(exchange, *, seconds_later=0.0, **options) -> FakeApiServer:
    """A fake whose clock shows what the real server's did; the recording rounds to seconds."""
    date = dict(exchange.response["headers"]).get("Date", "Sun, 22 Nov 2026 15:42:17 GMT")
    fake = FakeApiServer(epoch=parsedate_to_datetime(date) + timedelta(seconds=seconds_later), **options)
    for name in ("wire", "wire-cm", "wire-empty", "wire-big"):
        fake.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    fake.register("stable.example.com/v1", "CronTab")
    return fake


async def ask(fake, exchange, *, seconds=1000) -> Answer:
    """Send the recorded request; note what comes, chunk by chunk, on the virtual clock."""
    start = trio.current_time()
    chunks = []
    headers = {name: value for name, value in exchange.headers.items() if name != "Host"}
    content = raw(exchange.request["body"]) if exchange.request.get("body") else None
    url = f"http://HOST{exchange.path}?{exchange.query}"
    async with httpx.AsyncClient(transport=fake.transport(), timeout=None) as client:
        request = client.build_request(exchange.request["method"], url, headers=headers, content=content)
        for name in [name for name in request.headers if name.title() not in exchange.headers and name != "host"]:
            if name != "content-length":
                del request.headers[name]
        response = await client.send(request, stream=True)
        try:
            with trio.move_on_after(seconds):
                async for chunk in response.stream:
                    chunks += [(trio.current_time() - start, chunk)]
        finally:
            await response.aclose()
    found = [(name.decode(), value.decode()) for name, value in response.headers.raw]
    return Answer(response.status_code, found, chunks, trio.current_time() - start)


def at_version(fake, version):
    fake.storage.resource_version = int(version)


def change(fake, event):
    """Let happen in the fake what an event tells, under the recorded resourceVersion."""
    obj = deepcopy(event["object"])
    metadata = obj["metadata"]
    version = int(metadata["resourceVersion"])
    kind = fake.registry.by_kind(obj["apiVersion"], obj["kind"])
    key = (metadata.get("namespace", ""), metadata["name"])
    known = fake.storage[kind.qualified].current
    if event["type"] != "ADDED" and key not in known:
        fake.storage.load(
            kind.qualified, key, {**obj, "metadata": {**metadata, "resourceVersion": "1"}}, 0, custom=kind.custom
        )
    at_version(fake, version - 1)
    if event["type"] == "DELETED":
        fake.storage.drop(kind.qualified, key, fake.now)
    else:
        fake.storage.put(kind.qualified, key, obj, fake.now, custom=kind.custom)


def is_live(time):
    """Whether an event was sent when it happened, and not because it had happened before."""
    return time > 0.0045


def prepare_watch(fake, exchange):
    """The state before a watch, and, on the agenda, what happened while it was open."""
    version = exchange.parameters.get("resourceVersion", "")
    synthetic = version in {"", "0"} or "sendInitialEvents" in exchange.parameters
    events = [(time, event) for time, event in exchange.events() if event["type"] != "ERROR"]
    before = [event for time, event in events if not is_live(time)]
    if synthetic:
        fake.load(*(event["object"] for event in before if event["type"] != "BOOKMARK"))
        for event in before:
            if event["type"] == "BOOKMARK":
                at_version(fake, event["object"]["metadata"]["resourceVersion"])
    else:
        at_version(fake, version)
        for event in before:
            change(fake, event)
    for time, event in events:
        if is_live(time) and event["type"] == "BOOKMARK":
            wanted = event["object"]["metadata"]["resourceVersion"]
            fake.after(
                max(time - 1.5, 0.35),
                lambda wanted=wanted: at_version(fake, max(int(wanted), int(fake.resource_version))),
            )
        elif is_live(time):
            fake.after(time, lambda event=event: change(fake, event))


def compare_headers(exchange, answer):
    """The same names in the same order, and the same values where they are not random."""
    wanted = [tuple(pair) for pair in exchange.response["headers"]]
    found = answer.headers
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (name, value), (_, expected) in zip(found, wanted, strict=True):
        if name not in RANDOM_HEADERS:
            assert (name, value) == (name, expected)
