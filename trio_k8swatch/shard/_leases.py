"""The Leases of the members of a shard on an API server: how one is written, and what those of all say."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final, Protocol, cast

import msgspec

from trio_k8swatch._errors import AlreadyExists, ApiError, ConfigError, Conflict, NotFound, Unavailable
from trio_k8swatch._http import Resource, beside
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._micro_time import micro_time
from trio_k8swatch._object_meta import ObjectMeta

from ._membership import Claim

__all__ = ["LABEL", "LeaseObject", "OwnLease", "claims_of", "leases_beside", "of_shard"]

LABEL: Final = "trio-k8swatch/shard"
_SLOTS: Final = "trio-k8swatch/slots"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_MOST_NAME_CHARACTERS: Final = 63
_API_VERSION: Final = "coordination.k8s.io/v1"

_log: Final = logging.getLogger("trio_k8swatch.shard")


class _Spec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None


class LeaseObject(msgspec.Struct, frozen=True, gc=False):
    """A Lease, as far as it is read."""

    metadata: ObjectMeta
    spec: _Spec = _Spec()


class _Verbs(Protocol):
    """A `Resource` of dicts, as far as it is used here."""

    async def get(self, name: str, /) -> dict[str, Any]: ...
    async def create(self, obj: dict[str, Any], /) -> dict[str, Any]: ...
    async def replace(self, obj: dict[str, Any], /) -> dict[str, Any]: ...
    async def delete(self, name: str, /, *, resource_version: str | None = ..., missing_ok: bool = ...) -> Any: ...


def leases_beside(resource: Resource[Any], namespace: str) -> Resource[LeaseObject]:
    """The Leases of a namespace on the server that `resource` is on."""
    return beside(resource, _API_VERSION, "leases", LeaseObject).in_namespace(namespace)


def of_shard(name: str) -> ListOptions:
    """The Leases of the members of this shard. Raises ConfigError for a name that cannot be a label."""
    if len(name) > _MOST_NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise ConfigError(f"open_shard(…, {name!r}): use a short name in lower case, for example 'web-controller'")
    return ListOptions(label_selector=f"{LABEL}={name}")


def claims_of(leases: Iterable[LeaseObject], slots: int, fallback_seconds: float) -> dict[str, Claim]:
    """What each member claims."""
    claims: dict[str, Claim] = {}
    for lease in leases:
        seconds = lease.spec.lease_duration_seconds
        claims[lease.metadata.name] = Claim(
            _claimed(lease.metadata, slots),
            lease.metadata.resource_version,
            fallback_seconds if seconds is None else float(seconds),
        )
    return claims


def _claimed(metadata: ObjectMeta, slots: int) -> int:
    count, _, claimed = metadata.annotations.get(_SLOTS, "").partition(":")
    if count == str(slots) and len(claimed) <= slots // 4 + 1:
        try:
            return int(claimed or "0", 16) & ((1 << slots) - 1)
        except ValueError:
            pass
    # Whoever cannot be understood may be serving anything.
    _log.warning("Lease %s says that it claims %.40r: taken for all", metadata.name, f"{count}:{claimed}")
    return (1 << slots) - 1


class OwnLease:
    """The Lease of this member. One request at a time."""

    def __init__(self, leases: Resource[LeaseObject], shard: str, name: str, slots: int, lease_seconds: float) -> None:
        if len(name) > 253 or not _NAME.fullmatch(name):
            raise ConfigError(
                f"open_shard(identity={name!r}): it becomes the name of a Lease; use lower case, '-' and '.'"
            )
        resource: Any = beside(leases, _API_VERSION, "leases", cast("type[Any]", dict))
        self._verbs: _Verbs = resource.in_namespace(leases.collection.namespace)
        self.name: str = name
        self._shard = shard
        self._slots = slots
        self._lease_seconds = ceil(lease_seconds)
        self._version: str | None = None
        self._is_known = False

    async def write(self, claimed: int) -> str:
        """Renew it with this claim; its new version. ApiError or Unavailable if it is not known whether that was done."""
        try:
            if not self._is_known:
                self._version = await self._read()
                self._is_known = True
            self._version = await self._write(claimed)
        except BaseException:
            # A write whose answer is lost may have been done, or may yet be. What is written over what is read now cannot
            # be undone by it.
            self._is_known = False
            raise
        return self._version

    async def _read(self) -> str | None:
        try:
            return _version(await self._verbs.get(self.name))
        except NotFound:
            return None

    async def _write(self, claimed: int) -> str:
        metadata: dict[str, Any] = {
            "name": self.name,
            "labels": {LABEL: self._shard},
            "annotations": {_SLOTS: f"{self._slots}:{claimed:x}"},
        }
        spec = {
            "holderIdentity": self.name,
            "leaseDurationSeconds": self._lease_seconds,
            "renewTime": micro_time(datetime.now(UTC)),
        }
        lease = {"apiVersion": _API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
        if self._version is None:
            return _version(await self._verbs.create(lease))
        metadata["resourceVersion"] = self._version
        return _version(await self._verbs.replace(lease))

    async def release(self) -> None:
        """Take back all claims, then delete it."""
        version = await self.write(0)
        await self.delete(self.name, version)

    async def delete(self, name: str, version: str) -> None:
        """Delete a Lease that is still as it was seen."""
        try:
            await self._verbs.delete(name, resource_version=version, missing_ok=True)
        except (Conflict, AlreadyExists):
            _log.info("Lease %s was renewed by its owner", name)
        except (ApiError, Unavailable) as error:
            _log.info("Lease %s is not deleted: %s", name, error)


def _version(lease: dict[str, Any]) -> str:
    return str(lease["metadata"].get("resourceVersion", ""))
