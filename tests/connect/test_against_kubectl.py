"""The same kubeconfig for kubectl and for us: both are refused, or the server sees the same client."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from connect.kubeconfigs import data, document, identity, machine, write
from connect.plugins import V1, Plugin, exec_credential
from connect.proxies import Proxy
from connect.servers import SecureServer

from trio_k8swatch import K8sWatchError, connect, open_client

KUBECTL = shutil.which("kubectl")
pytestmark = [
    pytest.mark.usefixtures("time_limit"),
    pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed"),
]


@dataclass
class Scene:
    """What a case is made from."""

    folder: Path
    server: SecureServer
    url: str
    http: str
    proxy: str
    socks: str
    me: trustme.LeafCert
    plugin: Plugin

    @property
    def trusted(self) -> dict[str, str]:
        return {"server": self.url, "certificate-authority-data": data(self.server.authority.cert_pem)}

    def file(self, name: str, content: str | bytes) -> str:
        write(self.folder / name, content)
        return name


Case = Callable[[Scene], dict[str, Any]]


def token(scene: Scene, **cluster: Any) -> dict[str, Any]:
    return document(scene.trusted | cluster, {"token": "t"})


def user(fields: dict[str, Any], scene: Scene) -> dict[str, Any]:
    return document(scene.trusted, fields)


def plugin(output: str, scene: Scene, /, **fields: Any) -> dict[str, Any]:
    return document(scene.trusted, scene.plugin.prints(output).user(**fields))


def certificate_plugin(scene: Scene) -> dict[str, Any]:
    pem, key = scene.me.cert_chain_pems[0].bytes().decode(), scene.me.private_key_pem.bytes().decode()
    return plugin(exec_credential(clientCertificateData=pem, clientKeyData=key), scene)


SAME: dict[str, Case] = {
    "token": token,
    "token with a line end": partial(user, {"token": "t\n"}),
    "tokenFile": lambda s: user({"tokenFile": s.file("token", "from-file\n")}, s),
    "tokenFile and token": lambda s: user({"tokenFile": s.file("token", "from-file"), "token": "inline"}, s),
    "a tokenFile that is missing": partial(user, {"tokenFile": "missing"}),
    "password": partial(user, {"username": "me", "password": "pässword"}),
    "password and token": partial(user, {"username": "me", "password": "p", "token": "t"}),
    "anonymous, in the context": lambda s: document(s.trusted, {"token": "t"}, user="other"),
    "client certificate": lambda s: user(identity(s.me), s),
    "client certificate in files": lambda s: user(
        {
            "client-certificate": s.file("me.crt", s.me.cert_chain_pems[0].bytes()),
            "client-key": s.file("me.key", s.me.private_key_pem.bytes()),
        },
        s,
    ),
    "client certificate and token": lambda s: user(identity(s.me) | {"token": "t"}, s),
    "client certificate without key": lambda s: user({**identity(s.me), "client-key-data": ""}, s),
    "client key without certificate": lambda s: user(
        {**identity(s.me), "client-certificate-data": "", "token": "t"}, s
    ),
    "impersonation": partial(
        user,
        {
            "token": "t",
            "as": "jane",
            "as-uid": "7",
            "as-groups": ["a", "b"],
            "as-user-extra": {"acme.com/pro%ject": ["x", "y"], "Ünï": ["z"]},
        },
    ),
    "impersonated groups without user": partial(user, {"token": "t", "as-groups": ["a"]}),
    "insecure": lambda s: document({"server": s.url, "insecure-skip-tls-verify": True}, {"token": "t"}),
    "insecure with CA": lambda s: token(s, **{"insecure-skip-tls-verify": True}),
    "CA in a file": lambda s: document(
        {"server": s.url, "certificate-authority": s.file("ca.crt", s.server.authority.cert_pem.bytes())},
        {"token": "t"},
    ),
    "CA missing": lambda s: document({"server": s.url, "certificate-authority": "missing"}, {"token": "t"}),
    "CA of somebody else": lambda s: token(s, **{"certificate-authority-data": data(trustme.CA().cert_pem)}),
    "CA that is junk": lambda s: token(s, **{"certificate-authority-data": "anVuaw=="}),
    "CA that is not base64": lambda s: token(s, **{"certificate-authority-data": "@"}),
    "the server's own certificate as CA": lambda s: token(
        s, **{"certificate-authority-data": data(s.server.certificate.cert_chain_pems[0])}
    ),
    "tls-server-name": lambda s: token(s, **{"tls-server-name": "kubernetes.example"}),
    "tls-server-name that is wrong": lambda s: token(s, **{"tls-server-name": "other.example"}),
    "server without scheme": lambda s: token(s, server=s.url.removeprefix("https://")),
    "server with a path": lambda s: token(s, server=s.url + "/prefix/"),
    "server with a query": lambda s: token(s, server=s.url + "/prefix?a=b"),
    "server of another kind": lambda s: token(s, server="ftp://127.0.0.1"),
    "no server": lambda s: document({**s.trusted, "server": ""}, {"token": "t"}),
    "proxy-url": lambda s: token(s, **{"proxy-url": s.proxy}),
    "proxy-url, SOCKS": lambda s: token(s, **{"proxy-url": s.socks}),
    "proxy-url of another kind": lambda s: token(s, **{"proxy-url": "ftp://127.0.0.1"}),
    "proxy-url where nobody is": lambda s: token(s, **{"proxy-url": "http://127.0.0.1:1"}),
    "plugin": partial(plugin, exec_credential(token="from-plugin")),
    "plugin, v1beta1": lambda s: plugin(
        exec_credential(V1 + "beta1", token="t"), s, apiVersion=V1 + "beta1", interactiveMode=""
    ),
    "plugin, YAML": partial(plugin, f"apiVersion: {V1}\nkind: ExecCredential\nstatus: {{token: from-yaml}}"),
    "plugin with a certificate": certificate_plugin,
    "plugin of the wrong version": partial(plugin, exec_credential(V1 + "beta1", token="t")),
    "plugin that prints junk": partial(plugin, "junk"),
    "plugin that prints nothing": partial(plugin, ""),
    "plugin without token": partial(plugin, exec_credential()),
    "plugin with half a certificate": partial(plugin, exec_credential(clientKeyData="x")),
    "plugin that has expired": partial(plugin, exec_credential(expires=1, token="old")),
    "plugin without interactiveMode": lambda s: plugin(exec_credential(token="t"), s, interactiveMode=""),
    "plugin that needs a terminal": lambda s: plugin(exec_credential(token="t"), s, interactiveMode="Always"),
    "plugin, v1alpha1": lambda s: plugin(exec_credential(token="t"), s, apiVersion=V1 + "alpha1"),
    "plugin that is missing": lambda s: plugin(exec_credential(token="t"), s, command="no-such-plugin"),
    "plugin beside the file": lambda s: plugin(exec_credential(token="t"), s, command="./plugin"),
    "plugin and token": lambda s: document(s.trusted, s.plugin.does("exit 1").user() | {"token": "t"}),
    "auth-provider that is gone": partial(user, {"auth-provider": {"name": "gcp"}}),
    "unknown cluster": lambda s: token(s) | {"contexts": [{"name": "x", "context": {"cluster": "d", "user": "u"}}]},
    "plain http with a token": lambda s: document({"server": s.http}, {"token": "t"}),
    "plain http": lambda s: document({"server": s.http}, {"as": "jane"}),
    "unknown context": lambda s: token(s) | {"current-context": "other"},
}
"""Each as a test, by name."""

DIFFERENT = {
    "plain http with a token": "kubectl never sends credentials in the clear; we do on loopback, where nobody listens",
    "token with a line end": "kubectl fails on the header; white space around a token is not a part of it",
    "anonymous, in the context": "kubectl asks for a password; a user that is not there is a mistake",
}
"""Where we are deliberately not as kubectl: its outcome is not compared."""


@dataclass(frozen=True)
class Sight:
    """What the server saw of a client; None instead of it if it saw none."""

    path: str
    certificate: str | None
    headers: tuple[tuple[str, str], ...]


def seen(server: SecureServer) -> Sight | None:
    if not server.requests:
        return None
    request = server.requests[-1]
    names = [name for name in request.headers if name == "authorization" or name.startswith("impersonate-")]
    return Sight(request.path, server.clients[-1], tuple((name, request.headers[name]) for name in sorted(names)))


async def kubectl(folder: Path) -> None:
    assert KUBECTL is not None
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    arguments = ["--kubeconfig", str(folder / "config"), "--request-timeout=5s", "version"]
    await trio.run_process([KUBECTL, *arguments], env=environ, capture_stdout=True, capture_stderr=True, check=False)


async def ours(folder: Path) -> None:
    try:
        surroundings = machine(folder, environ={"PATH": os.environ["PATH"]})
        async with open_client(connect.from_kubeconfig(folder / "config", surroundings=surroundings)) as client:
            await client.get("/version")
    except K8sWatchError as error:
        if "\n" in str(error):
            pytest.fail(f"more than a line: {error}")


@pytest.mark.parametrize("name", [name for name in SAME if name not in DIFFERENT])
async def test_the_server_sees_the_same(name: str, tmp_path: Path) -> None:
    """Path, client certificate, Authorization and impersonation."""
    server = SecureServer("127.0.0.1", "kubernetes.example")
    me = server.client_authority.issue_cert("me@example.com")
    async with (
        server.serve() as url,
        server.serve_plainly() as http,
        Proxy().http() as proxy,
        Proxy().socks5() as socks,
    ):
        scene = Scene(tmp_path, server, url, http, proxy, socks, me, Plugin(tmp_path))
        write(tmp_path / "config", SAME[name](scene))
        await kubectl(tmp_path)
        theirs = seen(server)
        server.requests.clear()
        await ours(tmp_path)
    assert seen(server) == theirs
