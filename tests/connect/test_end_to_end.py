"""Whole watches against a real server, while credentials change under them."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from connect.kubeconfigs import data, document, identity, machine, write
from connect.plugins import Plugin, exec_credential
from connect.proxies import Proxy
from connect.servers import SecureServer
from connect.test_token_file import Volume

from trio_k8swatch import (
    Backoff,
    ConfigError,
    ProtocolError,
    Unauthorized,
    Unavailable,
    WatchConfig,
    connect,
    open_client,
    open_watch,
)
from trio_k8swatch.connect import Connection
from trio_k8swatch.testing import FakeApiServer

pytestmark = pytest.mark.usefixtures("time_limit")

SOON = 10
BRISK = Backoff(initial_seconds=0.05, maximum_seconds=0.2, minimum_seconds=0.01)


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(SOON):
        while not condition():
            await trio.sleep(0.01)


def pod(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}}


def load(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> Connection:
    path = write(tmp_path / "config", document(cluster, user))
    return connect.from_kubeconfig(path, surroundings=machine(tmp_path))


def end_watches(fake: FakeApiServer, count: int = 1) -> None:
    """End open watches cleanly, as a server does from time to time."""
    fake.faults.close_watch(times=count)


async def test_twenty_watches_survive_the_end_of_their_token(tmp_path: Path) -> None:
    """The token is revoked and all streams end: one run of the plugin, no failure, no pause."""
    fake = FakeApiServer(token="t-1")
    fake.create(pod("a"))
    plugin = Plugin(tmp_path).prints(exec_credential(token="t-$n"))
    async with (
        fake.serve() as url,
        open_client(plugin.connection({"server": url})) as client,
        AsyncExitStack() as stack,
    ):
        pods = client.resource("v1", "pods")
        stores = [await stack.enter_async_context(open_watch(pods)) for _ in range(20)]
        assert plugin.count == 1

        fake.token = "t-2"
        end_watches(fake, len(stores))
        fake.create(pod("b"))
        await until(lambda: all(len(store) == 2 for store in stores))
        assert plugin.count == 2
        assert [store.health.last_error for store in stores if "401" in str(store.health.last_error)] == []


async def test_rejected_for_ever(tmp_path: Path) -> None:
    """Shows in `health`, backs off, and heals when the server knows us again."""
    fake = FakeApiServer(token="good")
    plugin = Plugin(tmp_path).prints(exec_credential(token="good"))
    config = WatchConfig(retry_watch_after=BRISK, retry_relist_after=BRISK)
    async with (
        fake.serve() as url,
        open_client(plugin.connection({"server": url})) as client,
        open_watch(client.resource("v1", "pods"), config=config) as store,
    ):
        fake.token = "other"
        end_watches(fake)
        await until(lambda: store.health.state == "unauthorized")
        assert store.failing
        assert "good" not in str(store.health.last_error)
        fake.token = "good"
        fake.create(pod("a"))
        await until(lambda: len(store) == 1 and not store.failing)
    assert plugin.count <= 3


async def test_rejected_at_the_start(tmp_path: Path) -> None:
    """Is raised, as Unauthorized."""
    fake = FakeApiServer(token="good")
    async with fake.serve() as url, open_client(base_url=url, token="canary") as client:
        with pytest.raises(Unauthorized) as caught:
            async with open_watch(client.resource("v1", "pods")):
                pass
    assert "canary" not in str(caught.value)


async def test_a_certificate_that_expires_in_mid_watch(tmp_path: Path) -> None:
    """The stream goes on; the next connection shows the new certificate."""
    server = SecureServer()
    old, new = (server.client_authority.issue_cert(f"{name}@example.com") for name in ("old", "new"))
    user = {"client-certificate": "me.crt", "client-key": "me.key"}

    def install(leaf: trustme.LeafCert) -> None:
        write(tmp_path / "me.crt", leaf.cert_chain_pems[0].bytes())
        write(tmp_path / "me.key", leaf.private_key_pem.bytes())

    install(old)
    async with server.serve() as url:
        cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
        async with (
            open_client(load(tmp_path, cluster, user)) as client,
            open_watch(client.resource("v1", "pods")) as store,
        ):
            install(new)
            server.refused.add("old@example.com")
            server.fake.create(pod("a"))
            await until(lambda: len(store) == 1)
            assert "new@example.com" not in server.clients
            end_watches(server.fake)
            server.fake.create(pod("b"))
            await until(lambda: len(store) == 2)
    assert server.clients[-1] == "new@example.com"


async def test_a_pod_in_its_cluster(tmp_path: Path) -> None:
    """Token and CA rotate as the kubelet rotates them, with the server; the watch goes on."""
    server = SecureServer(fake=FakeApiServer(token="first"))
    volume = Volume(tmp_path / "serviceaccount")
    write(volume.folder / "ca.crt", server.authority.cert_pem.bytes())
    async with server.serve() as url:
        environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": url.rpartition(":")[2]}
        connection = connect.load(surroundings=machine(tmp_path, environ=environ))
        async with open_client(connection) as client, open_watch(client.resource("v1", "pods")) as store:
            successor = trustme.CA()
            server.certificate = successor.issue_cert("127.0.0.1")
            write(volume.folder / "ca.crt", successor.cert_pem.bytes())
            volume.publish("second")
            server.fake.token = "second"
            end_watches(server.fake)
            server.fake.create(pod("a"))
            await until(lambda: len(store) == 1)


async def test_impersonation_and_compression(tmp_path: Path) -> None:
    """Go with every request: lists and watches."""
    server = SecureServer()
    async with server.serve() as url:
        cluster = {
            "server": url,
            "certificate-authority-data": data(server.authority.cert_pem),
            "disable-compression": True,
        }
        user = {"token": "t", "as": "jane", "as-user-extra": {"a/b": ["c"]}}
        async with open_client(load(tmp_path, cluster, user)) as client, open_watch(client.resource("v1", "pods")):
            await until(lambda: len(server.requests) >= 2)
    for request in server.requests:
        assert request.headers["impersonate-user"] == "jane"
        assert request.headers["impersonate-extra-a%2fb"] == "c"
        assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("same_origin", [True, False])
async def test_redirects(same_origin: bool, tmp_path: Path, nursery: trio.Nursery) -> None:
    """Within the origin they are followed; nothing is shown to anybody else."""
    received: list[bytes] = []

    async def elsewhere(stream: trio.SocketStream) -> None:
        received.append(await stream.receive_some())
        await stream.aclose()

    listeners = await nursery.start(trio.serve_tcp, elsewhere, 0)
    other = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"

    async def redirecting(stream: trio.SocketStream) -> None:
        async with stream:
            asked = await stream.receive_some()
            received.append(asked)
            if b"GET /moved" in asked:
                body = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}'
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                await stream.send_all(head.encode() + body)
            else:
                target = "/moved" if same_origin else f"{other}/moved"
                head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
                await stream.send_all(head.encode())
                await stream.receive_some()

    listeners = await nursery.start(trio.serve_tcp, redirecting, 0)
    url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    user = {"token": "canary", "as": "jane"}
    with trio.fail_after(SOON):
        async with open_client(load(tmp_path, {"server": url}, user)) as client:
            if same_origin:
                listing = await client.resource("v1", "pods").list()
                assert listing.items == []
            else:
                with pytest.raises(ProtocolError, match=r"redirects to another origin"):
                    await client.resource("v1", "pods").list()
    assert len(received) == 1 + same_origin
    assert all(b"canary" in asked for asked in received)


CANARY = "canary"


def situations(server: SecureServer, url: str, plugin: Plugin) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Clusters and users, each with secrets, in which something goes wrong."""
    me = trustme.CA().issue_cert("me@example.com")
    trusted = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
    token = {"token": f"{CANARY}-token"}
    plugin.does(f"echo '{CANARY}-half a token'; echo broken >&2; exit 1")
    return {
        "rejected": (trusted, token),
        "password": (trusted, {"username": "me", "password": CANARY}),
        "password in the URL": ({**trusted, "server": url.replace("//", f"//me:{CANARY}@")}, {}),
        "wrong authority": ({**trusted, "certificate-authority-data": data(trustme.CA().cert_pem)}, token),
        "unknown client certificate": (trusted, identity(me) | token),
        "nobody there": ({"server": "https://127.0.0.1:1"}, token),
        "proxy": (trusted | {"proxy-url": f"http://me:{CANARY}@127.0.0.1:1"}, token),
        "junk token": (trusted, {"token": f"{CANARY}\n{CANARY}"}),
        "junk key": (
            trusted,
            {"client-certificate-data": data(me.cert_chain_pems[0]), "client-key-data": f"{CANARY}!"},
        ),
        "plugin": (trusted, plugin.user(args=[f"{CANARY}-argument"], env=[{"name": "K", "value": f"{CANARY}-env"}])),
        "wrong type": (trusted | {"insecure-skip-tls-verify": CANARY}, token),
        "junk URL": ({"server": f"https://me:{CANARY}@h:x"}, token),
        "junk proxy": (trusted | {"proxy-url": f"ftp://me:{CANARY}@h"}, token),
    }


