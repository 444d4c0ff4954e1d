"""A bearer token in a file that somebody else replaces from time to time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from trio_k8swatch._errors import ConfigError

from .credential import Credential, SingleFlight, bearer

if TYPE_CHECKING:
    from trio_k8swatch.connect._data_or_file import File

__all__ = ["TokenFile"]

_log: Final = logging.getLogger("trio_k8swatch")

# As client-go has it. The kubelet renews a token when a fifth of its life is left, so a minute is soon enough.
_REREAD_SECONDS: Final = 60


class TokenFile:
    """The token in `file`, read again each minute and after a 401.

    A file that is missing, unreadable or empty for a moment leaves the last good token in use; `fallback` is that
    token until the file has been read once. The file is then tried again at every request.
    """

    def __init__(self, file: File, *, fallback: Credential | None = None) -> None:
        self._file = file
        self._credential = fallback
        self._due_at = 0.0
        self._read = SingleFlight(self._reread)

    async def current(self) -> Credential:
        if self._credential is not None and trio.current_time() < self._due_at:
            return self._credential
        return await self._read()

    async def renewed(self, rejected: Credential) -> Credential:
        if self._credential is not None and self._credential != rejected:
            return self._credential
        return await self._read()

    async def seen(self, rejected: Credential) -> Credential:
        return await self.renewed(rejected)

    async def _reread(self) -> Credential:
        try:
            raw = await trio.to_thread.run_sync(self._file.read, abandon_on_cancel=True)
            credential = Credential(
                bearer(raw.decode(errors="replace"), label=f"{self._file.label}: {self._file.path}")
            )
        except ConfigError as error:
            if self._credential is None:
                raise
            _log.warning("%s; the last token stays in use", error)
            return self._credential
        self._credential = credential
        self._due_at = trio.current_time() + _REREAD_SECONDS
        return credential
