"""What is asked of an API server, for threads."""

from __future__ import annotations

import builtins
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar, overload

import httpx

from trio_k8swatch._http import ApiClient as AsyncClient
from trio_k8swatch._http import Collection, Propagation
from trio_k8swatch._http import Resource as AsyncResource
from trio_k8swatch._http import open_client as open_async_client
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._object_meta import DynamicObject
from trio_k8swatch._wire import Listing, WatchEvent
from trio_k8swatch.connect import Connection

from ._loop import Loop, open_loop
from ._recorder import Recorder
from ._verbs import Verbs
from ._waits import Incoming

__all__ = ["ApiClient", "Resource", "open_client"]

T = TypeVar("T")
S = TypeVar("S")


class ApiClient:
    """Connections to one API server (`open_client`), and the thread in which all watches of this client run."""

    def __init__(self, loop: Loop, client: AsyncClient) -> None:
        self._loop = loop
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
        return Resource(self._loop, self._client.resource(*which, **options))

    def recorder(self, controller: str, *, instance: str | None = None, raises: bool = False) -> Recorder:
        """Records events about objects; no request is made. See `trio_k8swatch.ApiClient.recorder`."""
        return Recorder(self._loop, self._client.recorder(controller, instance=instance, raises=raises))

    def get(
        self,
        path: str,
        *,
        accept: str = "application/json",
        params: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """The body of a GET of `path`. Errors as in the async client, and TimeoutError after `timeout` seconds."""
        return self._loop.wait(lambda: self._client.get(path, accept=accept, params=params), timeout)


class Resource(Verbs[T]):
    """One collection of objects on the server (`ApiClient.resource`)."""

    def __init__(self, loop: Loop, resource: AsyncResource[T]) -> None:
        super().__init__(loop, resource)
        self.loop = loop
        """Where it lives, and the watches that are opened with it."""
        self.in_loop = resource
        """The same for code that runs in the loop."""

    def __repr__(self) -> str:
        return repr(self.in_loop)

    @property
    def collection(self) -> Collection:
        """Which collection it is."""
        return self.in_loop.collection

    @property
    def type(self) -> type[T]:
        """What its objects become."""
        return self.in_loop.type

    def in_namespace(self, namespace: str) -> Resource[T]:
        """The same resource in one namespace. No request is made."""
        return Resource(self.loop, self.in_loop.in_namespace(namespace))

    def delete_all(
        self,
        options: ListOptions | None = None,
        *,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
        timeout: float | None = None,
    ) -> tuple[T, ...]:
        """See `trio_k8swatch.Resource.delete_all`."""
        return self.loop.wait(
            lambda: self.in_loop.delete_all(
                options, propagation=propagation, grace_seconds=grace_seconds, dry_run=dry_run
            ),
            timeout,
        )

    @overload
    def subresource(self, name: str) -> Verbs[DynamicObject]: ...
    @overload
    def subresource(self, name: str, *, type: builtins.type[S]) -> Verbs[S]: ...
    def subresource(self, name: str, *, type: Any = DynamicObject) -> Verbs[Any]:
        """See `trio_k8swatch.Resource.subresource`."""
        return Verbs(self.loop, self.in_loop.subresource(name, type=type))

    def add_finalizer(self, obj: T, finalizer: str, *, timeout: float | None = None) -> T:
        """See `trio_k8swatch.Resource.add_finalizer`."""
        return self.loop.wait(lambda: self.in_loop.add_finalizer(obj, finalizer), timeout)

    def remove_finalizer(self, obj: T, finalizer: str, *, timeout: float | None = None) -> T | None:
        """See `trio_k8swatch.Resource.remove_finalizer`."""
        return self.loop.wait(lambda: self.in_loop.remove_finalizer(obj, finalizer), timeout)

    def list(self, options: ListOptions | None = None, *, timeout: float | None = None) -> Listing[T]:
        """All objects, read in pages. Errors as in the async client, and TimeoutError after `timeout` seconds."""
        return self.loop.wait(lambda: self.in_loop.list(options), timeout)

    def watch(self, options: ListOptions | None = None) -> AbstractContextManager[Incoming[WatchEvent[T]]]:
        """One watch request: `with resource.watch(options) as events: for event in events: ...`.

        Ends when the server ends it; for more, there is `open_watch`. See `trio_k8swatch.Resource.watch`.
        """
        return self._watching(options)

    @contextmanager
    def _watching(self, options: ListOptions | None) -> Generator[Incoming[WatchEvent[T]]]:
        with self.loop.held(self.in_loop.watch(options)) as events:
            yield Incoming(self.loop, events, lambda: False)


@contextmanager
def open_client(
    connection: Connection | None = None,
    *,
    base_url: str | None = None,
    token: str | None = None,
    http2: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    silence_limit: float = 65.0,
    user_agent: str = "trio-k8swatch",
) -> Generator[ApiClient]:
    """Connect to an API server; the connections, and the thread that they are in, are closed at the end of the block.

    Parameters and errors as in `trio_k8swatch.open_client`.
    """
    with open_loop() as loop:
        manager = open_async_client(
            connection,
            base_url=base_url,
            token=token,
            http2=http2,
            transport=transport,
            silence_limit=silence_limit,
            user_agent=user_agent,
        )
        with loop.held(manager) as client:
            yield ApiClient(loop, client)
