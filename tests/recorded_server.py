"""A socket that answers as a recorded API server did, byte for byte, whatever is asked."""

import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trio

RECORDINGS = Path(__file__).parent / "testing" / "wire"


def content(recorded):
    return recorded["text"].encode() if "text" in recorded else base64.b64decode(recorded["base64"])


@dataclass
class Exchange:
    """One recorded request and its answer."""

    path: str
    query: dict
    status: int
    headers: list
    body: bytes
    chunks: list
    end: str

    @property
    def lines(self):
        return [json.loads(line) for line in b"".join(self.chunks).split(b"\n")[:-1]]


def recorded(case):
    """The exchanges of one file that were answered at all."""
    found = []
    for exchange in json.loads((RECORDINGS / f"{case}.json").read_text())["exchanges"]:
        request, response = exchange["request"], exchange["response"]
        if response["status"] is not None:
            found.append(
                Exchange(
                    request["path"],
                    {key: values[0] for key, values in parse_qs(request["query"] or "").items()},
                    response["status"],
                    response["headers"],
                    content(response["body"]) if response.get("body") else b"",
                    [content(chunk) for chunk in response.get("chunks") or []],
                    response.get("end"),
                )
            )
    return found


@dataclass
class RecordedServer:
    """Answers lists with `lists` and watches with `watches`, in turn, the last list again and again; then it is silent."""

    lists: list = field(default_factory=list)
    watches: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    @asynccontextmanager
    async def serve(self):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, self._connection, 0)
            port = listeners[0].socket.getsockname()[1]
            yield f"http://127.0.0.1:{port}"
            nursery.cancel_scope.cancel()

    async def _connection(self, stream):
        try:
            while (request := await self._request(stream)) is not None:
                await self._answer(stream, request)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _request(self, stream):
        head = b""
        while b"\r\n\r\n" not in head:
            data = await stream.receive_some()
            if not data:
                return None
            head += data
        target = urlsplit(head.split(b" ", 2)[1].decode())
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        self.asked.append((target.path, query))
        return query

    async def _answer(self, stream, query):
        if "watch" not in query:
            exchange = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        elif self.watches:
            exchange = self.watches.pop(0)
        else:
            exchange = Exchange("", {}, 200, [["Transfer-Encoding", "chunked"]], b"", [], "client-closed")
        headers = "".join(f"{name}: {value}\r\n" for name, value in exchange.headers)
        await stream.send_all(f"HTTP/1.1 {exchange.status} Recorded\r\n{headers}\r\n".encode())
        if "chunked" not in headers:
            await stream.send_all(exchange.body)
            return
        for chunk in exchange.chunks or [exchange.body[i : i + 2048] for i in range(0, len(exchange.body), 2048)]:
            await stream.send_all(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if exchange.end == "client-closed":
            await trio.sleep_forever()
        if exchange.end.startswith("tcp-eof"):
            await stream.aclose()
        else:
            await stream.send_all(b"0\r\n\r\n")
