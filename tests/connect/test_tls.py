"""TLS with a real server: who is trusted, who we are, and what happens when either changes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme
from connect.kubeconfigs import data, document, identity, machine, write
from connect.plugins import Plugin, exec_credential
from connect.servers import SecureServer

from trio_k8swatch import connect
from trio_k8swatch._errors import Unauthorized, Unavailable
from trio_k8swatch._http.connection_pool import ConnectionPool
from trio_k8swatch.connect import Connection

pytestmark = pytest.mark.usefixtures("time_limit")

PODS = "/api/v1/pods"


def write_identity(folder: Path, certificate: trustme.LeafCert) -> dict[str, str]:
    """Each file is replaced in one step, but one after the other."""
    for name, blob in (("me.crt", certificate.cert_chain_pems[0]), ("me.key", certificate.private_key_pem)):
        write(folder / "new", blob.bytes()).replace(folder / name)
    return {"client-certificate": "me.crt", "client-key": "me.key"}


def load(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None, **changes: Any) -> Connection:
    path = write(tmp_path / "config", document(cluster, user))
    return connect.from_kubeconfig(path, surroundings=machine(tmp_path, **changes))


@asynccontextmanager
async def client_for(connection: Connection) -> AsyncIterator[httpx.AsyncClient]:
    transport = ConnectionPool(connection)
    async with httpx.AsyncClient(transport=transport, auth=connection.auth, base_url=connection.server) as client:
        yield client


async def status(connection: Connection) -> int:
    async with client_for(connection) as client:
        return (await client.get(PODS)).status_code


async def failure(connection: Connection, kind: type[Exception] = Unavailable) -> str:
    with pytest.raises(kind) as caught:
        await status(connection)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_server_with_its_own_authority(tmp_path: Path) -> None:
    server = SecureServer()
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        assert await status(load(tmp_path, cluster)) == 200
        assert await status(load(tmp_path, {"server": url, "insecure-skip-tls-verify": True})) == 200
    assert server.clients == [None, None]


async def test_a_server_that_vouches_for_itself(tmp_path: Path) -> None:
    """Any certificate may be trusted, as for Go: it need not be an authority's."""
    server = SecureServer()
    async with server.serve() as url:
        own = data(server.certificate.cert_chain_pems[0])
        assert await status(load(tmp_path, {"server": url, "certificate-authority-data": own})) == 200


async def test_a_wrong_authority(tmp_path: Path) -> None:
    """Named by its field; or the field to set, where there is none."""
    server = SecureServer()
    async with server.serve() as url:
        message = await failure(
            load(tmp_path, {"server": url, "certificate-authority-data": data(trustme.CA().cert_pem)})
        )
        field = f"{tmp_path}/config: clusters[c].cluster.certificate-authority-data"
        assert message == f"TLS: the certificate of 127.0.0.1 is not signed by an authority in {field}"
        message = await failure(load(tmp_path, {"server": url}))
        assert message.endswith(f"is not signed by an authority in the system's store; set {field}")


async def test_an_expired_server_certificate(tmp_path: Path) -> None:
    server = SecureServer()
    server.certificate = server.authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        message = await failure(load(tmp_path, cluster))
    assert message == "TLS: the certificate of 127.0.0.1 has expired (or this machine's clock is wrong)"


async def test_a_server_certificate_for_another_name(tmp_path: Path) -> None:
    """`tls-server-name` is the way out: for the check, and as SNI."""
    server = SecureServer("kubernetes.example")
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        message = await failure(load(tmp_path, cluster))
        field = f"{tmp_path}/config: clusters[c].cluster.tls-server-name"
        expected = f"the certificate of 127.0.0.1 is made out to another name; if that is right, set {field}"
        assert message == f"TLS: {expected}"
        assert await status(load(tmp_path, cluster | {"tls-server-name": "kubernetes.example"})) == 200
    assert "kubernetes.example" in server.server_names


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "does not speak TLS on this port; is its URL http:// instead of https://?",
        ),
        (b"", "cut the connection off; does it speak TLS on this port?"),
    ],
)
async def test_a_server_without_tls(answer: bytes, expected: str, tmp_path: Path, nursery: trio.Nursery) -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    listeners = await nursery.start(partial(trio.serve_tcp, plain, 0, host="127.0.0.1"))
    url = f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    assert await failure(load(tmp_path, {"server": url})) == f"TLS: 127.0.0.1 {expected}"


async def test_a_client_certificate(tmp_path: Path) -> None:
    """From data or from files."""
    server = SecureServer()
    me = server.client_authority.issue_cert("me@example.com")
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        assert await status(load(tmp_path, cluster, identity(me))) == 200
        assert await status(load(tmp_path, cluster, write_identity(tmp_path, me))) == 200
    assert server.clients == ["me@example.com"] * 2


async def test_a_server_that_wants_a_certificate(tmp_path: Path) -> None:
    """Its refusal comes after the handshake, and says what is missing."""
    server = SecureServer()
    server.require_certificate = True
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        message = await failure(load(tmp_path, cluster))
        field = f"{tmp_path}/config: users[u].user.client-certificate"
        assert message == f"TLS: 127.0.0.1: the server asks for a client certificate ({field})"
        message = await failure(load(tmp_path, cluster, identity(trustme.CA().issue_cert("me@example.com"))))
        assert message.endswith(f"the authority that signed our client certificate ({field}-data)")


async def test_a_rotated_authority(tmp_path: Path) -> None:
    """The next connection trusts what the file says by then."""
    server = SecureServer()
    write(tmp_path / "ca.crt", server.authority.cert_pem.bytes())
    async with server.serve() as url:
        connection = load(tmp_path, {"server": url, "certificate-authority": "ca.crt"})
        assert await status(connection) == 200
        successor = trustme.CA()
        server.certificate = successor.issue_cert("127.0.0.1")
        assert "is not signed by an authority in" in await failure(connection)
        write(tmp_path / "ca.crt", successor.cert_pem.bytes())
        assert await status(connection) == 200


