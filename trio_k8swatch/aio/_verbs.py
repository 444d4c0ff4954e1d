"""The verbs for single objects, for asyncio tasks."""

from __future__ import annotations

from typing import Generic, TypeVar

from trio_k8swatch._http import Change, FieldValidation, Patch, PatchType, Propagation, Whole
from trio_k8swatch._http import Verbs as TrioVerbs

from ._guest import Guest

__all__ = ["Verbs"]

T = TypeVar("T")


class Verbs(Generic[T]):
    """What can be done with single objects: the verbs of `trio_k8swatch.Resource`, with the same arguments and errors.

    When the task is cancelled, a write is abandoned: it may have happened.
    """

    def __init__(self, guest: Guest, verbs: TrioVerbs[T]) -> None:
        self._guest = guest
        self._verbs = verbs

    async def get(
        self,
        name: str,
        *,
        namespace: str | None = None,
        resource_version: str | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.get`."""
        return await self._guest.run(
            lambda: self._verbs.get(
                name,
                namespace=namespace,
                resource_version=resource_version,
            )
        )

    async def create(
        self,
        obj: Whole,
        *,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.create`."""
        return await self._guest.run(
            lambda: self._verbs.create(
                obj,
                name=name,
                namespace=namespace,
                dry_run=dry_run,
                field_validation=field_validation,
                field_manager=field_manager,
            )
        )

    async def replace(
        self,
        obj: Whole,
        *,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.replace`."""
        return await self._guest.run(
            lambda: self._verbs.replace(
                obj,
                name=name,
                namespace=namespace,
                dry_run=dry_run,
                field_validation=field_validation,
                field_manager=field_manager,
            )
        )

    async def patch(
        self,
        name: str,
        patch: Patch,
        *,
        type: PatchType = "merge",
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.patch`."""
        return await self._guest.run(
            lambda: self._verbs.patch(
                name,
                patch,
                type=type,
                namespace=namespace,
                dry_run=dry_run,
                field_validation=field_validation,
                field_manager=field_manager,
            )
        )

    async def apply(
        self,
        obj: Patch,
        *,
        field_manager: str,
        force: bool = False,
        name: str | None = None,
        namespace: str | None = None,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.apply`."""
        return await self._guest.run(
            lambda: self._verbs.apply(
                obj,
                field_manager=field_manager,
                force=force,
                name=name,
                namespace=namespace,
                dry_run=dry_run,
                field_validation=field_validation,
            )
        )

    async def update(
        self,
        name: str,
        change: Change,
        *,
        namespace: str | None = None,
        attempts: int = 10,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        field_manager: str | None = None,
    ) -> T:
        """See `trio_k8swatch.Resource.update`; `change` is called in the loop's thread, so it must not block."""
        return await self._guest.run(
            lambda: self._verbs.update(
                name,
                change,
                namespace=namespace,
                attempts=attempts,
                dry_run=dry_run,
                field_validation=field_validation,
                field_manager=field_manager,
            )
        )

    async def delete(
        self,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
        grace_seconds: int | None = None,
        missing_ok: bool = False,
        dry_run: bool = False,
    ) -> T | None:
        """See `trio_k8swatch.Resource.delete`."""
        return await self._guest.run(
            lambda: self._verbs.delete(
                name,
                namespace=namespace,
                uid=uid,
                resource_version=resource_version,
                propagation=propagation,
                grace_seconds=grace_seconds,
                missing_ok=missing_ok,
                dry_run=dry_run,
            )
        )
