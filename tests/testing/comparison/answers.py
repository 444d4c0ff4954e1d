"""Asks a server, real or fake, and keeps of its answer what two servers can have in common."""

from __future__ import annotations

import json
import re

import httpx
import trio
from testing.comparison.asks import Ask, applied
from testing.comparison.samples import definition

GROUP = "cmp.example.com"
# So long a watch has to be silent until it is taken to have said everything.
SILENCE_SECONDS = 0.5
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
HEADERS = ("content-type", "warning", "retry-after")


async def answered(client: httpx.AsyncClient, ask: Ask, silence: float = SILENCE_SECONDS) -> dict:
    """The answer, comparable."""
    url = ask.path + (f"?{ask.query}" if ask.query else "")
    headers = {"user-agent": "compare", **({"accept": ask.accept} if ask.accept else {})}
    content = ask.text.encode() if ask.text is not None else None
    if ask.edits is not None:
        got = await client.get(ask.path)
        ask = Ask(**{**ask.__dict__, "body": applied(got.json(), [tuple(one) for one in ask.edits])})
    if ask.body is not None:
        content = json.dumps(ask.body, separators=(",", ":")).encode()
    if content is not None:
        headers["content-type"] = ask.content_type
    async with client.stream(ask.method, url, headers=headers, content=content) as response:
        body = b""
        if ask.watch and response.status_code == 200:
            chunks = response.aiter_raw()
            with trio.move_on_after(silence) as scope:
                async for chunk in chunks:
                    body += chunk
                    scope.deadline = trio.current_time() + silence
        else:
            body = await response.aread()
    said = {name: response.headers.get_list(name) for name in HEADERS if name in response.headers}
    return {"status": response.status_code, "headers": said, "body": comparable(body.decode(errors="replace"))}


def comparable(text: str):
    """What a body says, without what no two servers have in common."""
    text = UID.sub("UID", TIME.sub("TIME", text))
    text = re.sub(r"(gen-|Gen_)[a-z0-9]{5}", r"\1SUFFIX", text)
    text = re.sub(r'("10\.0\.\d+\.\d+")', '"ADDRESS"', text)
    text = re.sub(r'(nodePort"): ?3\d{4}', r'\1:"PORT"', text)
    if text.startswith('{"type"'):
        return [_without_versions(json.loads(line)) for line in text.splitlines()]
    try:
        return _without_versions(json.loads(text))
    except ValueError:
        return text


def _without_versions(value):
    if isinstance(value, dict):
        hidden = {"resourceVersion": "VERSION", "continue": "TOKEN"}
        return {
            key: hidden[key] if key in hidden and isinstance(one, str) and one else _without_versions(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_without_versions(one) for one in value]
    if isinstance(value, str):
        value = re.sub(r"(resource version: |current: |ResourceVersion in record \()\d+", r"\1VERSION", value)
        return re.sub(r"\b(too old resource version: \d+) \(\d+\)", r"\1 (VERSION)", value)
    return value


async def prepare(client: httpx.AsyncClient) -> None:
    """What all episodes stand on: a custom resource, and the namespace that objects without one are in."""
    answer = await client.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", json=definition(GROUP))
    assert answer.status_code in {201, 409}, answer.text
    with trio.fail_after(60):
        while (await client.get(f"/apis/{GROUP}/v1/namespaces/default/widgets")).status_code != 200:
            await trio.sleep(0.2)
