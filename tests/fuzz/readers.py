"""What reads bytes that somebody else wrote: each reader as a function of the bytes, which raises only the library's own errors.

The first byte of what is read as a stream says in pieces of how many bytes it comes, so that a fuzzer can look for
mistakes at the seams as well.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from trio_k8swatch import PartialObjectMetadata, connect
from trio_k8swatch._http.client import ApiClient, open_client
from trio_k8swatch._http.connection_pool import ConnectionPool
from trio_k8swatch._http.sockets import Backend, NetworkStream
from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._wire import LineSplitter, decoder_for, error_from_response
from trio_k8swatch.cli._table.server_table import TableReader
from trio_k8swatch.connect import Surroundings
from trio_k8swatch.connect._credentials.exec_credential_json import API_VERSIONS, decode
from trio_k8swatch.discovery._discovery import discover

__all__ = ["READERS"]

TYPES: Final = (DynamicObject, dict, PartialObjectMetadata)


def pieces(data: bytes) -> list[bytes]:
    """The stream that `data` describes, as it comes."""
    size = (data[0] if data else 0) or len(data) or 1
    return [data[begin : begin + size] for begin in range(1, len(data), size)]


def kubeconfig(data: bytes) -> None:
    """Up to the connection it describes; no program is run, and no server is asked."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / "config"
        path.write_bytes(data)
        nothing = Surroundings(environ={}, home=Path(folder), service_account=Path(folder) / "none", terminal=False)
        repr(connect.from_kubeconfig(path, surroundings=nothing))


def exec_plugin(data: bytes) -> None:
    """What a credential plugin prints."""
    decode(data, api_version=API_VERSIONS[0], label="plugin")


def refusal(data: bytes) -> None:
    """The first line is the Retry-After header, the rest the body of an answer that is no success."""
    header, _, body = data.partition(b"\n")
    headers = {"retry-after": header.decode("latin-1")}
    str(error_from_response(429, headers, body, doing="list pods", now_epoch=1.7e9))


def watch(data: bytes) -> None:
    """The lines of a watch, for each kind of type that objects may have; of each event what the reflector looks at."""
    for type_ in TYPES:
        decoder = decoder_for(type_, "v1")
        splitter = LineSplitter()
        for piece in pieces(data):
            for lines in splitter.feed(piece):
                for event in decoder.events(lines):
                    if event.type == "BOOKMARK":
                        str((event.resource_version, event.ends_initial_events))
                    elif event.type != "ERROR":
                        metadata = decoder.metadata(event.object)
                        str((metadata.uid, metadata.namespace, metadata.name, metadata.resource_version))


def page(data: bytes) -> None:
    """The body of a list, for each kind of type."""
    for type_ in TYPES:
        decoder = decoder_for(type_, "v1")
        reader = decoder.page_decoder()
        for found in [*map(reader.feed, pieces(data)), reader.finish()]:
            for item in found.items if found is not None else ():
                str(decoder.metadata(item).name)


def table(data: bytes) -> None:
    """A Table as one body, and as lines of a watch."""
    if data[:1] == b"\0":
        TableReader(now=lambda: 0.0, epoch=lambda: 1.7e9).page(data[1:])
        return
    reader, splitter = TableReader(now=lambda: 0.0, epoch=lambda: 1.7e9), LineSplitter()
    for piece in pieces(data):
        for lines in splitter.feed(piece):
            list(reader.events(lines))


def discovery(data: bytes) -> None:
    """Each line answers one request, the last one all others."""
    answers = data.split(b"\n")

    class Answers:
        async def get(self, path: str, *, accept: str) -> bytes:
            await trio.lowlevel.checkpoint()
            return answers.pop(0) if len(answers) > 1 else answers[0]

    trio.run(discover, Answers())


class _Peer(trio.abc.Stream):
    """Takes what is sent, and answers with what it was given, whatever was asked."""

    def __init__(self, answer: list[bytes]) -> None:
        self._answer = iter(answer)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return next(self._answer, b"")

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class _Peers(Backend):
    """In the place of the network, beneath httpcore."""

    def __init__(self, real: Backend, answer: list[bytes]) -> None:
        self._security = real._security
        self._answer = answer

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None) -> NetworkStream:
        await trio.lowlevel.checkpoint()
        return _ClosedWhenIdle(_Peer(self._answer), self._security)


class _ClosedWhenIdle(NetworkStream):
    """There is no socket that could be looked at between two requests."""

    def get_extra_info(self, info: str) -> object:
        return True if info == "is_readable" else None


def answer_to(ask: Callable[[ApiClient], object], answer: list[bytes]) -> None:
    """Let `ask` ask a server which sends `answer`, through everything that is between a socket and it."""

    async def main() -> None:
        connection = connect.to("http://127.0.0.1")
        pool = ConnectionPool(connection)
        pool._pool._network_backend = _Peers(pool._pool._network_backend, answer)
        async with open_client(connection, transport=pool) as client:
            await ask(client)

    trio.run(main)


def http(data: bytes) -> None:
    """All of a response: interim heads, head, framing, body, and whatever comes behind it."""
    answer_to(lambda client: client.get("/version"), pieces(data))


def chunks(data: bytes) -> None:
    """A chunked body."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer_to(lambda client: client.get("/version"), [head, *pieces(data)])


def gzip(data: bytes) -> None:
    """A compressed body, of a good answer or of a refusal. What comes out is looked at as it comes."""
    code = b"403 Forbidden" if data[:1] > b"\x7f" else b"200 OK"
    head = b"HTTP/1.1 %b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (code, max(len(data) - 1, 0))

    def ask(client: ApiClient) -> object:
        return client.read("/version", {}, accept="*/*", doing="ask", take=lambda part: None)

    answer_to(ask, [head, *pieces(data)])


READERS: Final[dict[str, Callable[[bytes], None]]] = {
    reader.__name__: reader
    for reader in (kubeconfig, exec_plugin, refusal, watch, page, table, discovery, http, chunks, gzip)
}
