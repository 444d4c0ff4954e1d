"""From a request to its answer: the middle of the server, which knows no door and no fault."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Final

from trio_k8swatch.testing._api.discovery import discover
from trio_k8swatch.testing._api.resource_types import Registry
from trio_k8swatch.testing._clock import Clock
from trio_k8swatch.testing._printers.rendering import Partial, Rendering, Table, Whole
from trio_k8swatch.testing._storage.history import Storage
from trio_k8swatch.testing._storage.lists import read_page
from trio_k8swatch.testing._storage.watches import Watching, WatchSource
from trio_k8swatch.testing._timers import Agenda
from trio_k8swatch.testing._writes.deletion import Deleter
from trio_k8swatch.testing._writes.object_requests import Writes
from trio_k8swatch.testing._writes.write_rules import Writer

from .answers import JSON
from .compression import compressed
from .content_negotiation import NotAcceptable, form, not_acceptable, wanted_form, wanted_version
from .list_parameters import ListOptions
from .messages import Request, Response
from .request_body import check_patch_type
from .request_info import Target, parse
from .response_player import Body
from .statuses import Refused, too_large_resource_version

# How long a read waits for a resourceVersion that is not reached yet.
FRESHNESS_SECONDS: Final = 3.0
_STREAM_HEADERS: Final = (
    ("Cache-Control", "no-cache, private"),
    ("Content-Type", JSON),
    ("Transfer-Encoding", "chunked"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long watches last, and how often they hear a bookmark, in seconds; whether a cache stands behind them.

    `shards`: whether shard selectors are known.
    """

    bookmark_seconds: float
    min_request_timeout_seconds: float
    watch_cache: bool
    shards: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything that an answer may depend on."""

    registry: Registry
    storage: Storage
    writer: Writer
    deleter: Deleter
    clock: Clock
    agenda: Agenda


class Router:
    """Answers requests. It waits only for a resourceVersion to be reached."""

    def __init__(self, cluster: Cluster, timing: Timing, rng: random.Random) -> None:
        self._cluster = cluster
        self._timing = timing
        self._rng = rng
        self._writes = Writes(cluster.writer, cluster.deleter)
        self._watches: dict[WatchSource, str] = {}

    async def respond(self, request: Request) -> Response:
        """The answer. Raises `Refused` and `RefusedInText` where the server says no."""
        found = discover(request, self._cluster.registry)
        if found is not None:
            return found
        target = parse(request, self._cluster.registry)
        if request.method == "PATCH":
            # Before anything else is looked at.
            check_patch_type(request, custom=target.kind.custom and not target.subresource)
        try:
            rendering = self._rendering(request, target)
        except NotAcceptable:
            return not_acceptable(request, custom=target.kind.custom)
        warning = target.kind.warning
        try:
            response = await self._answer(request, target, rendering)
        except Refused as refused:
            refused.warnings[:0] = [warning] if warning else []
            raise
        return response.with_warnings(warning) if warning else response

    async def _answer(self, request: Request, target: Target, rendering: Rendering) -> Response:
        match target.verb:
            case "list":
                return await self._list(request, target, rendering)
            case "watch":
                return await self._watch(request, target, rendering)
            case "get" if not target.subresource:
                await self._reach(request)
                return self._writes.respond(request, target, rendering)
            case _:
                return self._writes.respond(request, target, rendering)

    async def _reach(self, request: Request) -> None:
        """Wait for the version that a get asks for; 500 for what is none, 504 where it is not reached."""
        text, storage = request.parameter("resourceVersion"), self._cluster.storage
        if not re.fullmatch(r"[0-9]{0,40}", text):
            why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
            raise Refused(500, "", why)
        wanted = int(text or "0")
        await storage.reaches(wanted, FRESHNESS_SECONDS)
        if wanted > storage.resource_version:
            raise too_large_resource_version(wanted, storage.resource_version)

    def end_watches(self, resource: str) -> None:
        """End the watches of a resource, after what they still have to say."""
        for source, name in tuple(self._watches.items()):
            if name == resource:
                source.finish()

    def wake_watches(self) -> None:
        """Have all watches look at the clock again."""
        for source in tuple(self._watches):
            source.poke()

    def _rendering(self, request: Request, target: Target) -> Rendering:
        match form(request):
            case "partial":
                return Partial(target.kind, wanted_form(request), wanted_version(request))
            case "table":
                now = self._cluster.clock.datetime
                return Table(target.kind, request.parameter("includeObject"), now, wanted_version(request))
            case "whole":
                return Whole(target.kind)

    async def _list(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = ListOptions.parse(request, target.kind, watch=False, shards=self._timing.shards)
        storage = self._cluster.storage
        if options.version and not options.exact:
            await storage.reaches(options.version, FRESHNESS_SECONDS)
        page = replace(
            read_page(storage, target, options, self._cluster.clock.now()), shard_selector=options.shard_selector
        )
        return compressed(request, rendering.page(page), JSON)

    async def _watch(self, request: Request, target: Target, rendering: Rendering) -> Response:
        options = ListOptions.parse(request, target.kind, watch=True, shards=self._timing.shards)
        storage = self._cluster.storage
        if options.send_initial_events:
            await storage.reaches(options.version, FRESHNESS_SECONDS)
        shortest = self._timing.min_request_timeout_seconds
        seconds = options.timeout_seconds or self._rng.uniform(shortest, 2 * shortest)
        watching = Watching(
            storage=storage,
            target=target,
            options=options,
            rendering=rendering,
            clock=self._cluster.clock,
            agenda=self._cluster.agenda,
            seconds=seconds,
            bookmark_seconds=self._timing.bookmark_seconds,
            cached=self._timing.watch_cache,
        )
        source = WatchSource(watching, on_close=lambda: self._watches.pop(source, None))
        self._watches[source] = target.kind.qualified
        body = Body(source)
        source.poke = body.poke
        return Response(200, _STREAM_HEADERS, body)
