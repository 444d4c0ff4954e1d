"""What fuzzing begins with: answers of a real API server as they were recorded, and files and outputs as people have them."""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

__all__ = ["DICTIONARY", "FOUND", "seeds"]

FOUND: Final = Path(__file__).parent / "found"
"""Inputs that once broke a reader, `READER.what`. They are read again in every run."""

MAX_BYTES: Final = 64 * 1024

RECORDINGS: Final = Path(__file__).parents[1] / "testing" / "wire"

DICTIONARY: Final = (
    *(
        b'"kind"',
        b'"apiVersion"',
        b'"metadata"',
        b'"items":[',
        b'"object":{',
        b'{"type":"ADDED",',
        b'"resourceVersion"',
    ),
    *(b"null", b"1e999", b"-1", b'"\\ud800"', b"\xff", b"\xef\xbb\xbf", b"[" * 2000, b'{"a":' * 2000, b"9" * 5000),
    *(b"&a [*a, *a]", b"<<: *a", b"!!timestamp x", b"!!int ''", b"!!float ''", b"!!bool x", b"? [a]\n: b", b"\x00"),
    *(b"\r\n\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b";a=b\r\n", b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 "),
    *(b"Content-Length: 99999999999999999999\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"Content-Encoding: deflate\r\n"),
    *(b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59-23:59", b"Thu, 01 Jan 1970 99:99:99 GMT", b"Infinity", b"nan"),
)
"""Words of these languages, and values at their edges, that chance alone would not find."""

KUBECONFIG: Final = b"""apiVersion: v1
kind: Config
current-context: x
clusters: [{name: c, cluster: {server: "http://127.0.0.1:6443", proxy-url: "http://p", tls-server-name: s}}]
users:
- name: u
  user: {token: t, as: jane, as-groups: [a], as-user-extra: {k: [v]}}
- name: e
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: ./p, args: [a], env: [{name: A, value: b}], interactiveMode: Never}
contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}, {name: y, context: {cluster: c, user: e}}]
"""

SECURE_KUBECONFIG: Final = KUBECONFIG.replace(b"http:", b"https:").replace(
    b"tls-", b"certificate-authority-data: YQ==, tls-"
)

EXEC_CREDENTIAL: Final = json.dumps(
    {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "t", "expirationTimestamp": "2030-01-01T00:00:00Z"},
    }
).encode()

STATUS: Final = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too many","reason":"TooManyRequests",'
    b'"details":{"retryAfterSeconds":1,"causes":[{"reason":"ResourceVersionTooLarge","message":"m"}]},"code":429}'
)


def _content(recorded: dict[str, Any] | None) -> bytes:
    if not recorded:
        return b""
    return recorded["text"].encode() if "text" in recorded else base64.b64decode(recorded["base64"])


@functools.cache
def _recorded(case: str) -> list[tuple[dict[str, Any], bytes]]:
    """Response and body of each exchange."""
    exchanges = json.loads((RECORDINGS / f"{case}.json").read_text())["exchanges"]
    responses = [exchange["response"] for exchange in exchanges if exchange["response"]["status"] is not None]
    return [
        (one, _content(one.get("body")) or b"".join(_content(chunk) for chunk in one.get("chunks") or ()))
        for one in responses
    ]


def _bodies(*cases: str, prefix: bytes = b"") -> list[bytes]:
    bodies = [prefix + body for case in cases for _, body in _recorded(case)]
    return [body for body in bodies if len(prefix) < len(body) <= MAX_BYTES]


def _chunked(body: bytes, size: int = 700) -> bytes:
    parts = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _whole(case: str) -> Iterator[bytes]:
    """Responses as they were on the wire."""
    for response, body in _recorded(case):
        head = "".join(f"{name}: {value}\r\n" for name, value in response["headers"])
        framed = _chunked(body) if "Transfer-Encoding: chunked" in head else body
        whole = f"\0HTTP/1.1 {response['status']} {response['reason']}\r\n{head}\r\n".encode() + framed
        if len(whole) <= MAX_BYTES:
            yield whole


def seeds(reader: str) -> list[bytes]:
    """What `reader` reads in everyday life, and what once broke it."""
    found = [path.read_bytes() for path in sorted(FOUND.glob(f"{reader}.*"))]
    return [*found, *_EVERYDAY[reader]()]


_EVERYDAY: Final[dict[str, Callable[[], list[bytes]]]] = {
    "kubeconfig": lambda: [KUBECONFIG, KUBECONFIG.replace(b"context: x", b"context: y"), SECURE_KUBECONFIG],
    "exec_plugin": lambda: [EXEC_CREDENTIAL],
    "refusal": lambda: [
        b"1\n" + STATUS,
        b"Wed, 21 Oct 2026 07:28:00 GMT\n<html>no</html>",
        *_bodies("error-403", prefix=b"\n"),
    ],
    "watch": lambda: _bodies(
        "watch-basic", "watch-bookmark", "watch-410-error-event", "partial-metadata-watch", prefix=b"\0"
    ),
    "page": lambda: _bodies("list-empty", "list-pods", "list-pages", "partial-metadata-list", prefix=b"\0"),
    "table": lambda: [*_bodies("table-list", prefix=b"\0"), *_bodies("table-watch", prefix=b"\x80")],
    "discovery": lambda: [body.replace(b"\n", b"") for body in _bodies("discovery")],
    "http": lambda: [one for case in ("get-object", "error-403", "error-429", "list-empty") for one in _whole(case)],
    "chunks": lambda: [b"\0" + _chunked(body, 200) for body in _bodies("error-404", "list-empty")],
    "gzip": lambda: [first + gzip.compress(STATUS * 20, mtime=0) for first in (b"\0", b"\x90")],
}
