"""F12-F14, F16-F18: names, TLS, HTTP/2, pools, and connects that are cancelled. In real time."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from faults.chaos import chaos
from faults.harness import check_streams, pod
from faults.sockets import QUICK, connections, on_socket, quick
from raw_server import raw_server, with_length

from trio_k8swatch import ApiClient, ConfigError, ListStrategy, Unavailable, open_client, open_watch
from trio_k8swatch._http.sockets.tls_stream import TlsStream
from trio_k8swatch.connect import from_kubeconfig, to
from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.doors._socket import _exchanges

CANCELLED_AT_ONCE = 50
"""One more at each checkpoint, so that every step of connecting is hit by some."""


class Names(trio.abc.HostnameResolver):
    """Where a name leads, at the moment."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked = 0

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        self.asked += 1
        return await trio.to_thread.run_sync(
            lambda: __import__("socket").getaddrinfo(self.address, port, 0, type, proto)
        )

    async def getnameinfo(self, sockaddr, flags):
        raise NotImplementedError


async def test_F12_the_name_leads_elsewhere():
    """An API server that was replaced behind its name is found at its new address, at the next connection."""
    fake = FakeApiServer(seed=1)
    names = Names("127.0.0.1")
    trio.socket.set_custom_hostname_resolver(names)
    with trio.fail_after(30):
        async with fake.serve() as server, chaos(server) as (old, url):
            port = int(url.rpartition(":")[2])
            async with chaos(server, host="127.0.0.2", port=port) as (new, _):
                async with on_socket(f"http://apiserver.test:{port}", fake) as it:
                    async with it.watch(config=quick(), curve=QUICK, inspect_every=0.05) as w:
                        await trio.sleep(0.1)
                        names.address = "127.0.0.2"
                        old.refusing = True
                        old.reset_all()
                        fake.create(pod("a"))
                        await w.settled()
                        assert new.connections >= 1
                        assert len(w.lists) == 1


@asynccontextmanager
async def choosing(fake: FakeApiServer, authority: trustme.CA) -> AsyncGenerator[tuple[str, list[str]]]:
    """A server that would rather speak HTTP/2, and says which protocol each client has chosen."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    spoken: list[str] = []

    async def handle(raw: trio.SocketStream) -> None:
        stream = trio.SSLStream(raw, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
            spoken.append(stream.selected_alpn_protocol() or "none")
            await _exchanges(fake.handle, stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The client has gone.
            return

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            lambda task_status: trio.serve_tcp(handle, 0, host="127.0.0.1", task_status=task_status)
        )
        yield f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}", spoken
        nursery.cancel_scope.cancel()


def kubeconfig(tmp_path, url: str, ca: bytes) -> str:
    (tmp_path / "ca.pem").write_bytes(ca)
    path = tmp_path / "config"
    path.write_text(
        f"""{{apiVersion: v1, kind: Config, current-context: c,
        clusters: [{{name: c, cluster: {{server: "{url}", certificate-authority: ca.pem}}}}],
        users: [{{name: u, user: {{token: t}}}}], contexts: [{{name: c, context: {{cluster: c, user: u}}}}]}}"""
    )
    return str(path)


async def test_F16_http2_is_never_chosen(tmp_path):
    """HTTP/1.1 is used even if the server prefers HTTP/2, so that there is no GOAWAY."""
    authority = trustme.CA()
    fake = FakeApiServer(seed=1)
    with trio.fail_after(30):
        async with choosing(fake, authority) as (url, spoken):
            connection = from_kubeconfig(kubeconfig(tmp_path, url, authority.cert_pem.bytes()))
            async with open_client(connection) as client:
                async with open_watch(client.resource("v1", "pods"), config=quick()) as store:
                    fake.create(pod("a"))
                    await store.relist()
                    assert len(store) == 1
    assert set(spoken) == {"http/1.1"}


async def test_F16_a_connection_of_limited_age():
    """A server that closes the connection after each response costs only another connection."""

    async def answer(stream, target):
        await stream.send_all(with_length(b"{}", b"HTTP/1.1 200 OK\r\nConnection: close\r\n"))
        return False

    async with raw_server(answer) as server, open_client(base_url=server.url) as client:
        for _ in range(3):
            assert await client.get("/version") == b"{}"
        assert server.connections == 3


async def test_R5_http2_is_refused_in_one_line():
    """A 401 that comes with GOAWAY never reaches us there: who asks for HTTP/2 is told, and not left without answers."""
    with pytest.raises(ConfigError, match="http2"):
        async with open_client(base_url="https://127.0.0.1:1", http2=True):
            pass


async def test_F13_certificates_of_another_authority(tmp_path):
    """While the file has the old CA, connections fail with that reason, with growing pauses; once it is updated, they succeed."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(60):
        async with fake.serve(tls=True) as url:
            good = url.ca.encode()
            path = kubeconfig(tmp_path, str(url), trustme.CA().cert_pem.bytes())
            config = quick(retry_at_start=(Unavailable,), list_strategy=ListStrategy.PAGES)
            async with open_client(from_kubeconfig(path)) as client:
                began = trio.current_time()
                async with trio.open_nursery() as nursery:

                    async def rotate() -> None:
                        await trio.sleep(1)
                        (tmp_path / "ca.pem").write_bytes(good)

                    nursery.start_soon(rotate)
                    async with open_watch(client.resource("v1", "pods"), config=config) as store:
                        assert trio.current_time() - began >= 1
                        fake.create(pod("a"))
                        while not len(store):
                            await trio.sleep(0.01)
                        assert "certificate" in (store.health.last_error or "").lower()
                        assert store.health.state.value == "live"


