"""The API server in a box."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import httpx
import trio

from ._admission import Admission
from ._answers import refusal, text_answer
from ._body import Body
from ._clock import Clock
from ._http import Headers, Request, Response
from ._json import Object, decode
from ._log import Call, RequestLog
from ._patching import merge_patch
from ._paths import Target, kind_of_call
from ._resources import Registry, ResourceType
from ._router import Router, Timing
from ._status import Refused, RefusedInText, unauthorized
from ._steps import Step
from ._storage import Storage
from ._writing import Preconditions, Writer
from .doors._respx import Mountable, mount
from .doors._socket import serve
from .doors._transport import FakeTransport
from .faults import Faults
from .faults._base import FaultsOfCall

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class FakeApiServer:
    """An API server in memory: honest, deterministic, in virtual time.

    Everything random comes from `seed`; all time is trio's. It needs no task of its own: what is due is done when
    somebody looks. `token`: if given, requests without it are answered 401.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        epoch: datetime = EPOCH,
        token: str | None = None,
        first_resource_version: int = 1,
        history_limit: int = 10_000,
        compaction_seconds: float = 300.0,
        bookmark_seconds: float = 60.0,
        min_request_timeout_seconds: float = 1800.0,
    ) -> None:
        self.clock = Clock(epoch)
        self.registry = Registry()
        self.storage = Storage(
            first_resource_version=first_resource_version,
            history_limit=history_limit,
            compaction_seconds=compaction_seconds,
        )
        self.requests = RequestLog()
        self.faults = Faults(self, self.clock)
        self.token = token
        self._ids = random.Random(f"{seed} audit")
        self._writer = Writer(self.storage, self.clock, Admission(self.clock, random.Random(f"{seed} uid")))
        timing = Timing(bookmark_seconds, min_request_timeout_seconds)
        rng = random.Random(f"{seed} timeouts")
        self._router = Router(self.registry, self.storage, self._writer, self.clock, timing, rng)
        self._streams: dict[Body, Call] = {}
        self._flow_uid = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        self._level_uid = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        for name in NAMESPACES:
            self._ensure_namespace(name)

    # The cluster, from the inside

    @property
    def resource_version(self) -> str:
        """The cluster's resourceVersion at this moment."""
        return str(self.storage.resource_version)

    @property
    def version(self) -> int:
        """The same as a number."""
        return self.storage.resource_version

    def create(self, obj: Object) -> Object:
        """Create an object, its namespace too if need be. Returns it as stored."""
        target = self._target_of(obj)
        if target.namespace:
            self._ensure_namespace(target.namespace)
        return _copy(self._writer.create(target, obj).json)

    def replace(self, obj: Object) -> Object:
        """Replace an object, status included; 409 if `obj` has a resourceVersion and it is not the last one."""
        return _copy(self._writer.replace(self._target_of(obj), obj).json)

    def patch(self, resource: str, name: str, patch: Object, *, namespace: str | None = None) -> Object:
        """Merge `patch` into an object (RFC 7386), status included."""
        target = self._target(resource, namespace, name)
        changed = merge_patch(self._writer.existing(target).object, patch)
        return _copy(self._writer.replace(target, changed).json)

    def delete(self, resource: str | Object, name: str | None = None, *, namespace: str | None = None) -> None:
        """Delete an object, given itself or its resource, name and namespace. Finalizers are respected."""
        target = self._target_of(resource) if isinstance(resource, dict) else self._target(resource, namespace, name)
        self._writer.delete(target, Preconditions())

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object | None:
        """An object as it is at this moment, or None."""
        target = self._target(resource, namespace, name)
        revision = self.storage[target.kind.qualified].current.get((target.namespace, target.name))
        return None if revision is None else _copy(revision.json)

    def objects(self, resource: str, *, namespace: str | None = None) -> list[Object]:
        """All objects of a resource at this moment, in the order of a list: what a perfect client would know."""
        state = self.storage[self.kind(resource).qualified].current
        chosen = [key for key in state if namespace in {None, key[0]}]
        return [_copy(state[key].json) for key in sorted(chosen, key="/".join)]

    def compact(self) -> None:
        """Forget the history: a watch or list from before now is answered 410."""
        self.storage.compact()

    def kind(self, resource: str) -> ResourceType:
        """What `pods`, `po`, `Pod` or `deployments.apps` is here. Raises LookupError for what is not served."""
        found = self.registry.by_name(resource)
        if found is None:
            raise LookupError(f"this server has no resource {resource!r}; fake.register(...) makes one")
        return found

    def register(
        self,
        api_version: str,
        kind: str,
        *,
        plural: str | None = None,
        namespaced: bool = True,
        short_names: tuple[str, ...] = (),
    ) -> ResourceType:
        """Serve a custom resource, without a CustomResourceDefinition and without a schema."""
        group, _, version = api_version.rpartition("/")
        made = ResourceType(
            group=group,
            version=version,
            plural=plural or f"{kind.lower()}s",
            kind=kind,
            namespaced=namespaced,
            singular=kind.lower(),
            short_names=short_names,
            subresources=("status",),
            custom=True,
        )
        self.registry.add(made)
        return made

    # The doors

    def mount(self, router: Mountable, base_url: str = "https://kubernetes.test") -> None:
        """Answer all requests below `base_url` that go through a respx router, `respx_mock` for one."""
        mount(self.handle, router, base_url)

    def transport(self) -> httpx.AsyncBaseTransport:
        """For `httpx.AsyncClient(transport=...)`."""
        return FakeTransport(self.handle)

    def serve(self, *, port: int = 0) -> AbstractAsyncContextManager[str]:
        """A real socket on 127.0.0.1 for the time of an `async with`; the value is the base URL."""
        return serve(self.handle, port=port)

    async def handle(self, request: Request) -> Response:
        """Answer a request. Raises `Dropped` where the connection breaks instead."""
        await trio.lowlevel.checkpoint()
        call = Call.of(request, self.clock.now())
        self.requests.append(call)
        faults = FaultsOfCall(lambda: self.faults.active, call)
        response: Response | None = None
        for fault in faults.faults:
            result = await fault.effect.before(request, fault.strike)
            if isinstance(result, Response):
                response = result
                break
            request = result
        if response is None:
            response = await self._answer(request)
        for fault in faults.faults:
            response = fault.effect.after(response, fault.strike)
        call.status = response.status
        self._accompany(response.body, faults, call)
        return replace(response, headers=self._finished(response.headers))

    async def _answer(self, request: Request) -> Response:
        try:
            if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
                raise unauthorized()
            return await self._router.respond(request)
        except Refused as refused:
            return refusal(refused)
        except RefusedInText as refused:
            return text_answer(refused.status, refused.text, refused.headers)

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

        self._streams[body] = call
        body.accompany(faults.filters, closed)

    def _finished(self, headers: Headers) -> Headers:
        audit = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        framing = [pair for pair in headers if pair[0] in {"Content-Length", "Transfer-Encoding"}]
        named = [
            ("Audit-Id", audit),
            *(pair for pair in headers if pair not in framing),
            ("X-Kubernetes-Pf-Flowschema-Uid", self._flow_uid),
            ("X-Kubernetes-Pf-Prioritylevel-Uid", self._level_uid),
        ]
        date = self.clock.datetime().strftime("%a, %d %b %Y %H:%M:%S GMT")
        return (*sorted(named), ("Date", date), *framing)

    # Names

    def _target_of(self, obj: Object) -> Target:
        api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
        found = self.registry.by_kind(api_version, kind)
        if found is None:
            raise LookupError(f"this server has no kind {api_version} {kind}; fake.register(...) makes one")
        metadata = cast("Object", obj.get("metadata") or {})
        namespace = metadata.get("namespace") or "default" if found.namespaced else ""
        return Target("create", found, namespace, metadata.get("name") or "")

    def _target(self, resource: str, namespace: str | None, name: str | None) -> Target:
        found = self.kind(resource)
        return Target("get", found, (namespace or "default") if found.namespaced else "", name or "")

    def _ensure_namespace(self, name: str) -> None:
        if ("", name) not in self.storage["namespaces"].current:
            obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self._writer.create(Target("create", self.kind("namespaces"), "", name), obj)


def _copy(data: bytes) -> Object:
    return cast("Object", decode(data))
