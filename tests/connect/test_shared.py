"""One description of a connection, many clients: in threads, and in one run of trio after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trustme
from connect.kubeconfigs import data, document, machine, write
from connect.servers import SecureServer

from trio_k8swatch import ConfigError, blocking, connect, open_client

PLUGIN = """#!/bin/sh
sleep 0.2
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
"""


def with_plugin(tmp_path: Path, url: str, authority: trustme.CA) -> connect.Connection:
    program = write(tmp_path / "plugin", PLUGIN)
    program.chmod(0o755)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    cluster = {"server": url, "certificate-authority-data": data(authority.cert_pem)}
    path = write(tmp_path / "config", document(cluster, {"exec": exec_}))
    return connect.from_kubeconfig(path, surroundings=machine(tmp_path))


async def test_R2_clients_in_several_threads_share_a_connection(tmp_path: Path) -> None:
    """Each has locks, caches and TLS of its own run of trio: none waits for another's, and all are answered."""
    server = SecureServer()
    answered: list[bytes] = []

    with trio.fail_after(20):
        async with server.serve() as url:
            connection = with_plugin(tmp_path, url, server.authority)

            def work() -> None:
                with blocking.open_client(connection) as client:
                    answered.append(client.get("/version", timeout=10))

            async with trio.open_nursery() as nursery:
                for _ in range(6):
                    nursery.start_soon(trio.to_thread.run_sync, work)
    assert len(answered) == 6


async def test_R2_what_is_alive_belongs_to_one_client(tmp_path: Path) -> None:
    """The description's own parts are never used; nor are those of one client by another."""
    connection = with_plugin(tmp_path, "https://127.0.0.1:1", trustme.CA())
    async with open_client(connection) as one, open_client(connection) as other:
        parts = [id(part) for c in (connection, one.connection, other.connection) for part in (c.auth, c.tls)]
        assert len(set(parts)) == 6


@pytest.mark.parametrize("url", ["http://10.1.2.3", "http://example.com", "http://user:password@10.1.2.3"])
def test_R20_no_token_in_the_clear(url: str) -> None:
    """Not to another machine, unless somebody insists; the message has the way out and not the token."""
    with pytest.raises(ConfigError, match="insecure=True") as caught:
        connect.to(url, token=None if "@" in url else "s3cret")
    assert "s3cret" not in str(caught.value)
    assert "password" not in str(caught.value)
    assert connect.to(url, token="s3cret", insecure=True).auth is not None


@pytest.mark.parametrize(
    "url", ["http://localhost:8001", "http://127.0.0.1:8001", "http://[::1]:1", "https://10.1.2.3"]
)
def test_R20_a_token_on_this_machine_or_encrypted(url: str) -> None:
    """Is sent."""
    assert connect.to(url, token="s3cret").auth is not None
