"""F27, F82-F86: credentials that end, change and go missing, with whole watches on real sockets.

The rules themselves are held row by row in tests/connect; here a watch lives through them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from connect.kubeconfigs import data, document, machine, write
from connect.plugins import Plugin, exec_credential
from connect.servers import SecureServer
from faults.harness import Longest, lone_exceptions, pod

from trio_k8swatch import (
    Backoff,
    ConfigError,
    K8sWatchError,
    ListStrategy,
    State,
    Store,
    Unauthorized,
    WatchConfig,
    open_client,
    open_watch,
)
from trio_k8swatch.connect import Connection, from_kubeconfig, load
from trio_k8swatch.testing import FakeApiServer

LIMIT_SECONDS = 40


def config(**options) -> WatchConfig:
    curve = Backoff(initial_seconds=0.05, maximum_seconds=0.4, minimum_seconds=0.01)
    return WatchConfig(
        **{
            "rng": Longest(1),
            "retry_relist_after": curve,
            "retry_watch_after": curve,
            "list_strategy": ListStrategy.PAGES,
            **options,
        }
    )


@asynccontextmanager
async def stores_on(connection: Connection, count: int, **options) -> AsyncGenerator[list[Store]]:
    """So many watches of pods on one client, opened at the same time."""
    stores: list[Store] = []
    with lone_exceptions():
        async with open_client(connection) as client, trio.open_nursery() as nursery:

            async def one() -> None:
                async with open_watch(client.resource("v1", "pods"), config=config(**options)) as store:
                    stores.append(store)
                    await trio.sleep_forever()

            for _ in range(count):
                nursery.start_soon(one)
            while len(stores) < count:
                await trio.sleep(0.01)
            yield stores
            nursery.cancel_scope.cancel()


async def until(condition) -> None:
    while not condition():
        await trio.sleep(0.01)


async def test_F27_a_token_that_has_just_expired(tmp_path: Path) -> None:
    """The token file is read again, once for all requests, which are repeated; nothing counts as failed."""
    fake = FakeApiServer(seed=1, token="old")
    write(tmp_path / "token", "old")
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            path = write(tmp_path / "config", document({"server": str(url)}, {"tokenFile": "token"}))
            async with stores_on(from_kubeconfig(path, surroundings=machine(tmp_path)), 20) as stores:
                fake.token = "new"
                write(tmp_path / "token", "new")
                await trio.sleep(1.1)
                fake.faults.close_connections()
                fake.create(pod("a"))
                await until(lambda: all(len(store) == 1 for store in stores))
                assert not any(store.failing for store in stores)
                assert all(store.health.last_error is None for store in stores)
                assert len(fake.requests.of("list")) == 20


async def test_F27_a_token_that_is_renewed_late(tmp_path: Path) -> None:
    """If the token is rejected for a while, a new one in the file ends the pause before the next attempt."""
    fake = FakeApiServer(seed=1, token="old")
    write(tmp_path / "token", "old")
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            path = write(tmp_path / "config", document({"server": str(url)}, {"tokenFile": "token"}))
            connection = from_kubeconfig(path, surroundings=machine(tmp_path)).for_client()
            async with open_client(connection) as client:
                assert not await client.has_new_credentials()
                await client.get("/api")
                fake.token = "new"
                with pytest.raises(Unauthorized):
                    await client.get("/api")
                assert not await client.has_new_credentials()
                write(tmp_path / "token", "new")
                assert await client.has_new_credentials()
                await client.get("/api")


async def test_F82_a_token_file_in_bad_moments(tmp_path: Path) -> None:
    """Replaced through its symlink, empty, or missing for a moment: the last good token is used until a new one can be read."""
    fake = FakeApiServer(seed=1, token="first")
    for number, token in enumerate(("first", "second")):
        write(tmp_path / f"..{number}" / "token", token)
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "token").symlink_to("..data/token")
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            path = write(tmp_path / "config", document({"server": str(url)}, {"tokenFile": "token"}))
            async with stores_on(from_kubeconfig(path, surroundings=machine(tmp_path)), 2) as stores:
                write(tmp_path / "..0" / "token", "")
                await trio.sleep(1.1)
                fake.faults.close_connections()
                fake.create(pod("while-empty"))
                await until(lambda: all(len(store) == 1 for store in stores))
                (tmp_path / "token").unlink()
                fake.token = "second"
                await trio.sleep(1.1)
                fake.faults.close_connections()
                await until(lambda: all(store.health.state is State.UNAUTHORIZED for store in stores))
                (tmp_path / "new").symlink_to("..1")
                (tmp_path / "new").replace(tmp_path / "..data")
                (tmp_path / "token").symlink_to("..data/token")
                fake.create(pod("after"))
                await until(lambda: all(len(store) == 2 and not store.failing for store in stores))


@pytest.mark.parametrize(
    "body",
    [
        "echo 'no session, run login' >&2; exit 1",
        "echo 'this is not JSON'",
        "printf '\\377\\376'",
        "true",
    ],
)
async def test_F83_a_plugin_that_fails_at_the_start(body: str, tmp_path: Path) -> None:
    """`open_watch` raises an error that describes the problem in one line."""
    plugin = Plugin(tmp_path).does(body)
    with trio.fail_after(LIMIT_SECONDS), pytest.raises(K8sWatchError, match="plugin") as caught:
        async with stores_on(plugin.connection(), 1):
            pass
    assert "\n" not in str(caught.value)


async def test_F83_a_plugin_that_fails_later(tmp_path: Path) -> None:
    """While the plugin fails, the watch continues with the credentials that it has, reports the error, and recovers by itself."""
    fake = FakeApiServer(seed=1, token="one")
    plugin = Plugin(tmp_path).does(f"echo '{exec_credential(token='one')}'")
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            async with stores_on(plugin.connection({"server": str(url)}), 3) as stores:
                plugin.does("echo 'session expired' >&2; exit 1")
                fake.token = "two"
                await trio.sleep(1.1)
                fake.faults.close_connections()
                fake.create(pod("a"))
                await until(lambda: all(store.failing for store in stores))
                assert all(len(store) == 0 for store in stores)
                assert all(store.health.last_error for store in stores)
                plugin.does(f"echo '{exec_credential(token='two')}'")
                await until(lambda: all(len(store) == 1 and not store.failing for store in stores))


async def test_F83_a_slow_plugin_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """While a plugin runs, other tasks continue."""
    fake = FakeApiServer(seed=1, token="one")
    plugin = Plugin(tmp_path).does(f"sleep 1; echo '{exec_credential(token='one')}'")
    ticks = 0
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url, trio.open_nursery() as nursery:

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await trio.sleep(0.01)
                    ticks += 1

            nursery.start_soon(tick)
            async with stores_on(plugin.connection({"server": str(url)}), 1):
                assert ticks > 20
            nursery.cancel_scope.cancel()


async def test_F84_twenty_stores_need_a_token(tmp_path: Path) -> None:
    """The plugin runs once for all requests that need a token at the same time, at the start and after a rejection."""
    fake = FakeApiServer(seed=1, token="t1")
    plugin = Plugin(tmp_path).does(f"""sleep 0.2; printf '%s' '{exec_credential(token="tNN")}' | sed "s/NN/$n/" """)
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            async with stores_on(plugin.connection({"server": str(url)}), 20) as stores:
                assert plugin.count == 1
                fake.token = "t2"
                await trio.sleep(1.1)
                fake.faults.close_connections()
                fake.create(pod("a"))
                await until(lambda: all(len(store) == 1 for store in stores))
                assert plugin.count == 2
                assert not any(store.failing for store in stores)


async def test_F85_a_client_certificate_expires(tmp_path: Path) -> None:
    """The next connection uses the new certificate; open watches are not disturbed."""
    server = SecureServer()

    def give(name: str) -> None:
        leaf = server.client_authority.issue_cert(f"{name}@example.com")
        for file, blob in (("me.crt", leaf.cert_chain_pems[0]), ("me.key", leaf.private_key_pem)):
            write(tmp_path / "new", blob.bytes()).replace(tmp_path / file)

    give("old")
    with trio.fail_after(LIMIT_SECONDS):
        async with server.serve() as url:
            cluster = {"server": url, "certificate-authority-data": data(server.authority.cert_pem)}
            user = {"client-certificate": "me.crt", "client-key": "me.key"}
            path = write(tmp_path / "config", document(cluster, user))
            connection = from_kubeconfig(path, surroundings=machine(tmp_path))
            async with stores_on(connection, 1) as stores:
                give("new")
                server.refused.add("old@example.com")
                server.fake.create(pod("a"))
                await until(lambda: len(stores[0]) == 1)
                await trio.sleep(1.1)
                server.fake.faults.close_connections()
                server.fake.create(pod("b"))
                await until(lambda: len(stores[0]) == 2)
                assert server.clients[-1] == "new@example.com"
                assert not stores[0].failing


async def test_F86_kubeconfigs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several files are merged, relative paths are relative to their file, and errors name file and field."""
    fake = FakeApiServer(seed=1, token="secret")
    fake.create(pod("a"))
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            write(tmp_path / "users" / "token", "secret")
            whole = document({"server": str(url)}, {"tokenFile": "token"})
            users = write(
                tmp_path / "users" / "config", {"apiVersion": "v1", "kind": "Config", "users": whole["users"]}
            )
            rest = write(tmp_path / "rest", {name: value for name, value in whole.items() if name != "users"})
            paths = os.pathsep.join([str(rest), str(tmp_path / "missing"), str(users)])
            surroundings = machine(tmp_path, environ={"KUBECONFIG": paths, "PATH": os.environ["PATH"]})
            async with stores_on(load(surroundings=surroundings), 1) as stores:
                assert len(stores[0]) == 1
    missing = write(tmp_path / "no-context", {**whole, "current-context": "nowhere"})
    with pytest.raises(ConfigError, match="nowhere"):
        from_kubeconfig(missing, surroundings=machine(tmp_path))
    utf16 = write(tmp_path / "utf16", "apiVersion: v1".encode("utf-16"))
    with pytest.raises(ConfigError, match="utf16"):
        from_kubeconfig(utf16, surroundings=machine(tmp_path))


async def test_F28_a_token_that_is_refused_is_not_hammered(tmp_path: Path) -> None:
    """`Unauthorized` is raised at the start, after at most one further attempt."""
    fake = FakeApiServer(seed=1, token="other")
    write(tmp_path / "token", "mine")
    with trio.fail_after(LIMIT_SECONDS):
        async with fake.serve() as url:
            path = write(tmp_path / "config", document({"server": str(url)}, {"tokenFile": "token"}))
            async with AsyncExitStack() as stack:
                with pytest.raises(Unauthorized):
                    await stack.enter_async_context(stores_on(from_kubeconfig(path, surroundings=machine(tmp_path)), 1))
            assert len(fake.requests) <= 2
