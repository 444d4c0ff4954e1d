"""Events about objects, recorded by asyncio tasks."""

from __future__ import annotations

from typing import Any

from trio_k8swatch._http import Recorder as TrioRecorder

from ._guest import Guest

__all__ = ["Recorder"]


class Recorder:
    """Records events about objects (`ApiClient.recorder`). See `trio_k8swatch.Recorder`."""

    def __init__(self, guest: Guest, recorder: TrioRecorder) -> None:
        self._guest = guest
        self._recorder = recorder

    def __repr__(self) -> str:
        return repr(self._recorder)

    async def normal(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
    ) -> None:
        """See `trio_k8swatch.Recorder.normal`."""
        await self._guest.run(
            lambda: self._recorder.normal(
                obj, reason, message, action=action, related=related, kind=kind, api_version=api_version
            )
        )

    async def warning(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
    ) -> None:
        """See `trio_k8swatch.Recorder.warning`."""
        await self._guest.run(
            lambda: self._recorder.warning(
                obj, reason, message, action=action, related=related, kind=kind, api_version=api_version
            )
        )
