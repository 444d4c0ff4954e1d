"""An API server that is connected to: what is asked of it, whatever the collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import httpx
import msgspec
import trio

from trio_k8swatch._errors import ApiError, ConfigError, ProtocolError, TooManyRequests, Unauthorized, Unavailable
from trio_k8swatch._model import model_of
from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._observed_writes import note_write
from trio_k8swatch._runtime import require_trio

from .collection import Collection
from .gate import Gate
from .recorder import Recorder
from .requests import Requests, located, read_parts
from .resource import Resource
from .response_body import Body
from .writes.call import Call
from .writes.throttled import Repeats
from .writes.written_by_task import write_of

if TYPE_CHECKING:
    from trio_k8swatch.connect import Connection

__all__ = ["ApiClient", "open_client"]

T = TypeVar("T")

_STREAMING_LISTS_SINCE: Final = (1, 34)
"""Kubernetes has sendInitialEvents on by default from there (KEP-3157)."""

_SERVER_ERROR: Final = 500

_MAX_BODY_BYTES: Final = 256 * 1024 * 1024
"""Of an answer that is kept whole (R14). The largest, an OpenAPI document or a list in one piece, have some tens of megabytes."""


class _Version(msgspec.Struct, frozen=True):
    major: str = "0"
    minor: str = "0"


class ApiClient:
    """Connections to one API server (`open_client`). Any number of watches share it."""

    def __init__(
        self,
        connection: Connection,
        calls: Requests,
        streams: Requests,
        *,
        gate: Gate,
        silence_limit: float,
        lists_at_once: int,
        asks_version: bool,
    ) -> None:
        self.connection = connection
        self._gate = gate
        self._lists = trio.CapacityLimiter(lists_at_once)
        self._version_lock = trio.Lock()
        self._calls = calls
        self._streams = streams
        self._silence_limit = silence_limit
        # A test's server, or a proxy's, is not asked for anything but what it is there for.
        self._version: tuple[int, int] | None = None if asks_version else (0, 0)

    @overload
    def resource(
        self, api_version: str, plural: str, *, namespace: str | None = ..., drop: Iterable[str] = ...
    ) -> Resource[DynamicObject]: ...
    @overload
    def resource(
        self, api_version: str, plural: str, *, namespace: str | None = ..., type: type[T], drop: Iterable[str] = ...
    ) -> Resource[T]: ...
    @overload
    def resource(self, model: type[T], /, *, namespace: str | None = ..., drop: Iterable[str] = ...) -> Resource[T]: ...
    def resource(
        self,
        api_version: str | type[Any],
        plural: str | None = None,
        *,
        namespace: str | None = None,
        type: Any = DynamicObject,
        drop: Iterable[str] = (),
    ) -> Resource[Any]:
        """One collection: `resource("apps/v1", "deployments", namespace="default")`. No request is made.

        `resource(Deployment)` for a class that says which resource it describes: one with `@model("apps/v1", "deployments")`,
        or a resource class of lightkube.

        `namespace=None` means all namespaces. `type` is what its objects become: any msgspec struct, dataclass or attrs
        class with `metadata: ObjectMeta`, of which only the fields that it names are decoded; `dict`; or
        `PartialObjectMetadata`, for which the server sends nothing else. Raises ConfigError for any other type.

        `drop=("metadata.managedFields",)`: fields that are cut out before anything is kept, for types that keep all fields
        (`DynamicObject`, `dict`). Servers that can leave out managedFields (KEP-5958) are asked to.
        """
        if not isinstance(api_version, str):
            type, (api_version, plural) = api_version, model_of(api_version)  # noqa: A001 - as the parameter is called
        return Resource(self, Collection(api_version, plural or "", namespace), type, drop)

    def recorder(self, controller: str, *, instance: str | None = None, raises: bool = False) -> Recorder:
        """Records events about objects: `await recorder.warning(obj, "Reason", "message")`. No request is made here.

        `controller` is the name of the program, the same in all its replicas, `instance` that of this one (else made of the
        name of the host). Raises ConfigError for a name that no server takes.
        """
        return Recorder(self, controller, instance, raises=raises)

    async def get(self, path: str, *, accept: str = "application/json", params: dict[str, str] | None = None) -> bytes:
        """The body of a GET of `path`, for what is no watch: a page, `/version`, discovery, `/readyz`.

        Raises ApiError for a refusal, Unavailable if there is no answer or it stalls, ProtocolError if it is far too large.
        """
        return await self.call(path, params or {}, accept=accept, doing=f"get {path}")

    async def call(self, path: str, query: dict[str, str], *, accept: str, doing: str) -> bytes:
        """As `get`; `doing` says in errors what it was for."""
        return await self._whole(Call("GET", path, "", doing, accept, query))

    async def read(
        self, path: str, query: dict[str, str], *, accept: str, doing: str, take: Callable[[bytes], object]
    ) -> None:
        """As `call`, but the body is handed to `take` part by part, as it comes.

        The connection is then there for a watch: whoever lists mostly watches next, and 100 watches have 100 connections.
        """
        await self._receive(Call("GET", path, "", doing, accept, query), take, self._streams)

    async def ask(self, call: Call) -> bytes:
        """The answer to one request about an object, or to a write.

        It is sent again only if the server turned it away and said for how long (429 with Retry-After). Raises ApiError for
        a refusal; Unavailable, which says whether it may have happened, if there is no answer.
        """
        try:
            answer = await self._admitted_answer(call)
        except Unavailable as error:
            if not error.may_have_happened:
                raise
            self._note(call, None)
            raise
        self._note(call, answer)
        return answer

    async def _admitted_answer(self, call: Call) -> bytes:
        repeats = Repeats(call)
        while True:
            try:
                return await self._whole(call)
            except TooManyRequests as error:
                pause = repeats.pause_after(error)
                if pause is None:
                    raise
            await trio.sleep(pause)

    def _note(self, call: Call, answer: bytes | None) -> None:
        if (write := write_of(call, answer)) is not None:
            note_write(write)

    async def _whole(self, call: Call) -> bytes:
        """The answer to `call`, kept whole. Raises ProtocolError if it is far too large."""
        body = bytearray()

        def take(part: bytes) -> None:
            body.extend(part)
            if len(body) > _MAX_BODY_BYTES:
                raise ProtocolError(f"the answer is larger than {_MAX_BODY_BYTES} bytes")

        await self._receive(call, take, self._calls)
        return bytes(body)

    async def _receive(self, call: Call, take: Callable[[bytes], object], requests: Requests) -> None:
        """Send `call` once, and hand its answer to `take` as it comes."""
        limit, doing = self._silence_limit, call.doing
        headers = {"Accept": call.accept, "Accept-Encoding": "gzip" if self.connection.compress else "identity"}
        if call.content is not None:
            headers["Content-Type"] = call.content_type
        await requests.prepare(doing=doing)
        with trio.CancelScope(deadline=trio.current_time() + limit) as scope:
            async with requests.get(
                call.path,
                call.query,
                headers,
                doing=doing,
                silence_limit=limit,
                method=call.method,
                content=call.content,
                verb=call.verb,
            ) as body:
                # From here on every byte counts as life, so a long list may take its time.
                scope.deadline = float("inf")
                with located(doing):
                    await read_parts(body, take, silence_limit=limit)
                return
        raise Unavailable(f"cannot {doing}: {self.connection.server} did not answer within {limit:g} s")

    @asynccontextmanager
    async def stream(
        self, path: str, query: dict[str, str], *, accept: str, doing: str, begins_with_list: bool = False
    ) -> AsyncGenerator[Body]:
        """A GET whose answer goes on.

        Not compressed: proxies would hold events back until their buffers are full. But one that `begins_with_list` may be,
        as a list may; servers that compress it flush after each event (Kubernetes 1.37).
        """
        may_compress = begins_with_list and self.connection.compress
        headers = {"Accept": accept, "Accept-Encoding": "gzip" if may_compress else "identity"}
        await self._streams.prepare(doing=doing)
        limit = self._silence_limit
        async with self._streams.get(path, query, headers, doing=doing, silence_limit=limit, is_watch=True) as body:
            yield body

    @asynccontextmanager
    async def admitted(self, *, to_list: bool) -> AsyncGenerator[None]:
        """Wait until the server may be asked; in the block one request is sent without waiting.

        With `to_list` for a list, of which only so many are read at a time (`open_client(lists_at_once=…)`), this one until
        the end of the block. Raises Unavailable when the server turns out to be unreachable in the meantime. Credentials are
        brought up to date before, outside of all limits that are for the server, and without a turn that others wait for.
        """
        await self._streams.prepare(doing=f"ask {self.connection.server}")
        async with AsyncExitStack() as stack:
            if to_list:
                await stack.enter_async_context(self._lists)
            await stack.enter_async_context(self._gate.admitted())
            yield

    @property
    def next_attempt_at(self) -> float | None:
        """When the server is asked again that could not be reached or asked for time; None if it may be asked now."""
        return self._gate.next_attempt_at

    async def has_new_credentials(self) -> bool:
        """Whether there are others than the server has last refused, as far as that can be seen. A file may be read."""
        try:
            return await self.connection.has_new_credentials()
        except (ConfigError, Unavailable):
            return False

    async def prefers_streaming_lists(self) -> bool:
        """Whether a list is better streamed than read in pages, which cost as much and come compressed.

        So only where they may not be, and where the server is known to end streaming lists as it should. Asks for its version
        then, once; but not a server that was named by `base_url` or stands behind a `transport`. What it says counts for
        good, a refusal that may pass only for now. Raises Unavailable if there is no answer.
        """
        if self.connection.compress:
            return False
        async with self._version_lock:
            version = self._version or await self._ask_version()
        return version >= _STREAMING_LISTS_SINCE

    async def _ask_version(self) -> tuple[int, int]:
        try:
            version = msgspec.json.decode(await self.get("/version"), type=_Version)
            self._version = int(version.major), int(version.minor.rstrip("+"))
        except ApiError as error:
            if error.status.code >= _SERVER_ERROR or isinstance(error, (TooManyRequests, Unauthorized)):
                return 0, 0
            self._version = 0, 0
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._version = 0, 0
        return self._version


@asynccontextmanager
async def open_client(
    connection: Connection | None = None,
    *,
    base_url: str | None = None,
    token: str | None = None,
    http2: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    silence_limit: float = 65.0,
    lists_at_once: int = 4,
    rng: Random | None = None,
    user_agent: str = "trio-k8swatch",
) -> AsyncGenerator[ApiClient]:
    """Connect to an API server; what is opened here is closed at the end of the block.

    Without arguments: the cluster that `kubectl` would use, else the one this program runs in (`connect.load`). With
    `connection`: that one. With `base_url`, and perhaps a bearer `token`: exactly that server. `transport` replaces the
    network, in tests. `http2` is refused. A call is given up after
    `silence_limit` seconds without a byte; watches have a limit of their own. Of all watches together, `lists_at_once` read
    a list at a time. While the server cannot be reached, one attempt at a time is made for all of them; `rng` is where the
    jitter of that comes from. Raises ConfigError, in one line, for what cannot be used.
    """
    require_trio("open_client")
    if http2:
        # httpcore drops answers that come with a GOAWAY, as a 401 does (R5); watches have connections of their own anyway.
        raise ConfigError("http2=True: HTTP/2 is not supported, because answers are lost in it; leave it out")
    if lists_at_once < 1:
        raise ConfigError(f"open_client(lists_at_once={lists_at_once}): one at a time is the least")
    connection = _described(connection, base_url, token, has_network=transport is None).for_client()
    gate = Gate(rng)
    async with AsyncExitStack() as stack:
        # One pool for single calls, one for watches and the lists before them: a cancelled connect that costs a slot
        # (httpcore#1093) then never costs the other kind one. While it runs, a watch has its connection to itself: leaving
        # it closes it, and a dead one takes no others with it.
        calls, streams = [
            Requests(connection, await stack.enter_async_context(_http(connection, transport, user_agent)), gate)
            for _ in range(2)
        ]
        yield ApiClient(
            connection,
            calls,
            streams,
            gate=gate,
            silence_limit=silence_limit,
            lists_at_once=lists_at_once,
            asks_version=base_url is None and transport is None,
        )


def _described(
    connection: Connection | None, base_url: str | None, token: str | None, *, has_network: bool
) -> Connection:
    """The server that is meant. Raises ConfigError if the arguments of `open_client` contradict each other."""
    # What only a real connection needs is imported when there is to be one: programs start faster.
    from trio_k8swatch import connect  # noqa: PLC0415

    if connection is not None:
        if base_url or token:
            raise ConfigError("open_client() has a connection, and base_url or token beside it: give one or the other")
        return connection
    if base_url is None and has_network:
        if token is not None:
            raise ConfigError("open_client(token=…) needs base_url=…: the server that the token is for")
        return connect.load()
    # What replaces the network sends nothing over it.
    return connect.to(base_url or "http://localhost", token=token, insecure=not has_network)


def _http(connection: Connection, transport: httpx.AsyncBaseTransport | None, user_agent: str) -> httpx.AsyncClient:
    from .connection_pool import ConnectionPool  # noqa: PLC0415 - as in `_described`

    return httpx.AsyncClient(
        transport=transport or ConnectionPool(connection),
        auth=connection.auth,
        headers=[("User-Agent", user_agent), *connection.headers],
        timeout=None,  # noqa: S113 - every limit is a scope of ours, which also works behind a mock
        trust_env=False,
    )
