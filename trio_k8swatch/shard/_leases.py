"""The Leases of the members of a shard on an API server: how one is written, and what those of all say."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final, Protocol, cast

import msgspec

from trio_k8swatch._errors import AlreadyExists, ApiError, Conflict, NotFound, Unavailable
from trio_k8swatch._http import Resource, beside
from trio_k8swatch._list_options import ListOptions
from trio_k8swatch._micro_time import micro_time
from trio_k8swatch._object_meta import ObjectMeta

from ._membership import Claim
from ._settings import ShardSettings

__all__ = ["LABEL", "LeaseObject", "OwnLease", "claim_of", "claims_of", "leases_beside", "of_shard"]

LABEL: Final = "trio-k8swatch/shard"
_SLOTS: Final = "trio-k8swatch/slots"
_RESERVED: Final = "trio-k8swatch/reserved"
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
    """The Leases of the members of this shard."""
    return ListOptions(label_selector=f"{LABEL}={name}")


def claims_of(leases: Iterable[LeaseObject], slots: int, fallback_seconds: float) -> dict[str, Claim]:
    """What each member claims."""
    return {lease.metadata.name: claim_of(lease, slots, fallback_seconds) for lease in leases}


def claim_of(lease: LeaseObject, slots: int, fallback_seconds: float) -> Claim:
    """What one member claims."""
    metadata, seconds = lease.metadata, lease.spec.lease_duration_seconds
    return Claim(
        _slots_in(_SLOTS, metadata, slots),
        metadata.resource_version,
        fallback_seconds if seconds is None else float(seconds),
        _slots_in(_RESERVED, metadata, slots) if _RESERVED in metadata.annotations else 0,
        has_left=lease.spec.holder_identity is None,
    )


def _slots_in(annotation: str, metadata: ObjectMeta, slots: int) -> int:
    count, _, digits = metadata.annotations.get(annotation, "").partition(":")
    if count == str(slots) and len(digits) <= slots // 4 + 1:
        try:
            return int(digits or "0", 16) & ((1 << slots) - 1)
        except ValueError:
            pass
    # Whoever cannot be understood may be serving anything.
    _log.warning("Lease %s says that it claims %.40r: taken for all", metadata.name, f"{count}:{digits}")
    return (1 << slots) - 1


class OwnLease:
    """The Lease of this member. One request at a time."""

    def __init__(self, leases: Resource[LeaseObject], settings: ShardSettings) -> None:
        resource: Any = beside(leases, _API_VERSION, "leases", cast("type[Any]", dict))
        self._verbs: _Verbs = resource.in_namespace(leases.collection.namespace)
        self.name: str = settings.identity
        self._shard = settings.shard
        self._slots = settings.slots
        self._lease_seconds = ceil(settings.times.lease_seconds)
        self._version: str | None = None
        self._is_known = False

    async def write(self, claimed: int, reserved: int, *, leaves: bool = False) -> str:
        """Renew it with these claims; its new version. ApiError or Unavailable if it is not known whether that was done.

        One that leaves holds it no longer, and others do not wait for what it might take on.
        """
        try:
            if not self._is_known:
                self._version = await self._read()
                self._is_known = True
            self._version = await self._write(self._content(claimed, reserved, leaves=leaves))
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

    def _content(self, claimed: int, reserved: int, *, leaves: bool) -> dict[str, Any]:
        annotations = {_SLOTS: f"{self._slots}:{claimed:x}"}
        if reserved:
            annotations[_RESERVED] = f"{self._slots}:{reserved:x}"
        spec = {"leaseDurationSeconds": self._lease_seconds, "renewTime": micro_time(datetime.now(UTC))}
        if not leaves:
            spec["holderIdentity"] = self.name
        metadata = {"name": self.name, "labels": {LABEL: self._shard}, "annotations": annotations}
        return {"apiVersion": _API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}

    async def _write(self, lease: dict[str, Any]) -> str:
        metadata = lease["metadata"]
        if self._version is None:
            return _version(await self._verbs.create(lease))
        metadata["resourceVersion"] = self._version
        return _version(await self._verbs.replace(lease))

    def was_deleted(self) -> None:
        """By somebody else: the next write makes it again. A replacement would be answered with an error, and not with 404."""
        self._is_known = False

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
