"""Each kind of credential holds a secret that is found nowhere in what a program shows, whether requests succeed or fail."""

from __future__ import annotations

import base64
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from cli.process import command, environment
from connect.kubeconfigs import data, document, identity, machine, write
from connect.plugins import Plugin, exec_credential
from connect.proxies import PASSWORD, Proxy
from connect.servers import SecureServer
from prometheus_client import CollectorRegistry, generate_latest

from trio_k8swatch import K8sWatchError, WatchConfig, connect, open_client, open_watch
from trio_k8swatch._metrics import Metrics
from trio_k8swatch.testing import FakeApiServer

pytestmark = pytest.mark.usefixtures("time_limit")

SECRET = "plant3d-s3cret"
KINDS = ["token", "token file", "exec plugin", "exec plugin with key", "basic", "client key", "impersonation"]


def body_lines(key: trustme.Blob) -> list[str]:
    """A key as it would be recognised: the lines of its PEM, and the beginning of its base64 in a kubeconfig."""
    return [*key.bytes().decode().split("\n")[1:-2], data(key)[60:120]]


def user_with(kind: str, folder: Path, leaf: trustme.LeafCert) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """The user of a kubeconfig who has a secret of this kind."""
    plugin = Plugin(folder)
    match kind:
        case "token":
            return {"token": SECRET}
        case "token file":
            return {"tokenFile": str(write(folder / "token", SECRET))}
        case "exec plugin":
            plugin.prints(exec_credential(token=SECRET), before=f"echo {SECRET} >&2")
            return plugin.user(args=[SECRET], env=[{"name": "K", "value": SECRET}])
        case "exec plugin with key":
            pem, key = leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
            plugin.does(f"cat <<'END'\n{exec_credential(clientCertificateData=pem, clientKeyData=key)}\nEND")
            return plugin.user()
        case "basic":
            return {"username": "me", "password": SECRET}
        case "client key":
            return identity(leaf)
        case _:
            return {"token": SECRET, "as": "jane", "as-user-extra": {"key": [SECRET]}}


def secrets(leaf: trustme.LeafCert) -> list[str]:
    """All that must not be found, as it is and as it is encoded."""
    basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
    return [SECRET, basic, data(trustme.Blob(SECRET.encode())), PASSWORD, *body_lines(leaf.private_key_pem)]


async def what_is_shown(path: Path, folder: Path) -> list[str]:
    """Of one program's life: reprs, metrics, and the traceback if it fails."""
    registry = CollectorRegistry()
    metrics = Metrics("app", registry=registry)
    shown: list[str] = []
    try:
        connection = connect.from_kubeconfig(path, surroundings=machine(folder))
        shown += map(repr, (connection, connection.auth, connection.tls, connection.proxy is None))
        async with open_client(connection) as client:
            pods = client.resource("v1", "pods")
            shown += map(repr, (client, pods))
            async with open_watch(pods, config=WatchConfig(metrics=metrics.instance("pods"))) as store:
                shown += map(repr, (store, store.health))
    except K8sWatchError as error:
        shown += [repr(error), "".join(traceback.format_exception(error))]
    return [*shown, generate_latest(registry).decode()]


async def what_the_command_shows(path: Path, folder: Path) -> list[str]:
    """Of the command line, on both of its outputs."""
    arguments = command("watch", "pods", "-A", "-o", "name", "--max-events", "1", "--kubeconfig", str(path))
    done = await trio.run_process(
        arguments, capture_stdout=True, capture_stderr=True, check=False, env=environment(folder)
    )
    return [done.stdout.decode(), done.stderr.decode()]


@pytest.mark.parametrize("succeeds", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_planted_secret_is_shown(
    kind: str, succeeds: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a message, a repr, a traceback, a metric, a log record of any library at any level, or the command's output."""
    fake = FakeApiServer()
    fake.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"}})
    server = SecureServer(fake=fake)
    leaf = server.client_authority.issue_cert("me@example.com")
    if not succeeds:
        server.refused |= {None, "me@example.com"}
    caplog.set_level(logging.DEBUG)
    async with server.serve() as url, Proxy(password=True).http() as proxy:
        cluster = {
            "server": url,
            "certificate-authority-data": data(server.authority.cert_pem),
            "proxy-url": proxy.replace("//", f"//me:{PASSWORD}@"),
        }
        path = write(tmp_path / "config", document(cluster, user_with(kind, tmp_path, leaf)))
        shown = [*await what_is_shown(path, tmp_path), *await what_the_command_shows(path, tmp_path)]
    assert server.requests, "nothing was tested"
    formatter = logging.Formatter("%(name)s %(message)s")
    shown += [f"{formatter.format(record)} {record.args!r}" for record in caplog.records]
    planted = secrets(leaf)
    assert [text for text in shown if any(secret in text for secret in planted)] == []
    assert len(caplog.records) > 10
    assert any("Traceback" in text for text in shown) is not succeeds