async def test_F14_a_certificate_that_stays_wrong(tmp_path):
    """At the start the reason is raised at once, in one line that names the file."""
    fake = FakeApiServer(seed=1)
    with trio.fail_after(30):
        async with fake.serve(tls=True) as url:
            path = kubeconfig(tmp_path, str(url), trustme.CA().cert_pem.bytes())
            async with open_client(from_kubeconfig(path)) as client:
                with pytest.raises(Unavailable, match="certificate") as caught:
                    async with open_watch(
                        client.resource("v1", "pods"), config=quick(list_strategy=ListStrategy.PAGES)
                    ):
                        pass
        assert "\n" not in str(caught.value)


async def test_F17_more_watches_than_any_pool():
    """120 watches on one client do not block its lists."""
    fake = FakeApiServer(seed=1)
    for n in range(3):
        fake.create(pod(f"pod-{n}"))
    with trio.fail_after(60):
        async with fake.serve() as url, on_socket(url, fake) as it:
            async with trio.open_nursery() as nursery:
                stores = []

                async def one(task_status) -> None:
                    async with open_watch(it.client.resource("v1", "pods"), config=quick(silence_limit=60.0)) as store:
                        stores.append(store)
                        task_status.started()
                        await trio.sleep_forever()

                for _ in range(120):
                    await nursery.start(one)
                assert len([c for c in fake.requests.of("watch") if c.ended is None]) == 120
                with trio.fail_after(5):
                    for _ in range(20):
                        listing = await it.client.resource("v1", "pods").list()
                        assert len(listing.items) == 3
                fake.create(pod("late"))
                while not all(len(store) == 4 for store in stores):
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()


async def cancel_watches(client: ApiClient, count: int) -> None:
    """Ask for so many watches, and cancel each at another step of its way."""
    resource = client.resource("v1", "pods")

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            async with resource.watch():
                await trio.sleep_forever()

    for _ in range(count // CANCELLED_AT_ONCE):
        async with trio.open_nursery() as nursery:
            scopes = [trio.CancelScope() for _ in range(CANCELLED_AT_ONCE)]
            for scope in scopes:
                nursery.start_soon(ask, scope)
            for scope in scopes:
                await trio.lowlevel.checkpoint()
                scope.cancel()


async def test_F18_cancelled_connects():
    """Ten thousand requests cancelled while connecting leak no slot, no socket and no task."""
    fake = FakeApiServer(seed=1)
    tasks = trio.lowlevel.current_statistics().tasks_living
    with trio.fail_after(120):
        with trio.socket.socket() as deaf:
            # Two connections stand in its queue, nobody is ever answered, and all others wait for their handshake.
            await deaf.bind(("127.0.0.1", 0))
            deaf.listen(1)
            async with on_socket(f"http://127.0.0.1:{deaf.getsockname()[1]}", fake) as it:
                await cancel_watches(it.client, 9_000)
        async with fake.serve() as url, on_socket(url, fake) as it:
            await cancel_watches(it.client, 1_000)
            assert not connections(it.client)
            assert len((await it.client.resource("v1", "pods").list()).items) == 0
        check_streams(fake)
    assert trio.lowlevel.current_statistics().tasks_living == tasks


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_F18_a_connect_that_is_cancelled_when_it_is_just_there(tls, monkeypatch):
    """Its connection is closed; httpcore would keep it for ever, neither idle nor in use."""
    owner, name = (TlsStream, "do_handshake") if tls else (trio, "open_tcp_stream")
    connect, scope, opened = getattr(owner, name), trio.CancelScope(), []

    async def connect_and_cancel(*args, **options):
        opened.append(await connect(*args, **options))
        scope.cancel()
        return opened[-1]

    monkeypatch.setattr(owner, name, connect_and_cancel)
    fake = FakeApiServer(seed=1)
    with trio.fail_after(10):
        async with fake.serve(tls=tls) as url:
            async with open_client(to(url, insecure=True)) as client:
                with scope:
                    await client.resource("v1", "pods").list()
                assert scope.cancelled_caught
                assert len(opened) == 1
                assert connections(client) == []
