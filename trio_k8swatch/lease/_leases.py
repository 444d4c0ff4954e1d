"""How a lease is read and written on an API server."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, cast

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


class _LeaseResource(Protocol):
    """A `Resource` of Leases as dicts, as far as it is used here."""

    async def get(self, name: str, /) -> dict[str, Any]: ...
    async def create(self, obj: dict[str, Any], /) -> dict[str, Any]: ...
    async def replace(self, obj: dict[str, Any], /) -> dict[str, Any]: ...


class ApiLease:
    """One Lease object of an API server."""

    def __init__(self, client: ApiClient, name: str, namespace: str) -> None:
        if not name or "/" in name or name in {".", ".."}:
            raise ConfigError(f"open_lease({name!r}): the lease needs a name, for example 'shop-controller'")
        leases: Any = client.resource(
            "coordination.k8s.io/v1", "leases", namespace=namespace, type=cast("type[Any]", dict)
        )
        self._leases: _LeaseResource = leases
        self._name = name

    async def read(self) -> Stored | None:
        try:
            return _stored(await self._leases.get(self._name))
        except NotFound:
            return None

    async def write(self, spec: Spec, version: str | None) -> Stored:
        metadata = {"name": self._name} | ({} if version is None else {"resourceVersion": version})
        kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        body = {**kind, "metadata": metadata, "spec": msgspec.to_builtins(spec)}
        return _stored(await (self._leases.create(body) if version is None else self._leases.replace(body)))


def _stored(lease: dict[str, Any]) -> Stored:
    return Stored(msgspec.convert(lease.get("spec") or {}, Spec), str(lease["metadata"].get("resourceVersion", "")))
