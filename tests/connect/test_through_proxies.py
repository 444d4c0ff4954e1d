"""Through real forward proxies to a real server."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import trustme
from connect.kubeconfigs import data, document, machine, write
from connect.proxies import PASSWORD, USER, Proxy
from connect.servers import SecureServer

from trio_k8swatch import Unavailable, connect, open_client
from trio_k8swatch.connect import Connection

pytestmark = pytest.mark.usefixtures("time_limit")

NAME = "kubernetes.example"


def load(tmp_path: Path, cluster: dict[str, Any], **environ: str) -> Connection:
    path = write(tmp_path / "config", document(cluster, {"token": "t0ken"}))
    return connect.from_kubeconfig(path, surroundings=machine(tmp_path, environ=environ))


async def list_pods(connection: Connection) -> int:
    async with open_client(connection) as client:
        return len((await client.resource("v1", "pods").list()).items)


def with_password(url: str) -> str:
    return url.replace("://", f"://{USER}:{PASSWORD}@")


@pytest.mark.parametrize("password", [False, True])
@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_tls_through_a_proxy(kind: str, password: bool, tmp_path: Path) -> None:
    """The proxy resolves the name, sees no token, and the certificate is that of the server."""
    server = SecureServer(NAME)
    proxy = Proxy(password=password, names={NAME: "127.0.0.1"})
    async with server.serve() as url, getattr(proxy, kind)() as through:
        port = url.rpartition(":")[2]
        cluster = {
            "server": f"https://{NAME}:{port}",
            "certificate-authority-data": data(server.authority.cert_pem),
            "proxy-url": with_password(through) if password else through,
        }
        assert await list_pods(load(tmp_path, cluster)) == 0
    assert proxy.asked == [f"{NAME}:{port}"]
    assert "t0ken" not in repr(proxy.headers)
    assert server.requests[0].headers["authorization"] == "Bearer t0ken"


async def test_plain_http_through_a_proxy(tmp_path: Path) -> None:
    """Whole URLs, as HTTP has it."""
    server = SecureServer()
    proxy = Proxy()
    async with server.fake.serve() as url, proxy.http() as through:
        assert await list_pods(load(tmp_path, {"server": url, "proxy-url": through})) == 0
    assert proxy.asked == [url.removeprefix("http://")]


async def test_the_proxy_of_the_environment(tmp_path: Path) -> None:
    """Where kubeconfig names none."""
    server = SecureServer(NAME)
    proxy = Proxy(names={NAME: "127.0.0.1"})
    async with server.serve() as url, proxy.http() as through:
        cluster = {
            "server": f"https://{NAME}:{url.rpartition(':')[2]}",
            "certificate-authority-data": data(server.authority.cert_pem),
        }
        assert await list_pods(load(tmp_path, cluster, HTTPS_PROXY=through)) == 0
        assert len(proxy.asked) == 1
        with pytest.raises(Unavailable):
            await list_pods(load(tmp_path, cluster, HTTPS_PROXY=through, NO_PROXY=NAME))


async def test_tls_to_the_proxy(tmp_path: Path) -> None:
    """As kubectl: the cluster's authorities are trusted for an https proxy, too."""
    server = SecureServer(NAME)
    server.certificate = server.authority.issue_cert("127.0.0.1", NAME)
    proxy = Proxy(names={NAME: "127.0.0.1"})
    async with server.serve() as url, proxy.http(server.context()) as through:
        cluster = {
            "server": f"https://{NAME}:{url.rpartition(':')[2]}",
            "certificate-authority-data": data(server.authority.cert_pem),
            "proxy-url": through,
        }
        assert await list_pods(load(tmp_path, cluster)) == 0
    assert len(proxy.asked) == 1


# httpcore forgets to close the socket when a SOCKS proxy refuses (`_async/socks_proxy.py`, `_connect_failed`).
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_proxy_that_refuses(kind: str, tmp_path: Path) -> None:
    """One line, without the password."""
    server = SecureServer()
    proxy = Proxy(password=True)
    async with server.serve() as url, getattr(proxy, kind)() as through:
        wrong = with_password(through).replace(PASSWORD, "canary-wrong")
        cluster = {
            "server": url,
            "certificate-authority-data": data(server.authority.cert_pem),
            "proxy-url": wrong,
        }
        connection = load(tmp_path, cluster)
        with pytest.raises(Unavailable) as caught:
            await list_pods(connection)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "canary" not in repr(connection)
    assert server.requests == []
    del caught
    gc.collect()


async def test_a_proxy_that_is_not_there(tmp_path: Path) -> None:
    cluster = {"server": "https://example.invalid", "proxy-url": "http://127.0.0.1:1"}
    with pytest.raises(Unavailable, match=r"Connection refused|connection attempts"):
        await list_pods(load(tmp_path, cluster))


async def test_a_wrong_certificate_behind_a_proxy(tmp_path: Path) -> None:
    """Is explained as without a proxy."""
    server = SecureServer()
    proxy = Proxy()
    async with server.serve() as url, proxy.http() as through:
        other = data(trustme.CA().cert_pem)
        cluster = {"server": url, "certificate-authority-data": other, "proxy-url": through}
        with pytest.raises(Unavailable, match=r"not signed by an authority in .*certificate-authority-data"):
            await list_pods(load(tmp_path, cluster))