async def test_no_secret_is_ever_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in errors with all their causes, not in logs of any level or library, not in a repr."""
    server = SecureServer(fake=FakeApiServer(token="good"))
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    async with server.serve() as url:
        cases = situations(server, url, Plugin(tmp_path))
        for cluster, user in cases.values():
            shown += await what_is_shown(tmp_path, cluster, user)
    log = [record.getMessage() for record in caplog.records]
    assert len(shown) > len(cases)
    assert len(log) > len(cases)
    assert [text for text in [*shown, *log] if CANARY in text] == []


# httpcore forgets to close the socket when a SOCKS proxy refuses (`_async/socks_proxy.py`, `_connect_failed`).
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
async def test_the_password_of_a_socks_proxy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """httpcore logs the arguments of its steps, and this is one of them."""
    caplog.set_level(logging.DEBUG)
    async with Proxy(password=True).socks5() as url:
        cluster = {"server": "http://h", "proxy-url": url.replace("//", f"//me:{CANARY}@")}
        shown = await what_is_shown(tmp_path, cluster, {})
    log = [record.getMessage() for record in caplog.records]
    gc.collect()
    assert any("setup_socks5_connection" in text for text in log)
    assert [text for text in [*shown, *log] if CANARY in text] == []


async def what_is_shown(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> list[str]:
    """Everything that can be printed of an attempt which fails."""
    shown: list[str] = []
    with pytest.raises((ConfigError, Unauthorized, Unavailable)) as caught:
        connection = load(tmp_path, cluster, user)
        shown += [repr(connection), repr(connection.auth), repr(connection.tls)]
        async with open_client(connection) as client:
            shown += [repr(client), repr(client.resource("v1", "pods"))]
            await client.resource("v1", "pods").list()
    error: BaseException | None = caught.value
    while error is not None:
        shown.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return shown
