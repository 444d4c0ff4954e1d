"""A user of a kubeconfig as a credential: token, password or plugin, with impersonation."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._credentials.credential import Credential, StaticCredential, basic, bearer
from trio_k8swatch.connect._credentials.exec_credential_json import API_VERSIONS, ExecCluster
from trio_k8swatch.connect._credentials.exec_plugin import ExecPlugin, PluginCommand
from trio_k8swatch.connect._credentials.token_file import TokenFile
from trio_k8swatch.connect._data_or_file import File

from .files import User

if TYPE_CHECKING:
    from trio_k8swatch.connect._credentials.credential import CredentialSource
    from trio_k8swatch.connect._environment import Surroundings
    from trio_k8swatch.connect._server_url import ServerURL

    from .files import Cluster, Entry, Exec

__all__ = ["credential_source", "impersonation", "must_be_consistent"]

# The extension of a cluster that plugins receive as `config`.
_EXEC_EXTENSION: Final = "client.authentication.k8s.io/exec"
# What may be in a header's name (RFC 9110), but for the percent sign, which escapes the rest.
_HEADER_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "!#$&'*+-.^_`|~")


def must_be_consistent(user: Entry[User]) -> None:
    """Refuse what contradicts itself, as kubectl does: `ConfigError` names file and field."""
    given = user.value
    if (given.token or given.token_file) and (given.username or given.password):
        raise ConfigError(f"{user.label('token')}: a token and a user name or password; only one of them is allowed")
    if given.password and not given.username:
        raise ConfigError(f"{user.label('password')}: a password without username")
    if given.auth_provider is not None and given.exec is not None:
        raise ConfigError(f"{user.label('auth-provider')}: not allowed beside exec")
    if given.auth_provider is not None and not (given.token or given.token_file or given.username):
        raise ConfigError(f"{user.label('auth-provider')} is not supported; use an exec plugin instead")
    if (given.client_certificate or given.client_certificate_data) and not (given.client_key or given.client_key_data):
        raise ConfigError(f"{user.label('client-certificate')}: client-key or client-key-data is missing")
    if not given.impersonate and (given.impersonate_uid or given.impersonate_groups or given.impersonate_extra):
        raise ConfigError(f"{user.label('as')} is missing, but as-uid, as-groups or as-user-extra is there")


def credential_source(
    user: Entry[User] | None, cluster: Entry[Cluster], server: ServerURL, surroundings: Surroundings
) -> CredentialSource:
    """How `user`, or nobody in particular, proves to be who they are."""
    given = user.value if user is not None else User()
    if user is not None and given.token_file:
        file = File(user.label("tokenFile"), user.resolve(given.token_file))
        fallback = Credential(bearer(given.token, label=user.label("token"))) if given.token else None
        if fallback is None:
            file.read()
        return TokenFile(file, fallback=fallback)
    if user is not None and given.token:
        return StaticCredential(Credential(bearer(given.token, label=user.label("token"))))
    if given.username:
        return StaticCredential(Credential(basic(given.username, given.password)))
    if user is not None and given.exec is not None:
        return ExecPlugin(_plugin(user, given.exec, cluster, server, surroundings), now=surroundings.now)
    if server.user is not None:
        return StaticCredential(Credential(basic(*server.user)))
    return StaticCredential(Credential())


def _plugin(
    user: Entry[User], given: Exec, cluster: Entry[Cluster], server: ServerURL, surroundings: Surroundings
) -> PluginCommand:
    if not given.command:
        raise ConfigError(f"{user.label('exec.command')} is missing")
    if given.api_version not in API_VERSIONS:
        raise ConfigError(f"{user.label('exec.apiVersion')} must be {API_VERSIONS[0]} or {API_VERSIONS[1]}")
    if any(not variable.name for variable in given.env):
        raise ConfigError(f"{user.label('exec.env')}: a variable has no name")
    return PluginCommand(
        label=f"{user.label('exec')}: {given.command}",
        command=str(user.resolve(given.command)) if "/" in given.command else given.command,
        api_version=given.api_version,
        args=tuple(given.args),
        env=tuple((variable.name, variable.value) for variable in given.env),
        environ=surroundings.environ,
        interactive=_interactive(user, given, terminal=surroundings.terminal),
        install_hint=given.install_hint,
        cluster=(lambda: _told(cluster, server)) if given.provide_cluster_info else None,
        limit_seconds=surroundings.plugin_limit_seconds,
    )


def _interactive(user: Entry[User], given: Exec, *, terminal: bool) -> bool:
    mode = given.interactive_mode or ("IfAvailable" if given.api_version == API_VERSIONS[1] else "")
    if mode not in {"Never", "IfAvailable", "Always"}:
        raise ConfigError(f"{user.label('exec.interactiveMode')} must be Never, IfAvailable or Always")
    if mode == "Always" and not terminal:
        raise ConfigError(f"{user.label('exec.interactiveMode')} is Always, but standard input is not a terminal")
    return terminal and mode != "Never"


def _told(cluster: Entry[Cluster], server: ServerURL) -> ExecCluster:
    given = cluster.value
    ca = cluster.material("certificate-authority", given.certificate_authority, given.certificate_authority_data)
    config: Any = next((e.extension for e in given.extensions if e.name == _EXEC_EXTENSION), None)
    return ExecCluster(
        server=server.url,
        tls_server_name=given.tls_server_name or None,
        insecure_skip_tls_verify=given.insecure_skip_tls_verify,
        certificate_authority_data=ca.read() if ca is not None else None,
        proxy_url=given.proxy_url or None,
        disable_compression=given.disable_compression,
        config=config,
    )


def impersonation(user: Entry[User]) -> tuple[tuple[str, str], ...]:
    """The headers that make requests count as somebody else's."""
    given = user.value
    headers: list[tuple[str, str]] = []
    if given.impersonate:
        headers.append(("Impersonate-User", given.impersonate))
    if given.impersonate_uid:
        headers.append(("Impersonate-Uid", given.impersonate_uid))
    headers += [("Impersonate-Group", group) for group in given.impersonate_groups]
    for key, values in given.impersonate_extra.items():
        headers += [(f"Impersonate-Extra-{_header_name(key)}", value) for value in values]
    if not all(value.isascii() and value.isprintable() for _, value in headers):
        raise ConfigError(f"{user.label('as')}: impersonation takes printable ASCII only")
    return tuple(headers)


def _header_name(key: str) -> str:
    return "".join(chr(b) if chr(b) in _HEADER_NAME_CHARACTERS else f"%{b:02X}" for b in key.encode())
