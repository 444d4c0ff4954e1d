"""The ExecCredential JSON exchanged with an exec plugin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect._kubeconfig.yaml_text import plain_data

from .credential import Credential, bearer

__all__ = ["API_VERSIONS", "ExecCluster", "decode", "encode_info"]

API_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class ExecCluster(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """What a plugin with `provideClusterInfo` learns about the cluster."""

    server: str
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False
    certificate_authority_data: bytes | None = None
    proxy_url: str | None = None
    disable_compression: bool = False
    config: Any = None


class _Secretive(msgspec.Struct, frozen=True, rename="camel"):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class _Status(_Secretive, frozen=True, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _ExecCredential(_Secretive, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


def encode_info(api_version: str, *, interactive: bool, cluster: ExecCluster | None) -> str:
    """The value of `KUBERNETES_EXEC_INFO`."""
    spec: dict[str, Any] = {"interactive": interactive}
    if cluster is not None:
        spec["cluster"] = cluster
    info = {"kind": "ExecCredential", "apiVersion": api_version, "spec": spec}
    return msgspec.json.encode(info).decode()


def decode(output: bytes, *, api_version: str, label: str) -> tuple[Credential, float | None]:
    """What the plugin printed: credentials, and the time they expire (seconds since the epoch), if it said so.

    Raises `ConfigError`, which never quotes the output.
    """
    answer = _answer(output, label)
    if answer.api_version != api_version:
        theirs = answer.api_version or "none"
        raise ConfigError(f"{label} answered in apiVersion {theirs}, but kubeconfig asks for {api_version}")
    status = answer.status
    if status is None or not (status.token or status.client_certificate_data or status.client_key_data):
        raise ConfigError(f"{label} printed neither a token nor a client certificate with its key")
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise ConfigError(f"{label} printed a client certificate or a key, but not both")
    credential = Credential(
        authorization=bearer(status.token, label=f"{label}: status.token") if status.token else None,
        identity=_pem(status) if status.client_certificate_data else None,
    )
    return credential, _seconds(status.expiration_timestamp, label)


def _answer(output: bytes, label: str) -> _ExecCredential:
    if not output.strip():
        raise ConfigError(f"{label} printed nothing on stdout, where an ExecCredential is expected")
    try:
        answer = msgspec.convert(plain_data(output, label="output"), _ExecCredential)
    except (ConfigError, msgspec.ValidationError):
        raise ConfigError(f"{label} printed something that is not an ExecCredential") from None
    if answer.kind != "ExecCredential":
        raise ConfigError(f"{label} printed something that is not an ExecCredential")
    return answer


def _pem(status: _Status) -> bytes:
    return f"{status.client_certificate_data}\n{status.client_key_data}\n".encode()


def _seconds(timestamp: str | None, label: str) -> float | None:
    if not timestamp:
        return None
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        raise ConfigError(f"{label} printed an expirationTimestamp that is not an RFC 3339 time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
