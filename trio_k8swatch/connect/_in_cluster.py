"""The connection of a pod to its own cluster: the service account that the kubelet keeps fresh."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from trio_k8swatch._errors import ConfigError

from ._connection import Connection
from ._credentials.request_auth import CredentialAuth
from ._credentials.token_file import TokenFile
from ._data_or_file import File, read_file
from ._proxy import proxy_from_environment
from ._tls.contexts import RotatingTLS
from ._tls.handshake_failure import Subject

if TYPE_CHECKING:
    from ._environment import Surroundings

__all__ = ["in_cluster_connection", "is_in_cluster"]

_log: Final = logging.getLogger("trio_k8swatch")


def is_in_cluster(surroundings: Surroundings) -> bool:
    """Whether this looks like a pod with a service account."""
    environ = surroundings.environ
    has_address = bool(environ.get("KUBERNETES_SERVICE_HOST") and environ.get("KUBERNETES_SERVICE_PORT"))
    return has_address and (surroundings.service_account / "token").is_file()


def in_cluster_connection(surroundings: Surroundings) -> Connection:
    """As client-go's InClusterConfig; `ConfigError` says what is missing."""
    host, port = (_variable(name, surroundings) for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"))
    account = surroundings.service_account
    token = File("service account token", account / "token")
    token.read()
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    authority = _authority(surroundings)

    def living() -> tuple[CredentialAuth, RotatingTLS]:
        tls = RotatingTLS(
            subject=Subject(
                ca=str(account / "ca.crt"),
                identity="a pod's service account has none",
                server_name="KUBERNETES_SERVICE_HOST",
            ),
            ca=authority,
        )
        tls.check()
        return CredentialAuth(TokenFile(token), tls, now=surroundings.now), tls

    auth, tls = living()
    return Connection(
        server=server,
        namespace=_namespace(surroundings),
        auth=auth,
        tls=tls,
        living=living,
        proxy=proxy_from_environment(server, surroundings.environ),
        source=f"service account in {account}",
    )


def _variable(name: str, surroundings: Surroundings) -> str:
    value = surroundings.environ.get(name, "").strip("[]")
    if not value:
        raise ConfigError(f"not inside a cluster: the environment variable {name} is not set")
    return value


def _authority(surroundings: Surroundings) -> File | None:
    path = surroundings.service_account / "ca.crt"
    if path.exists():
        return File("service account CA", path)
    _log.warning("%s is missing; only the system's authorities are trusted", path)
    return None


def _namespace(surroundings: Surroundings) -> str:
    named = surroundings.environ.get("POD_NAMESPACE", "")
    if named:
        return named
    try:
        return read_file(surroundings.service_account / "namespace", "namespace").decode().strip() or "default"
    except (ConfigError, UnicodeDecodeError):
        return "default"
