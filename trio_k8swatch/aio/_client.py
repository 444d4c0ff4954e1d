"""What is asked of an API server, for asyncio tasks."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, overload

import httpx

from trio_k8swatch._http import ApiClient as TrioClient
from trio_k8swatch._http import Collection, Propagation
from trio_k8swatch._http import Resource as TrioResource
from trio_k8swatch._http import open_client as open_trio_client
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._wire import Listing, WatchEvent
from trio_k8swatch.connect import Connection

from ._guest import Guest, open_guest
from ._recorder import Recorder
from ._verbs import Verbs
from ._waits import Incoming

__all__ = ["ApiClient", "Resource", "open_client"]

T = TypeVar("T")
S = TypeVar("S")


class ApiClient:
    """Connections to one API server (`open_client`). Any number of watches share it."""

    def __init__(self, guest: Guest, client: TrioClient) -> None:
        self._guest = guest
        self._client = client

    @property
    def connection(self) -> Connection:
        """Who we are, and to whom we talk."""
        return self._client.connection

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
    def resource(self, *which: Any, **options: Any) -> Resource[Any]:
        """One collection; no request is made. See `trio_k8swatch.ApiClient.resource`."""
        return Resource(self._guest, self._client.resource(*which, **options))

    def recorder(self, controller: str, *, instance: str | None = None, raises: bool = False) -> Recorder:
        """Records events about objects; no request is made. See `trio_k8swatch.ApiClient.recorder`."""
        return Recorder(self._guest, self._client.recorder(controller, instance=instance, raises=raises))

    async def get(self, path: str, *, accept: str = "application/json", params: dict[str, str] | None = None) -> bytes:
        """The body of a GET of `path`. Errors as in the trio client."""
        return await self._guest.run(lambda: self._client.get(path, accept=accept, params=params))


class Resource(Verbs[T]):
    """One collection of objects on the server (`ApiClient.resource`)."""

    def __init__(self, guest: Guest, resource: TrioResource[T]) -> None:
        super().__init__(guest, resource)
        self.guest = guest
        """The trio run that it belongs to, and the watches that are opened with it."""
        self.in_trio = resource
        """The same for code that runs in trio."""

    def __repr__(self) -> str:
        return repr(self.in_trio)

    @property
    def collection(self) -> Collection:
        """Which collection it is."""
        return self.in_trio.collection

    @property
    def type(self) -> type[T]:
        """What its objects become."""
        return self.in_trio.type

    def in_namespace(self, namespace: str) -> Resource[T]:
        """The same resource in one namespace. No request is made."""
        return Resource(self.guest, self.in_trio.in_namespace(namespace))

    async def delete_all(
        self,
        options: ListOptions | None = None,
        *,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> tuple[T, ...]:
        """See `trio_k8swatch.Resource.delete_all`."""
        return await self.guest.run(
            lambda: self.in_trio.delete_all(
                options, propagation=propagation, grace_seconds=grace_seconds, dry_run=dry_run
            )
        )

    @overload
    def subresource(self, name: str) -> Verbs[DynamicObject]: ...
    @overload
    def subresource(self, name: str, *, type: builtins.type[S]) -> Verbs[S]: ...
    def subresource(self, name: str, *, type: Any = DynamicObject) -> Verbs[Any]:
        """See `trio_k8swatch.Resource.subresource`."""
        return Verbs(self.guest, self.in_trio.subresource(name, type=type))

    async def add_finalizer(self, obj: T, finalizer: str) -> T:
        """See `trio_k8swatch.Resource.add_finalizer`."""
        return await self.guest.run(lambda: self.in_trio.add_finalizer(obj, finalizer))

    async def remove_finalizer(self, obj: T, finalizer: str) -> T | None:
        """See `trio_k8swatch.Resource.remove_finalizer`."""
        return await self.guest.run(lambda: self.in_trio.remove_finalizer(obj, finalizer))

    async def list(self, options: ListOptions | None = None) -> Listing[T]:
        """All objects, read in pages. Errors as in the trio client."""
        return await self.guest.run(lambda: self.in_trio.list(options))

    def watch(self, options: ListOptions | None = None) -> AbstractAsyncContextManager[Incoming[WatchEvent[T]]]:
        """One watch request: `async with resource.watch(options) as events: async for event in events: ...`.

        Ends when the server ends it; for more, there is `open_watch`. See `trio_k8swatch.Resource.watch`.
        """
        return self._watching(options)

    @asynccontextmanager
    async def _watching(self, options: ListOptions | None) -> AsyncGenerator[Incoming[WatchEvent[T]]]:
        async with self.guest.held(self.in_trio.watch(options)) as events:
            yield Incoming(self.guest, events, lambda: False)


@asynccontextmanager
async def open_client(
    connection: Connection | None = None,
    *,
    base_url: str | None = None,
    token: str | None = None,
    http2: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    silence_limit: float = 65.0,
    user_agent: str = "trio-k8swatch",
) -> AsyncGenerator[ApiClient]:
    """Connect to an API server; what is opened here is closed at the end of the block.

    Parameters and errors as in `trio_k8swatch.open_client`. Any number of clients may be open in one asyncio loop.
    """
    async with open_guest() as guest:
        manager = open_trio_client(
            connection,
            base_url=base_url,
            token=token,
            http2=http2,
            transport=transport,
            silence_limit=silence_limit,
            user_agent=user_agent,
        )
        async with guest.held(manager) as client:
            yield ApiClient(guest, client)
