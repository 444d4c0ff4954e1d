"""Where a connection comes from when nobody says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from connect.kubeconfigs import SERVER, document, machine, write

from trio_k8swatch import connect
from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect import Connection, Surroundings

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def pod(tmp_path: Path, **environ: str) -> Surroundings:
    """The inside of a pod."""
    account = tmp_path / "serviceaccount"
    write(account / "token", "t0ken")
    write(account / "ca.crt", trustme.CA().cert_pem.bytes())
    write(account / "namespace", "kube-system")
    return machine(tmp_path, environ=POD | environ)


def test_the_order(tmp_path: Path) -> None:
    """An explicit file, KUBECONFIG, the file at home, the cluster around us."""
    inside = pod(tmp_path)
    listed = pod(tmp_path, KUBECONFIG=str(write(tmp_path / "listed", document({"server": "http://listed"}))))
    explicit = write(tmp_path / "explicit", document({"server": "http://explicit"}))

    assert connect.load(surroundings=inside).server == "https://10.96.0.1:443"
    write(tmp_path / ".kube" / "config", document())
    assert connect.load(surroundings=inside).server == SERVER
    assert connect.load(surroundings=listed).server == "http://listed"
    assert connect.load(explicit, surroundings=listed).server == "http://explicit"
    assert connect.load("~/explicit", surroundings=listed).server == "http://explicit"


def test_a_kubeconfig_without_current_context_in_a_pod(tmp_path: Path) -> None:
    """As kubectl: the cluster around us, unless somebody named a context."""
    write(tmp_path / ".kube" / "config", document() | {"current-context": ""})
    assert connect.load(surroundings=pod(tmp_path)).server == "https://10.96.0.1:443"
    assert connect.load(context="x", surroundings=pod(tmp_path)).server == SERVER
    with pytest.raises(ConfigError, match="no current-context is set"):
        connect.load(surroundings=machine(tmp_path))


def test_a_broken_kubeconfig_in_a_pod(tmp_path: Path) -> None:
    """Is an error: whoever wrote it did not want another cluster."""
    write(tmp_path / ".kube" / "config", "junk")
    with pytest.raises(ConfigError, match="is not a kubeconfig"):
        connect.load(surroundings=pod(tmp_path))


def test_nothing_at_all(tmp_path: Path) -> None:
    """The message says where it looked, and what to do."""
    with pytest.raises(ConfigError) as caught:
        connect.load(surroundings=machine(tmp_path))
    assert str(caught.value) == (
        f"no cluster to connect to: no context in {tmp_path}/.kube/config, and this is not a pod; "
        "set KUBECONFIG, or name a kubeconfig or a server"
    )


def test_a_service_account(tmp_path: Path) -> None:
    connection = connect.from_cluster(surroundings=pod(tmp_path))
    assert connection.server == "https://10.96.0.1:443"
    assert connection.namespace == "kube-system"
    assert connection.source == f"service account in {tmp_path}/serviceaccount"


def test_an_address_of_ipv6(tmp_path: Path) -> None:
    """In brackets in a URL."""
    assert (
        connect.from_cluster(surroundings=pod(tmp_path, KUBERNETES_SERVICE_HOST="fd00::1")).server
        == "https://[fd00::1]:443"
    )


def test_the_namespace_of_a_pod(tmp_path: Path) -> None:
    """As kubectl: POD_NAMESPACE, the file, default."""
    assert connect.from_cluster(surroundings=pod(tmp_path, POD_NAMESPACE="mine")).namespace == "mine"
    surroundings = pod(tmp_path)
    (tmp_path / "serviceaccount" / "namespace").unlink()
    assert connect.from_cluster(surroundings=surroundings).namespace == "default"


def test_not_in_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^not inside a cluster: .* KUBERNETES_SERVICE_HOST is not set$"):
        connect.from_cluster(surroundings=machine(tmp_path))


async def test_a_pod_without_authority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As client-go: the system's authorities have to do."""
    surroundings = pod(tmp_path)
    (tmp_path / "serviceaccount" / "ca.crt").unlink()
    tls = connect.from_cluster(surroundings=surroundings).tls
    assert tls is not None
    assert (await tls.context()).cert_store_stats()["x509_ca"] > 1
    assert "only the system's authorities are trusted" in caplog.text


def test_a_pod_without_token(tmp_path: Path) -> None:
    """`automountServiceAccountToken: false`."""
    with pytest.raises(ConfigError, match=r"^service account token: there is no file"):
        connect.from_cluster(surroundings=machine(tmp_path, environ=POD))


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
        (" https://[::1]:6443/k8s/clusters/c-1/?x=1#y ", "https://[::1]:6443/k8s/clusters/c-1"),
    ],
)
def test_a_url(url: str, server: str, tmp_path: Path) -> None:
    """Exactly that server, whatever kubeconfigs say."""
    write(tmp_path / ".kube" / "config", document())
    connection = connect.to(url, surroundings=machine(tmp_path))
    assert (connection.server, connection.auth) == (server, None)
    assert (connection.tls is not None) == server.startswith("https:")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:8001", "base_url has no scheme: write https://127.0.0.1:8001, or http://127.0.0.1:8001"),
        ("me:canary@h", "base_url has no scheme: write https://example:6443, or http://example:6443"),
        ("", "base_url has no scheme: write https://example:6443, or http://example:6443"),
        ("unix:///run/x", "base_url must begin with https:// or http://, not unix://"),
        ("http://", "base_url is not a URL with a host name"),
        ("http://a b", "base_url is not a URL with a host name"),
        ("http://h:99999", "base_url is not a URL: its port or its address is malformed"),
        ("http://h:canary", "base_url is not a URL: its port or its address is malformed"),
        ("http://[::1", "base_url is not a URL: its port or its address is malformed"),
    ],
)
def test_what_is_no_url(url: str, problem: str) -> None:
    """The way out is in the message."""
    with pytest.raises(ConfigError) as caught:
        connect.to(url)
    assert str(caught.value) == problem


@pytest.mark.parametrize("options", [{"token": "a\nb"}, {"token": ""}, {"token": "é"}])
def test_what_is_no_token(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^token is "):
        connect.to("http://h", **options)


def test_https_without_tls() -> None:
    """Made by hand, it would fail at the first handshake, and say nothing helpful."""
    with pytest.raises(ConfigError, match=r"needs tls; connect\.to\(\.\.\.\) makes one$"):
        Connection(server="https://h")
    assert Connection(server="http://h").tls is None


def test_a_machine_without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user may have neither HOME nor a line in /etc/passwd."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert Surroundings().home == Path("/")
