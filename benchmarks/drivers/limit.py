"""The limit: a bare trio socket, httptools for the HTTP framing, msgspec for the metadata, and nothing else.

No recovery, no store, no index, no lock: what a Python program could reach that does nothing but receive. `kind`:
`keeping`, a list that also keeps the JSON of each pod, as `DynamicObject` does.
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

import httptools
import msgspec
import trio

from benchmarks.driver import ListMeasure, Record, Task, run
from trio_k8swatch import ListMeta, ObjectMeta

# As large as the library reads, so that this is not what makes the difference.
_READ_BYTES = 512 * 1024
_PAGE = 1000


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: _Object


class _Page(msgspec.Struct, frozen=True, gc=False):
    metadata: ListMeta
    items: list[_Object]


class _Kept(msgspec.Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    raw: bytes


_BOUNDARY = b'},{"metadata":{'


def _kept(body: bytes, objects: list[_Object]) -> list[_Kept]:
    """As fast as it can be: cut where an item begins, from the end, with nothing to find out whether that was right."""
    first = body.index(b'"items":[') + len(b'"items":[')
    end = len(body) - len(b"]}\n")
    kept: list[_Kept] = []
    for obj in reversed(objects):
        begin = body.rfind(_BOUNDARY, first, end) + 2 if len(kept) + 1 < len(objects) else first
        kept.append(_Kept(obj.metadata, body[begin:end]))
        end = begin - 1
    return kept


class _Http:
    """A socket that asks, and hands out bodies as they come."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._parts: list[bytes] = []
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    async def get(self, target: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.complete = False
        await self._stream.send_all(b"GET %b HTTP/1.1\r\nHost: bench\r\n\r\n" % target.encode())

    async def body(self) -> bytes:
        parts = self._parts
        while not parts and not self.complete:
            self._parser.feed_data(await self._stream.receive_some(_READ_BYTES))
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        return body


async def _connect(task: Task) -> _Http:
    # As in the library: the C library is to keep the memory of one read for the next.
    bytes(4 * _READ_BYTES)
    url = urlsplit(task.url)
    assert url.hostname
    assert url.port
    stream = await trio.open_tcp_stream(url.hostname, url.port)
    if task.ca is None:
        return _Http(stream)
    context = ssl.create_default_context(cafile=task.ca)
    return _Http(trio.SSLStream(stream, context, server_hostname=url.hostname, https_compatible=True))


async def _lines(http: _Http, record_event: Any, until: int) -> None:
    decode = msgspec.json.Decoder(_Event).decode
    rest = b""
    seen = 0
    while seen < until:
        body = rest + await http.body() if rest else await http.body()
        view = memoryview(body)
        begin = 0
        while (end := body.find(b"\n", begin)) >= 0:
            decode(view[begin:end])
            begin = end + 1
            seen += 1
            record_event()
        rest = body[begin:]


async def _watch(task: Task, record_event: Any) -> None:
    http = await _connect(task)
    await http.get("/api/v1/pods?watch=true")
    await _lines(http, record_event, task.events)


def watch(task: Task, record: Record) -> None:
    trio.run(_watch, task, record.event)


def paced(task: Task, record: Record) -> None:
    trio.run(_watch, task, record.paced_event)


async def _list(task: Task, record: Record) -> None:
    http = await _connect(task)
    decode = msgspec.json.Decoder(_Page).decode
    for _ in range(task.repeats):
        objects: dict[str, _Object | _Kept] = {}
        with ListMeasure(record) as measure:
            token: str | None = ""
            while token is not None:
                await http.get(f"/api/v1/pods?limit={_PAGE}&continue={token}")
                parts: list[bytes] = []
                while not http.complete:
                    parts.append(await http.body())
                body = b"".join(parts)
                page = decode(body)
                for obj in _kept(body, page.items) if task.kind == "keeping" else page.items:
                    objects[obj.metadata.uid] = obj
                token = page.metadata.continue_token
                del parts, page, obj, body
        measure.kept()
        assert len(objects) == task.objects


def list_(task: Task, record: Record) -> None:
    trio.run(_list, task, record)


async def _streaming_list(task: Task, record: Record) -> None:
    for _ in range(task.repeats):
        http = await _connect(task)
        decode = msgspec.json.Decoder(_Event).decode
        objects: dict[str, _Object] = {}
        with ListMeasure(record) as measure:
            await http.get("/api/v1/pods?watch=true&sendInitialEvents=true")
            rest = b""
            bookmark = False
            while not bookmark:
                body = rest + await http.body()
                view = memoryview(body)
                begin = 0
                while (end := body.find(b"\n", begin)) >= 0:
                    event = decode(view[begin:end])
                    begin = end + 1
                    if event.type == "BOOKMARK":
                        bookmark = True
                    else:
                        objects[event.object.metadata.uid] = event.object
                rest = body[begin:]
            del body, view, rest
        measure.kept()
        assert len(objects) == task.objects


def streaming_list(task: Task, record: Record) -> None:
    trio.run(_streaming_list, task, record)


if __name__ == "__main__":
    run({"watch": watch, "paced": paced, "list": list_, "streaming_list": streaming_list})