@pytest.mark.parametrize("bad", [None, b"", b"-----BEGIN CERTIFICATE-----\nhalf"])
async def test_an_authority_that_is_being_written(
    bad: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last good one stays."""
    server = SecureServer()
    path = write(tmp_path / "ca.crt", server.authority.cert_pem.bytes())
    async with server.serve() as url:
        connection = load(tmp_path, {"server": url, "certificate-authority": "ca.crt"})
        path.unlink()
        if bad is not None:
            path.write_bytes(bad)
        with caplog.at_level(logging.WARNING):
            assert await status(connection) == 200
    assert "the last good certificates stay in use" in caplog.text


async def test_the_context_is_kept_while_nothing_changes(tmp_path: Path) -> None:
    """A new one costs milliseconds, and would make every connection in the pool look outdated."""
    server = SecureServer()
    me = server.client_authority.issue_cert("me@example.com")
    tls = load(tmp_path, {}, write_identity(tmp_path, me)).tls
    assert tls is not None
    first = await tls.context()
    write_identity(tmp_path, me)
    assert await tls.context() is first
    assert tls.is_current(first)
    write_identity(tmp_path, server.client_authority.issue_cert("me@example.com"))
    assert await tls.context() is not first
    assert not tls.is_current(first)


async def test_an_idle_connection_is_not_used_with_an_old_certificate(tmp_path: Path) -> None:
    """Renewed on disk, refused by the server: a new connection is made, and nobody sees the 401."""
    server = SecureServer()
    old, new = (server.client_authority.issue_cert(f"{name}@example.com") for name in ("old", "new"))
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        connection = load(tmp_path, cluster, write_identity(tmp_path, old))
        async with client_for(connection) as client:
            assert (await client.get(PODS)).status_code == 200
            write_identity(tmp_path, new)
            server.refused.add("old@example.com")
            assert (await client.get(PODS)).status_code == 200
            assert (await client.get(PODS)).status_code == 200
    assert server.clients == ["old@example.com", "old@example.com", "new@example.com", "new@example.com"]
    assert server.handshakes == 2


async def test_a_401_with_nothing_new_is_asked_once(tmp_path: Path) -> None:
    """The same certificate again would be the same answer again."""
    server = SecureServer()
    me = server.client_authority.issue_cert("me@example.com")
    server.refused.add("me@example.com")
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        assert await status(load(tmp_path, cluster, write_identity(tmp_path, me))) == 401
    assert len(server.clients) == 1


async def test_a_client_certificate_that_has_expired(tmp_path: Path) -> None:
    """A strict server ends the handshake; a kube-apiserver says no more than 401, but we know better."""
    server = SecureServer()
    yesterday, tomorrow = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    expired = server.client_authority.issue_cert("me@example.com", not_after=yesterday)
    expiring = server.client_authority.issue_cert("me@example.com", not_after=tomorrow)
    server.refused.add("me@example.com")
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        field = f"{tmp_path}/config: users[u].user.client-certificate"
        message = await failure(load(tmp_path, cluster, write_identity(tmp_path, expired)))
        assert message == f"TLS: 127.0.0.1: our client certificate has expired ({field})"

        user = write_identity(tmp_path, expiring)
        assert await status(load(tmp_path, cluster, user)) == 401
        later = (tomorrow + timedelta(seconds=1)).timestamp()
        message = await failure(load(tmp_path, cluster, user, now=lambda: later), Unauthorized)
        assert message == f"{field}: the client certificate expired at {tomorrow:%Y-%m-%d %H:%M} UTC; renew it"


async def test_a_plugin_with_certificates(tmp_path: Path) -> None:
    """It runs before the first handshake; and anew when its certificate is refused, with a new connection."""
    server = SecureServer()
    plugin = Plugin(tmp_path)

    def give(name: str) -> None:
        leaf = server.client_authority.issue_cert(f"{name}@example.com")
        pem, key = leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
        plugin.does(f"cat <<'END'\n{exec_credential(clientCertificateData=pem, clientKeyData=key)}\nEND")

    give("old")
    async with server.serve() as url:
        connection = load(
            tmp_path,
            {"server": url, "certificate-authority-data": data(server.authority.cert_pem)},
            plugin.user(),
        )
        async with client_for(connection) as client:
            assert (await client.get(PODS)).status_code == 200
            give("new")
            server.refused.add("old@example.com")
            assert (await client.get(PODS)).status_code == 200
    assert server.clients == ["old@example.com", "old@example.com", "new@example.com"]
    assert plugin.count == 2


async def test_twenty_refused_at_once_renew_once(tmp_path: Path) -> None:
    """One run of the plugin, and a new connection for each."""
    server = SecureServer()
    plugin = Plugin(tmp_path)

    def give(name: str) -> None:
        leaf = server.client_authority.issue_cert(f"{name}@example.com")
        pem, key = leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
        plugin.does(f"cat <<'END'\n{exec_credential(clientCertificateData=pem, clientKeyData=key)}\nEND")

    give("old")
    statuses: list[int] = []
    async with server.serve() as url:
        connection = load(
            tmp_path,
            {"server": url, "certificate-authority-data": data(server.authority.cert_pem)},
            plugin.user(),
        )
        async with client_for(connection) as client, trio.open_nursery() as nursery:

            async def get() -> None:
                statuses.append((await client.get(PODS)).status_code)

            await client.get(PODS)
            give("new")
            server.refused.add("old@example.com")
            for _ in range(20):
                nursery.start_soon(get)
    assert statuses == [200] * 20
    assert plugin.count == 2
