"""An API server that only replays: everything is rendered before it is asked for, so that it is never the bottleneck.

Run as `python -m benchmarks.server`; prints one line of JSON, `{"url": …, "ca": …}`, once it listens, and ends with its
standard input.
"""

from __future__ import annotations

import argparse
import gzip
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks import pods
from benchmarks.framing import LAST_CHUNK, frame

__all__ = ["FIRST_EVENT_VERSION", "Plan", "Replay", "serve"]

# Lists are made at versions below this, events counted from it.
FIRST_EVENT_VERSION = 1_000_000_000
_SEND_BYTES = 1024 * 1024
# Go's TLS never writes larger ones for an HTTP server whose buffer is that large (measured on kube-apiserver 1.36).
_RECORD_BYTES = 4096
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKED_HEAD = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_GZIPPED_HEAD = _HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
# As kube-apiserver: what it takes longer for is not worth it.
_GZIP_LEVEL = 1


@dataclass(frozen=True)
class Plan:
    """What to replay. `rate` is events per second, 0 for as fast as they are taken.

    With `gzip` lists are compressed for whoever takes it: pages as a whole, streaming lists in a member for each event, as
    Kubernetes 1.37 does. Without `managed` the server has left out managedFields.
    """

    objects: int = 0
    events: int = 0
    framing: str = "event"
    rate: float = 0
    changing_lists: bool = False
    gzip: bool = False
    managed: bool = True


@dataclass
class Replay:
    """The rendered bytes of a plan, and when each paced event was sent (`time.monotonic_ns`)."""

    plan: Plan
    events: list[bytes] = field(default_factory=list)
    burst: bytes = b""
    sent: list[int] = field(default_factory=list)
    lists: int = 0
    watches: int = 0
    members: list[list[bytes]] = field(default_factory=list)
    """Of each generation of a streaming list its events, compressed."""

    def __post_init__(self) -> None:
        plan = self.plan
        generations = 2 if plan.changing_lists else 1
        pod = pods.pod if plan.managed else pods.unmanaged_pod
        self.pods = [[pod(n, g * plan.objects + n + 1) for n in range(plan.objects)] for g in range(generations)]
        if plan.gzip:
            self.members = [[_member(_added(item)) for item in items] for items in self.pods]
        lines = (
            pods.event("MODIFIED", n % plan.objects, FIRST_EVENT_VERSION + n)
            if plan.objects
            else pods.event("ADDED", n, FIRST_EVENT_VERSION + n)
            for n in range(plan.events)
        )
        if plan.rate:
            self.events = [b"".join(frame(plan.framing, [line])) for line in lines]
        else:
            self.burst = b"".join(frame(plan.framing, lines))

    def page(self, limit: int, start: int, *, compressed: bool = False) -> list[bytes]:
        """The HTTP chunks of a page of the newest list; asking for a first page makes a list."""
        if start == 0:
            self.lists += 1
        items = self.pods[(self.lists - 1) % len(self.pods)]
        end = min(start + limit, len(items)) if limit else len(items)
        remaining = len(items) - end
        pieces = [pods.list_head(self._list_version(), str(end) if remaining else "", remaining)]
        for item in items[start:end]:
            pieces += (item, b",")
        if end > start:
            pieces.pop()
        pieces.append(b"]}\n")
        if compressed:
            return [*frame("packed", [gzip.compress(b"".join(pieces), _GZIP_LEVEL)]), LAST_CHUNK]
        return [*frame("list", pieces), LAST_CHUNK]

    def initial_events(self, *, compressed: bool = False) -> list[bytes]:
        """The HTTP chunks of a streaming list, its closing bookmark included."""
        self.lists += 1
        generation = (self.lists - 1) % len(self.pods)
        mark = pods.bookmark(self._list_version(), initial_events_end=True)
        if compressed:
            return [*frame("event", [*self.members[generation], _member(mark)])]
        return [*frame(self.plan.framing, [*map(_added, self.pods[generation]), mark])]

    def _list_version(self) -> int:
        return FIRST_EVENT_VERSION // 2 + self.lists


def _added(item: bytes) -> bytes:
    return b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1",%b}\n' % item[1:]


def _member(line: bytes) -> bytes:
    return gzip.compress(line, _GZIP_LEVEL)


