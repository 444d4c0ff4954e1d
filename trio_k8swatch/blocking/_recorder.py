"""Events about objects, recorded by threads."""

from __future__ import annotations

from typing import Any

from trio_k8swatch._http import Recorder as AsyncRecorder

from ._loop import Loop

__all__ = ["Recorder"]


class Recorder:
    """Records events about objects (`ApiClient.recorder`). See `trio_k8swatch.Recorder`."""

    def __init__(self, loop: Loop, recorder: AsyncRecorder) -> None:
        self._loop = loop
        self._recorder = recorder

    def __repr__(self) -> str:
        return repr(self._recorder)

    def normal(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """See `trio_k8swatch.Recorder.normal`."""
        self._loop.wait(
            lambda: self._recorder.normal(
                obj, reason, message, action=action, related=related, kind=kind, api_version=api_version
            ),
            timeout,
        )

    def warning(
        self,
        obj: Any,
        reason: str,
        message: str,
        *,
        action: str | None = None,
        related: Any = None,
        kind: str | None = None,
        api_version: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """See `trio_k8swatch.Recorder.warning`."""
        self._loop.wait(
            lambda: self._recorder.warning(
                obj, reason, message, action=action, related=related, kind=kind, api_version=api_version
            ),
            timeout,
        )
