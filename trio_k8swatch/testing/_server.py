"""The fake API server: the cluster inside, the doors outside, faults in between."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import httpx

from ._cluster import Inside
from ._failures import Failures
from ._http.answers import refusal, text_answer
from ._http.messages import Headers, Request, Response
from ._http.request_info import kind_of_call
from ._http.response_player import Body
from ._http.response_steps import Dropped, Step
from ._http.router import Router, Timing
from ._http.statuses import Refused, RefusedInText, internal_error, not_imitated, unauthorized
from ._request_log import Call, RequestLog
from ._storage.history import Storage
from .doors._respx import Mountable, mount
from .doors._socket import Url, serve
from .doors._transport import FakeTransport
from .faults import Faults
from .faults._base import FaultsOfCall

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class FakeApiServer(Inside):
    """An API server in memory: honest, deterministic, in virtual time.

    It needs no task of its own: what is due is done when somebody looks. All time is trio's, and everything random
    comes from `seed`.

    `epoch` is the wall clock at the start. With `token`, requests without it are answered 401. `history_limit`: so
    many changes of each resource are remembered for watches; `compaction_seconds`: so long for pages and exact lists.
    `request_log_limit`: so many calls at least are kept in `requests`, by default all.
    `kubelet_seconds`: so long a pod takes to stop. `crd_seconds`: so long until a posted CustomResourceDefinition is
    served. A watch without `timeoutSeconds` lasts between `min_request_timeout_seconds` and twice that.
    `watch_cache=False` is a server that runs without one: it sends no bookmarks. With `shards` it filters by
    `shardSelector` (KEP-5866), which servers without that feature ignore.

    No request ends it. Whatever goes wrong inside is answered with a 500, logged with its traceback, and kept in
    `failures`; it is raised, once, where the server ends for its test: when `serve()` or `with fake:` is left, when a
    client closes the transport, at the end of a test that uses the fixture.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        epoch: datetime = EPOCH,
        token: str | None = None,
        first_resource_version: int = 1,
        history_limit: int = 10_000,
        request_log_limit: int | None = None,
        compaction_seconds: float = 300.0,
        kubelet_seconds: float = 1.0,
        crd_seconds: float = 0.0,
        bookmark_seconds: float = 60.0,
        min_request_timeout_seconds: float = 1800.0,
        watch_cache: bool = True,
        shards: bool = False,
    ) -> None:
        storage = Storage(
            first_resource_version=first_resource_version,
            history_limit=history_limit,
            compaction_seconds=compaction_seconds,
        )
        super().__init__(
            seed=seed,
            epoch=epoch,
            storage=storage,
            kubelet_seconds=kubelet_seconds,
            crd_seconds=crd_seconds,
            end_watches=self._end_watches,
        )
        self.requests: RequestLog = RequestLog(limit=request_log_limit)
        self._failures = Failures()
        self.faults: Faults = Faults(self, self.clock, random.Random(f"{seed} faults"))
        self.token = token
        timing = Timing(bookmark_seconds, min_request_timeout_seconds, watch_cache, shards)
        self._router = Router(self.cluster(), timing, random.Random(f"{seed} timeouts"))
        self.agenda.on_change = self._router.wake_watches
        self._streams: dict[Body, Call] = {}
        self._ids = random.Random(f"{seed} audit")
        self._flow_uid, self._level_uid = self._uuid(), self._uuid()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.raise_failures()

    @property
    def failures(self) -> list[Exception]:
        """What the fake itself raised while it answered, as far as it has not been reported yet."""
        return list(self._failures.kept)

    def raise_failures(self) -> None:
        """Raise `failures` as an exception group, if there are any, and forget them."""
        self._failures.raise_kept()

    @property
    def open_calls(self) -> list[Call]:
        """The calls whose answer is still being read: watches, for the most part."""
        return list(self._streams.values())

    def mount(self, router: Mountable, base_url: str | None = None) -> None:
        """Answer what goes through a respx router, `respx_mock` for one: everything, or what is below `base_url`.

        Routes that were there before come first, as always with respx.
        """
        mount(self.handle, router, base_url)

    def transport(self) -> httpx.AsyncBaseTransport:
        """For `httpx.AsyncClient(transport=...)`. Any host leads here. Closing it raises `failures`."""
        return FakeTransport(self.handle, self.raise_failures)

    def serve(self, *, host: str = "127.0.0.1", port: int = 0, tls: bool = False) -> AbstractAsyncContextManager[Url]:
        """A real socket for the time of an `async with`; the value is the base URL, a `str`.

        By default only this machine reaches it, at a port that is free; OSError if the address cannot be had. With
        `tls`, its attribute `ca` is the certificate of the authority, as PEM. Raises `failures` at the end of the block,
        unless it ends with an exception of its own.
        """
        return self._serve(host, port, tls=tls)

    @asynccontextmanager
    async def _serve(self, host: str, port: int, *, tls: bool) -> AsyncGenerator[Url]:
        async with serve(self.handle, self._failures.note, host=host, port=port, tls=tls) as url:
            yield url
        self.raise_failures()

    async def handle(self, request: Request) -> Response:
        """Answer a request: what all doors lead to. Raises `Dropped` where the connection breaks instead.

        No checkpoint: the doors have one of their own.
        """
        call = Call.of(request, self.clock.now())
        self.requests.append(call)
        try:
            self.agenda.catch_up()
            response = await self._respond(request, call)
            return response.without_body() if request.method == "HEAD" else response
        except Dropped:
            raise
        except RecursionError:
            response = refusal(not_imitated("objects nested that deep"))
        except Exception as error:  # noqa: BLE001 - no request may end the server; its owner is notified
            self._failures.note(error, f"{request.method} {request.path}")
            response = refusal(internal_error(error))
        call.status, call.ended = response.status, self.clock.now()
        return replace(response, headers=self._finished(response))

    async def _respond(self, request: Request, call: Call) -> Response:
        faults = FaultsOfCall(lambda: self.faults.active, call)
        response = await self._answer(request, faults)
        for fault in faults.faults:
            response = fault.effect.after(response, fault)
        call.status = response.status
        self._accompany(response.body, faults, call)
        return replace(response, headers=self._finished(response))

    async def _answer(self, request: Request, faults: FaultsOfCall) -> Response:
        for fault in faults.faults:
            result = await fault.effect.before(request, fault)
            if isinstance(result, Response):
                return result
            request = result
        try:
            if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
                raise unauthorized()
            return await self._router.respond(request)
        except Refused as refused:
            return refusal(refused)
        except RefusedInText as refused:
            return text_answer(refused.status, refused.text, refused.headers)

    def _end_watches(self, resource: str) -> None:
        self._router.end_watches(resource)

    # For faults

    def step_back(self, request: Request, events: int) -> int:
        """A resourceVersion so many events of that collection before the one a request names."""
        _, resource, _ = kind_of_call(request)
        collection = self.storage[resource]
        known = [change.resource_version for change in collection.changes]
        index = bisect_right(known, int(request.parameter("resourceVersion"))) - events
        return known[index] - 1 if index > 0 else collection.floor

    def poke_streams(self) -> None:
        """Have all open streams look at their faults again."""
        for body in tuple(self._streams):
            body.poke()

    def interrupt_streams(self, step: Step) -> None:
        """Do this on all open watches, whatever they were about to do."""
        for body, call in tuple(self._streams.items()):
            if call.verb == "watch":
                body.interrupt(step)

    def _accompany(self, body: Body, faults: FaultsOfCall, call: Call) -> None:
        def closed() -> None:
            call.ended = self.clock.now()
            self._streams.pop(body, None)

        def failed(error: Exception) -> None:
            self._failures.note(error, f"{call.method} {call.path}, in the body of the answer")

        self._streams[body] = call
        body.accompany(faults.filters, on_close=closed, on_failure=failed)

    # Headers

    def _finished(self, response: Response) -> Headers:
        """In the order of Go's net/http: sorted, then the date, then the framing."""
        headers = response.headers
        framing = [pair for pair in headers if pair[0] in {"Content-Length", "Transfer-Encoding"}]
        named = [("Audit-Id", self._uuid()), *(pair for pair in headers if pair not in framing)]
        # Who is turned away at the gate never comes to priority and fairness.
        if response.status != 401 and ("Connection", "close") not in headers:
            named.append(("X-Kubernetes-Pf-Flowschema-Uid", self._flow_uid))
            named.append(("X-Kubernetes-Pf-Prioritylevel-Uid", self._level_uid))
        date = self.clock.datetime().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return (*sorted(named), ("Date", date), *framing)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