class _Secured:
    """A TLS connection that is written to as kube-apiserver does it: in small records."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self.recv = sock.recv

    def sendall(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        for begin in range(0, len(view), _RECORD_BYTES):
            self._sock.sendall(view[begin : begin + _RECORD_BYTES])

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None:
        self._sock.close()


class _Connection:
    def __init__(self, sock: socket.socket | _Secured, replay: Replay) -> None:
        self._sock = sock
        self._replay = replay

    def run(self) -> None:
        with self._sock:
            try:
                while (head := self._request()) is not None:
                    self._answer(head.split(b" ", 2)[1].decode(), takes_gzip=b"gzip" in head)
            except OSError:
                return  # the client is done, in its own way

    def _request(self) -> bytes | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            received = self._sock.recv(65536)
            if not received:
                return None
            head += received
        return head

    def _answer(self, target: str, *, takes_gzip: bool) -> None:
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        compressed = takes_gzip and self._replay.plan.gzip
        if url.path == "/bench/sent":
            self._send_json(self._replay.sent)
        elif not url.path.endswith("/pods"):
            self._send_json(_DISCOVERY.get(url.path.rstrip("/"), {}))
        elif query.get("watch", "").lower() in {"true", "1"}:
            self._watch(streaming_list=query.get("sendInitialEvents") == "true", compressed=compressed)
        else:
            limit, start = int(query.get("limit", 0)), int(query.get("continue", 0))
            head = _GZIPPED_HEAD if compressed else _CHUNKED_HEAD
            self._send([head, *self._replay.page(limit, start, compressed=compressed)])

    def _watch(self, *, streaming_list: bool, compressed: bool) -> None:
        replay = self._replay
        replay.watches += 1
        self._sock.sendall(_GZIPPED_HEAD if compressed and streaming_list else _CHUNKED_HEAD)
        if streaming_list:
            self._send(replay.initial_events(compressed=compressed))
        if replay.watches == 1:
            self._send_events()
        # Quiet for as long as the client cares to listen.
        while self._sock.recv(1):
            pass

    def _send_events(self) -> None:
        replay = self._replay
        whole = memoryview(replay.burst)
        for start in range(0, len(whole), _SEND_BYTES):
            self._sock.sendall(whole[start : start + _SEND_BYTES])
        begun = time.monotonic()
        for number, event in enumerate(replay.events):
            time.sleep(max(0.0, begun + number / replay.plan.rate - time.monotonic()))
            replay.sent.append(time.monotonic_ns())
            self._sock.sendall(event)

    def _send_json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self._sock.sendall(_HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _send(self, parts: list[bytes]) -> None:
        joined: list[bytes] = []
        size = 0
        for part in parts:
            joined.append(part)
            size += len(part)
            if size >= _SEND_BYTES:
                self._sock.sendall(b"".join(joined))
                joined, size = [], 0
        self._sock.sendall(b"".join(joined))


# Enough for the clients that look around before they list.
_DISCOVERY: dict[str, object] = {
    "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "pods",
                "singularName": "pod",
                "namespaced": True,
                "kind": "Pod",
                "verbs": ["get", "list", "watch"],
            }
        ],
    },
}


def serve(listener: socket.socket, replay: Replay, tls: ssl.SSLContext | None = None) -> None:
    """Answer every connection in a thread of its own, until the listener is closed."""
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            wrapped = _Secured(tls.wrap_socket(sock, server_side=True)) if tls else sock
        except OSError:
            continue
        threading.Thread(target=_Connection(wrapped, replay).run, daemon=True).start()


def _self_signed() -> tuple[ssl.SSLContext, str]:
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(authority.cert_pem.bytes())
    return context, file.name


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=0)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--framing", default="event")
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--changing-lists", action="store_true")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--unmanaged", dest="managed", action="store_false")
    parser.add_argument("--tls", action="store_true")
    arguments = vars(parser.parse_args())
    tls, ca = _self_signed() if arguments.pop("tls") else (None, None)
    replay = Replay(Plan(**arguments))
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=serve, args=(listener, replay, tls), daemon=True).start()
    print(
        json.dumps({"url": f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}", "ca": ca}), flush=True
    )
    sys.stdin.read()
    if ca:
        Path(ca).unlink()


if __name__ == "__main__":
    main()
