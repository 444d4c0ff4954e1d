"""Credentials from a program: `users[].user.exec` of a kubeconfig."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from trio_k8swatch._errors import ConfigError, K8sWatchError, Unavailable

from . import bounded_subprocess as _process
from . import exec_credential_json as _exec_credential
from .credential import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .credential import Credential
    from .exec_credential_json import ExecCluster

__all__ = ["ExecPlugin", "PluginCommand"]

_log: Final = logging.getLogger("trio_k8swatch")

# A slow single sign-on takes half of this; what takes longer hangs.
_LIMIT_SECONDS: Final = 60
# Somebody may have to find their phone.
_INTERACTIVE_LIMIT_SECONDS: Final = 300
# Renew this long before the end, or when a tenth of the life is left, whichever is later: a token must outlive its
# way to the server, and one that lives for seconds must not be renewed at every request.
_EXPIRY_MARGIN_SECONDS: Final = 30
_EXPIRY_MARGIN_FRACTION: Final = 0.1
# However short they live, credentials serve the request for which they were fetched: its handshake, too, asks for them.
_LEAST_USE_SECONDS: Final = 1
# While old credentials still serve, a failing plugin is not run at every request.
_FAILURE_PAUSE_SECONDS: Final = 10
# A plugin that has just given again what the server rejected has nothing better to give for a while.
_FUTILE_PAUSE_SECONDS: Final = 10
# Of the program's last words in an error.
_QUOTED_CHARACTERS: Final = 500
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class PluginCommand:
    """What to run, and how. `label` names file, field and program for errors."""

    label: str
    command: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    environ: Mapping[str, str]
    interactive: bool = False
    install_hint: str = ""
    cluster: Callable[[], ExecCluster] | None = None
    limit_seconds: float | None = None


class ExecPlugin:
    """The credentials that `command` prints, kept until they are about to expire.

    The program runs once for all who wait. If it fails while the old credentials have not expired, they stay in use.
    """

    def __init__(self, command: PluginCommand, *, now: Callable[[], float]) -> None:
        self._command = command
        self._now = now
        self._credential: Credential | None = None
        self._expires_at: float | None = None
        self._due_at: float | None = None
        self._paused_until = -math.inf
        self._futile_until = -math.inf
        self._run = SingleFlight(self._renew)

    @property
    def identity(self) -> bytes | None:
        """The latest client certificate with its key, if any came."""
        return self._credential.identity if self._credential is not None else None

    async def current(self) -> Credential:
        if self._credential is not None and (not self._is_due() or self._is_paused()):
            return self._credential
        return await self._run()

    async def renewed(self, rejected: Credential) -> Credential:
        if self._credential is not None and (self._credential != rejected or trio.current_time() < self._futile_until):
            return self._credential
        # A credential that was rejected is not worth keeping while its plugin fails.
        self._expires_at = self._due_at = self._now()
        credential = await self._run()
        if credential == rejected:
            self._futile_until = trio.current_time() + _FUTILE_PAUSE_SECONDS
        return credential

    async def seen(self, rejected: Credential) -> Credential:
        return self._credential or rejected

    def _is_due(self) -> bool:
        return self._due_at is not None and self._now() >= self._due_at

    def _is_paused(self) -> bool:
        return self._is_usable() and trio.current_time() < self._paused_until

    def _is_usable(self) -> bool:
        return self._expires_at is None or self._now() < self._expires_at

    async def _renew(self) -> Credential:
        try:
            credential, expires_at = await _run_plugin(self._command)
        except K8sWatchError as error:
            if self._credential is None or not self._is_usable():
                raise
            _log.warning("%s; the last credentials stay in use", error)
            self._paused_until = trio.current_time() + _FAILURE_PAUSE_SECONDS
            return self._credential
        now = self._now()
        if expires_at is not None and expires_at <= now:
            _log.warning("%s gave credentials that have already expired; is the clock right?", self._command.label)
        self._credential, self._expires_at = credential, expires_at
        self._due_at = _renewal_time(now, expires_at)
        self._paused_until = -math.inf
        return credential


def _renewal_time(now: float, expires_at: float | None) -> float | None:
    if expires_at is None:
        return None
    margin = min(_EXPIRY_MARGIN_SECONDS, max(0.0, expires_at - now) * _EXPIRY_MARGIN_FRACTION)
    return max(expires_at - margin, now + _LEAST_USE_SECONDS)


async def _run_plugin(plugin: PluginCommand) -> tuple[Credential, float | None]:
    environ = {**plugin.environ, **dict(plugin.env)}
    program = await trio.to_thread.run_sync(_program, plugin, abandon_on_cancel=True)
    cluster = None
    if plugin.cluster is not None:
        cluster = await trio.to_thread.run_sync(plugin.cluster, abandon_on_cancel=True)
    environ["KUBERNETES_EXEC_INFO"] = _exec_credential.encode_info(
        plugin.api_version, interactive=plugin.interactive, cluster=cluster
    )
    limit = plugin.limit_seconds or (_INTERACTIVE_LIMIT_SECONDS if plugin.interactive else _LIMIT_SECONDS)
    try:
        finished = await _process.run(
            [program, *plugin.args], environ=environ, limit_seconds=limit, interactive=plugin.interactive
        )
    except OSError as error:
        raise ConfigError(f"{plugin.label} cannot be started: {error.strerror}") from error
    _must_have_succeeded(finished, plugin, limit)
    return _exec_credential.decode(finished.output, api_version=plugin.api_version, label=plugin.label)


def _program(plugin: PluginCommand) -> str:
    # Our PATH, as kubectl has it, and not that of the plugin's additions.
    program = shutil.which(plugin.command, path=plugin.environ.get("PATH"))
    if program is not None:
        return program
    if os.sep in plugin.command and os.path.exists(plugin.command):  # noqa: PTH110 - `command` is text for the system
        raise ConfigError(f"{plugin.label} is not an executable file")
    hint = " ".join(plugin.install_hint.split()) or "install it, or correct the kubeconfig"
    raise ConfigError(f"{plugin.label} is not installed: {hint}")


def _must_have_succeeded(finished: _process.Finished, plugin: PluginCommand, limit_seconds: float) -> None:
    if finished.status == 0:
        return
    if len(finished.output) > _process.MAX_OUTPUT_BYTES:
        raise Unavailable(f"{plugin.label} printed more than {_process.MAX_OUTPUT_BYTES} bytes, and was ended")
    if finished.status is None:
        what = f"gave no answer within {limit_seconds:g} seconds, and was ended"
    else:
        what = f"failed with status {finished.status}"
    said = _last_words(finished.errors, secrets=[value for _, value in plugin.env])
    raise Unavailable(f"{plugin.label} {what}" + (f"; it said: {said}" if said else ""))


def _last_words(errors: bytes, *, secrets: list[str]) -> str:
    text = _COLOUR.sub("", errors.decode(errors="replace"))
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    # Longest first: one value may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text if len(text) <= _QUOTED_CHARACTERS else "…" + text[-_QUOTED_CHARACTERS:]
