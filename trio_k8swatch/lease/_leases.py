"""How a lease is read and written on an API server."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import msgspec

from trio_k8swatch._errors import ConfigError, NotFound
from trio_k8swatch._http import ApiClient

from ._election import Spec

__all__ = ["ApiLease", "LeaseStorage", "Stored"]


class Stored(NamedTuple):
    """A lease as it is on the server."""

    spec: Spec
    version: str


class LeaseStorage(Protocol):
    """One lease. Writing raises ApiError if it is no longer as it was seen, Unavailable if nobody knows."""

    async def read(self) -> Stored | None:
        """What it says; None if there is none."""
        ...

    async def write(self, spec: Spec, version: str | None) -> Stored:
        """Write it over `version`, None if there was none."""
        ...


class _Answer(msgspec.Struct, frozen=True):
    metadata: dict[str, Any]
    spec: Spec = Spec()


class ApiLease:
    """One Lease object of an API server."""

    def __init__(self, client: ApiClient, name: str, namespace: str) -> None:
        if not name or "/" in name or name in {".", ".."}:
            raise ConfigError(f"open_lease({name!r}): the lease needs a name, for example 'shop-controller'")
        self._client = client
        self._name = name
        leases = client.resource("coordination.k8s.io/v1", "leases", namespace=namespace)
        self._path = leases.collection.path
        self._doing = f"lease {namespace}/{name}"

    async def read(self) -> Stored | None:
        try:
            return _stored(await self._send("GET", f"{self._path}/{self._name}", None))
        except NotFound:
            return None

    async def write(self, spec: Spec, version: str | None) -> Stored:
        metadata = {"name": self._name} | ({} if version is None else {"resourceVersion": version})
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        if version is None:
            return _stored(await self._send("POST", self._path, body))
        return _stored(await self._send("PUT", f"{self._path}/{self._name}", body))

    async def _send(self, method: str, path: str, body: Any) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        return await self._client.send(method, path, content=content, doing=f"{method.lower()} {self._doing}")


def _stored(answer: bytes) -> Stored:
    lease = msgspec.json.decode(answer, type=_Answer)
    return Stored(lease.spec, str(lease.metadata.get("resourceVersion", "")))
