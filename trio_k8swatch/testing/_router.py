"""From a request to its answer: the pure middle of the server."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import cast

from ._answers import JSON, json_answer
from ._body import Body
from ._clock import Clock
from ._discovery import discover
from ._http import Request, Response, answer
from ._json import Object, decode
from ._options import ListOptions
from ._patching import json_patch, merge_patch
from ._paths import Target, parse
from ._reading import get, read_page
from ._rendering import Whole
from ._resources import Registry
from ._status import (
    Refused,
    bad_request,
    not_imitated,
    unsupported_media_type,
)
from ._storage import Revision, Storage
from ._watching import Watching, WatchSource
from ._writing import Preconditions, Writer

# How long a read waits for a resourceVersion that is not reached yet.
FRESHNESS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Timing:
    """How long watches last, and how often they hear a bookmark; in seconds."""

    bookmark_seconds: float
    min_request_timeout_seconds: float


class Router:
    """Knows what is served and stored; waits only for a resourceVersion to be reached."""

    def __init__(
        self, registry: Registry, storage: Storage, writer: Writer, clock: Clock, timing: Timing, rng: random.Random
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._writer = writer
        self._clock = clock
        self._timing = timing
        self._rng = rng
        self.sources: dict[WatchSource, str] = {}

    async def respond(self, request: Request) -> Response:
        """The answer. Raises `Refused` and `RefusedInText` where the server says no."""
        found = discover(request, self._registry)
        if found is not None:
            return found
        target = parse(request, self._registry)
        match target.verb:
            case "list":
                response = await self._list(request, target)
            case "watch":
                response = await self._watch(request, target)
            case "get":
                response = self._one(200, target, get(self._storage, target))
            case "create" if not target.subresource:
                response = self._one(201, target, self._writer.create(target, _body(request)))
            case "update":
                response = self._one(200, target, self._writer.replace(target, _body(request)))
            case "patch":
                response = self._one(200, target, self._patch(request, target))
            case "delete":
                response = self._delete(request, target)
            case _:
                raise not_imitated(f"{request.method} {request.path}")
        if target.kind.warning:
            return response.with_headers(("Warning", f'299 - "{target.kind.warning}"'))
        return response

    async def _list(self, request: Request, target: Target) -> Response:
        options = ListOptions.parse(request, target.kind, watch=False)
        if options.version and not options.exact:
            await self._storage.reaches(options.version, FRESHNESS_SECONDS)
        page = read_page(self._storage, target, options, self._clock.now())
        return answer(200, JSON, Whole(target.kind).page(page))

    async def _watch(self, request: Request, target: Target) -> Response:
        options = ListOptions.parse(request, target.kind, watch=True)
        if options.send_initial_events:
            await self._storage.reaches(options.version, FRESHNESS_SECONDS)
        shortest = self._timing.min_request_timeout_seconds
        seconds = options.timeout_seconds or self._rng.uniform(shortest, 2 * shortest)
        watching = Watching(
            self._storage, target, options, Whole(target.kind), self._clock, seconds, self._timing.bookmark_seconds
        )
        source = WatchSource(watching, poke=lambda: body.poke())
        body = Body(source)
        return Response(200, _STREAM_HEADERS, body)

    def _one(self, status: int, target: Target, revision: Revision) -> Response:
        return answer(status, JSON, [Whole(target.kind).object(revision) + b"\n"])

    def _patch(self, request: Request, target: Target) -> Revision:
        old = self._writer.existing(target)
        patch = decode(request.body)
        match request.headers.get("content-type", "").partition(";")[0]:
            case "application/merge-patch+json" | "application/strategic-merge-patch+json":
                changed = cast("Object", merge_patch(old.object, patch))
            case "application/json-patch+json":
                try:
                    changed = json_patch(old.object, patch)
                except ValueError as error:
                    raise Refused(422, "Invalid", f"the server rejected our request: {error}") from None
            case other:
                raise not_imitated(f"patches of type {other}")
        return self._writer.replace(target, changed)

    def _delete(self, request: Request, target: Target) -> Response:
        sent = cast("Object", decode(request.body)) if request.body else {}
        conditions = sent.get("preconditions") or {}
        preconditions = Preconditions(conditions.get("uid") or "", conditions.get("resourceVersion") or "")
        revision, gone = self._writer.delete(target, preconditions)
        if not gone or target.kind.qualified in {"pods", "persistentvolumeclaims", "services", "serviceaccounts"}:
            return self._one(200, target, revision)
        details: Object = {"name": target.name}
        if target.kind.group:
            details["group"] = target.kind.group
        details |= {"kind": target.kind.plural, "uid": revision.object["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_answer(200, status)


_STREAM_HEADERS = (
    ("Cache-Control", "no-cache, private"),
    ("Content-Type", JSON),
    ("Transfer-Encoding", "chunked"),
)


def _body(request: Request) -> Object:
    content_type = request.headers.get("content-type", JSON).partition(";")[0]
    if content_type != JSON:
        raise unsupported_media_type(JSON, "application/yaml", "application/vnd.kubernetes.protobuf")
    try:
        sent = decode(request.body)
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None
    if not isinstance(sent, dict):
        raise bad_request("the object provided is unrecognized: not a JSON object")
    return cast("Object", sent)
