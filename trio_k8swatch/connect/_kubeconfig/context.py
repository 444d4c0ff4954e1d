"""From a context of a kubeconfig to a connection, field by field, as kubectl does it.

| field                                | kubectl                                 | here                              |
|--------------------------------------|-----------------------------------------|-----------------------------------|
| no `--context`                       | `current-context`                       | the same                          |
| no `current-context` either          | localhost:8080                          | refused                           |
| unknown context or user              | refused, or a password prompt           | refused                           |
| a context without user               | a password prompt, or anonymous         | anonymous                         |
| `server` without scheme              | http                                    | the same                          |
| `server` with http                   | impersonation, but no credentials       | credentials only to loopback      |
| `server` with user:password@         | HTTP basic, if there is nothing else    | the same                          |
| `namespace`                          | that of the context, else `default`     | the same                          |
| `certificate-authority(-data)`       | data wins; others are not trusted       | the same                          |
| neither                              | the system's authorities                | the same                          |
| `insecure-skip-tls-verify`           | refused beside a CA                     | the same                          |
| `tls-server-name`                    | name in the certificate, and SNI        | the same                          |
| `client-certificate(-data)`, `-key`  | data wins; both are needed              | the same                          |
| a certificate's file changes         | for new connections                     | the same                          |
| `token`                              | bearer                                  | the same                          |
| `tokenFile`                          | bearer, read again each minute          | the same, and on a 401            |
| both                                 | the file, if it can be read             | the same                          |
| `username`, `password`               | HTTP basic; refused beside a token      | the same                          |
| `exec`                               | used if there is no token or password   | the same                          |
| `exec.apiVersion`                    | v1, v1beta1                             | the same                          |
| `exec.interactiveMode`               | needed for v1; v1beta1: IfAvailable     | the same                          |
| `exec`: renewal                      | when expired, and after a 401           | a little before, and the same     |
| `exec`: time limit                   | none                                    | 60 s; 5 min with a terminal       |
| `auth-provider`                      | oidc only                               | refused: exec plugins replace it  |
| `proxy-url`                          | http, https, socks5                     | the same                          |
| no `proxy-url`                       | HTTPS_PROXY, HTTP_PROXY, NO_PROXY       | the same                          |
| `disable-compression`                | no gzip                                 | the same                          |
| `as`, `as-uid`, `as-groups`, …       | headers; refused without `as`           | the same                          |
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeVar

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._connection import Connection
from trio_k8swatch.connect._credentials.credential import Credential, StaticCredential
from trio_k8swatch.connect._credentials.exec_plugin import ExecPlugin
from trio_k8swatch.connect._credentials.request_auth import CredentialAuth
from trio_k8swatch.connect._proxy import checked_proxy, proxy_from_environment
from trio_k8swatch.connect._server_url import ServerURL, parse_server
from trio_k8swatch.connect._tls.contexts import RotatingTLS
from trio_k8swatch.connect._tls.handshake_failure import Subject

from .user import credential_source, impersonation, must_be_consistent

if TYPE_CHECKING:
    from trio_k8swatch.connect._credentials.credential import CredentialSource
    from trio_k8swatch.connect._data_or_file import Material
    from trio_k8swatch.connect._environment import Surroundings

    from .files import Cluster, Context, Entry, Kubeconfig, User

__all__ = ["connection_for"]

T = TypeVar("T")


def connection_for(config: Kubeconfig, context: str | None, surroundings: Surroundings) -> Connection:
    """The connection that `context` (or the current one) stands for; `ConfigError` names file and field."""
    name = context or config.current_context
    if not name:
        choices = _choices("", config.contexts)
        raise ConfigError(
            f"{_files(config)}: no current-context is set; name a context{f' ({choices})' if choices else ''}, "
            "or run: kubectl config use-context NAME"
        )
    chosen = _lookup(config.contexts, name, "context", config)
    cluster = _lookup(config.clusters, chosen.value.cluster, "cluster", config, named_by=chosen)
    user = None
    if chosen.value.user:
        user = _lookup(config.users, chosen.value.user, "user", config, named_by=chosen)
        must_be_consistent(user)
    return _connection(chosen, cluster, user, surroundings)


def _lookup(
    entries: dict[str, Entry[T]], name: str, section: str, config: Kubeconfig, *, named_by: Entry[Context] | None = None
) -> Entry[T]:
    if name in entries:
        return entries[name]
    where = _files(config) if named_by is None else named_by.label(section)
    choices = _choices(name, entries)
    raise ConfigError(f"{where}: there is no {section} {name!r}{f'; it has {choices}' if choices else ''}")


def _choices(name: str, entries: dict[str, Entry[T]]) -> str:
    return ", ".join(difflib.get_close_matches(name, entries) or sorted(entries)[:10])


def _files(config: Kubeconfig) -> str:
    return "kubeconfig " + ", ".join(map(str, config.paths))


def _connection(
    chosen: Entry[Context], cluster: Entry[Cluster], user: Entry[User] | None, surroundings: Surroundings
) -> Connection:
    server = _server(cluster)

    def living() -> tuple[CredentialAuth, RotatingTLS | None]:
        source = credential_source(user, cluster, server, surroundings)
        if not (server.encrypted or server.is_loopback):
            source = StaticCredential(Credential())
        tls = _tls(cluster, user, source) if server.encrypted else None
        return CredentialAuth(source, tls, now=surroundings.now), tls

    auth, tls = living()
    return Connection(
        server=server.url,
        namespace=chosen.value.namespace or "default",
        auth=auth,
        tls=tls,
        living=living,
        proxy=_proxy(cluster, server, surroundings),
        headers=impersonation(user) if user is not None else (),
        compress=not cluster.value.disable_compression,
        source=f"{chosen.path}, context {chosen.name}",
    )


def _server(cluster: Entry[Cluster]) -> ServerURL:
    if not cluster.value.server:
        raise ConfigError(f"{cluster.label('server')} is missing")
    return parse_server(cluster.value.server, label=cluster.label("server"), default_scheme="http")


def _proxy(cluster: Entry[Cluster], server: ServerURL, surroundings: Surroundings) -> str | None:
    if cluster.value.proxy_url:
        return checked_proxy(cluster.value.proxy_url, label=cluster.label("proxy-url"))
    return proxy_from_environment(server.url, surroundings.environ)


def _tls(cluster: Entry[Cluster], user: Entry[User] | None, source: CredentialSource) -> RotatingTLS:
    given = cluster.value
    ca = cluster.material("certificate-authority", given.certificate_authority, given.certificate_authority_data)
    if ca is not None and given.insecure_skip_tls_verify:
        raise ConfigError(f"{cluster.label('insecure-skip-tls-verify')}: not allowed beside a certificate-authority")
    certificate = key = None
    if user is not None:
        own = user.value
        certificate = user.material("client-certificate", own.client_certificate, own.client_certificate_data)
        key = user.material("client-key", own.client_key, own.client_key_data)
    plugin = source if isinstance(source, ExecPlugin) and certificate is None else None
    tls = RotatingTLS(
        subject=Subject(
            ca=ca.label if ca is not None else f"the system's store; set {cluster.label('certificate-authority-data')}",
            identity=_identity_label(user, certificate, plugin),
            server_name=cluster.label("tls-server-name"),
        ),
        server_name=given.tls_server_name or None,
        verify=not given.insecure_skip_tls_verify,
        ca=ca,
        certificate=certificate,
        key=key,
        plugin=plugin,
    )
    tls.check()
    return tls


def _identity_label(user: Entry[User] | None, certificate: Material | None, plugin: ExecPlugin | None) -> str:
    if certificate is not None:
        return certificate.label
    if user is None:
        return "the context names no user"
    return user.label("exec") if plugin is not None else user.label("client-certificate")
