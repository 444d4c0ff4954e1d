"""Where a connection comes from when nobody says: the order in which kubectl looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trio_k8swatch._errors import ConfigError

from ._connection import Connection
from ._credentials.credential import Credential, StaticCredential, basic, bearer
from ._credentials.request_auth import CredentialAuth
from ._data_or_file import File
from ._environment import Surroundings
from ._in_cluster import in_cluster_connection, is_in_cluster
from ._kubeconfig.context import connection_for
from ._kubeconfig.files import kubeconfig_paths, read_kubeconfigs
from ._proxy import proxy_from_environment
from ._server_url import parse_server
from ._tls.contexts import RotatingTLS
from ._tls.handshake_failure import Subject

if TYPE_CHECKING:
    from os import PathLike

    from ._kubeconfig.files import Kubeconfig

__all__ = ["context_names", "from_cluster", "from_kubeconfig", "load", "to"]


def load(
    kubeconfig: str | PathLike[str] | None = None,
    context: str | None = None,
    *,
    surroundings: Surroundings | None = None,
) -> Connection:
    """Connect as kubectl does.

    That is as the file `kubeconfig` says, if given; else the files in KUBECONFIG, merged; else `~/.kube/config`; and
    if these have no current context, from inside a cluster to that cluster. Reads a few small files and runs nothing:
    plugins run when the first request needs them. Raises `ConfigError`, in one line that names file and field.
    """
    surroundings = surroundings or Surroundings()
    config = _read(kubeconfig, surroundings)
    if kubeconfig is not None or context is not None or config.current_context:
        return connection_for(config, context, surroundings)
    if is_in_cluster(surroundings):
        return in_cluster_connection(surroundings)
    if config.contexts:
        return connection_for(config, None, surroundings)
    looked = ", ".join(map(str, config.paths))
    raise ConfigError(
        f"no cluster to connect to: no context in {looked}, and this is not a pod; "
        "set KUBECONFIG, or name a kubeconfig or a server"
    )


def from_kubeconfig(
    kubeconfig: str | PathLike[str] | None = None,
    context: str | None = None,
    *,
    surroundings: Surroundings | None = None,
) -> Connection:
    """As `load`, but never to the cluster we are in."""
    surroundings = surroundings or Surroundings()
    return connection_for(_read(kubeconfig, surroundings), context, surroundings)


def from_cluster(*, surroundings: Surroundings | None = None) -> Connection:
    """Connect a pod to its own cluster as its service account, whose token and CA are read again as they rotate."""
    return in_cluster_connection(surroundings or Surroundings())


def to(
    base_url: str,
    *,
    token: str | None = None,
    certificate_authority: str | PathLike[str] | None = None,
    insecure: bool = False,
    surroundings: Surroundings | None = None,
) -> Connection:
    """Connect to exactly that server: `kubectl proxy`, a test, a gateway.

    `token` is a bearer token. `certificate_authority` is a PEM file, else the system's authorities are trusted;
    `insecure` skips verification, and allows credentials to another machine over plain http, where anyone on the path can
    read them. Raises `ConfigError` for a URL without scheme, and for a token that would be sent unencrypted without `insecure`.
    """
    surroundings = surroundings or Surroundings()
    server = parse_server(base_url, label="base_url")
    credential = Credential(basic(*server.user) if server.user is not None else None)
    if token is not None:
        credential = Credential(bearer(token, label="token"))
    if credential.authorization and not (server.encrypted or server.is_loopback or insecure):
        raise ConfigError(
            f"{server.url} is not encrypted, so anyone on the path could read the credentials: use https, "
            "or send them unencrypted with insecure=True"
        )
    ca = None if certificate_authority is None else File("certificate_authority", Path(certificate_authority))

    def living() -> tuple[CredentialAuth | None, RotatingTLS | None]:
        tls = _tls_to(ca, insecure=insecure) if server.encrypted else None
        if not credential.authorization:
            return None, tls
        return CredentialAuth(StaticCredential(credential), tls, now=surroundings.now), tls

    auth, tls = living()
    return Connection(
        server=server.url,
        auth=auth,
        tls=tls,
        living=living,
        proxy=proxy_from_environment(server.url, surroundings.environ),
    )


def context_names(kubeconfig: str | PathLike[str] | None = None) -> list[str]:
    """The contexts that `load` could be asked for. Raises `ConfigError` as it does."""
    return sorted(_read(kubeconfig, Surroundings()).contexts)


def _tls_to(ca: File | None, *, insecure: bool) -> RotatingTLS:
    tls = RotatingTLS(
        subject=Subject(
            ca=str(ca.path) if ca is not None else "the system's store; set certificate_authority",
            identity="none was given",
            server_name="tls-server-name in a kubeconfig",
        ),
        verify=not insecure,
        ca=ca,
    )
    tls.check()
    return tls


def _read(kubeconfig: str | PathLike[str] | None, surroundings: Surroundings) -> Kubeconfig:
    if kubeconfig is not None:
        return read_kubeconfigs([_expanded(kubeconfig, surroundings)], must_exist=True)
    return read_kubeconfigs(kubeconfig_paths(surroundings.environ, surroundings.home), must_exist=False)


def _expanded(name: str | PathLike[str], surroundings: Surroundings) -> Path:
    path = Path(name)
    return surroundings.home.joinpath(*path.parts[1:]) if path.parts[:1] == ("~",) else path
