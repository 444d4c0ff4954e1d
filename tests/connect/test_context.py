"""What a context means: each row of the table at the head of `_context`."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from connect.kubeconfigs import SERVER, document, machine, write

from trio_k8swatch import connect
from trio_k8swatch._errors import ConfigError
from trio_k8swatch.connect import Connection
from trio_k8swatch.connect._kubeconfig import context as _context

PLUGIN = {"command": "plugin", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
# Rows that need a server, and are tested there.
ELSEWHERE = {
    "`tls-server-name`": "test_tls",
    "a certificate's file changes": "test_tls",
    "`exec`: renewal": "test_exec_plugin",
    "`exec`: time limit": "test_exec_plugin",
}
tested_rows: set[str] = set()


def row(name: str) -> Any:
    tested_rows.add(name)
    return pytest.mark.parametrize("row", [pytest.param(name, id=name)])


def load(tmp_path: Path, content: dict[str, Any], context: str | None = None, **changes: Any) -> Connection:
    path = write(tmp_path / "config", content)
    return connect.from_kubeconfig(path, context, surroundings=machine(tmp_path, **changes))


def refusal(tmp_path: Path, content: dict[str, Any], context: str | None = None, **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content, context, **changes)
    message = str(caught.value)
    assert message.startswith((f"{tmp_path}/config: ", f"kubeconfig {tmp_path}/config: "))
    assert "\n" not in message
    return message.split("config: ", 1)[1]


async def authorization(connection: Connection) -> str | None:
    """The header that a request would carry."""
    async with httpx.AsyncClient(
        auth=connection.auth,
        transport=httpx.MockTransport(lambda request: httpx.Response(200, headers=request.headers)),
    ) as client:
        return (await client.get("http://x")).headers.get("Authorization")


def data(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_pem(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


@pytest.fixture(scope="module")
def identity(authority: trustme.CA) -> dict[str, str]:
    leaf = authority.issue_cert("me@example.com")
    return {
        "client-certificate-data": data(leaf.cert_chain_pems[0].bytes()),
        "client-key-data": data(leaf.private_key_pem.bytes()),
    }


@row("no `--context`")
def test_current_context(row: str, tmp_path: Path) -> None:
    """An explicit context goes before the current one."""
    content = document()
    content["contexts"].append({"name": "other", "context": {"cluster": "c", "namespace": "elsewhere"}})
    assert load(tmp_path, content).namespace == "default"
    assert load(tmp_path, content, "other").namespace == "elsewhere"


@row("no `current-context` either")
def test_no_current_context(row: str, tmp_path: Path) -> None:
    """The message lists what could be chosen."""
    content = document() | {"current-context": ""}
    expected = "no current-context is set; name a context (x), or run: kubectl config use-context NAME"
    assert refusal(tmp_path, content) == expected


@row("unknown context or user")
def test_unknown_names(row: str, tmp_path: Path) -> None:
    """Near matches first."""
    assert refusal(tmp_path, document(), "y") == "there is no context 'y'; it has x"
    assert refusal(tmp_path, document(user_="") | {"users": []}) == "contexts[x].context.user: there is no user 'u'"
    content = document() | {"contexts": [{"name": "x", "context": {"cluster": "cc"}}]}
    assert refusal(tmp_path, content) == "contexts[x].context.cluster: there is no cluster 'cc'; it has c"


@row("a context without user")
async def test_anonymous(row: str, tmp_path: Path) -> None:
    """No header at all."""
    content = document() | {"contexts": [{"name": "x", "context": {"cluster": "c"}}]}
    assert await authorization(load(tmp_path, content)) is None


@row("`server` without scheme")
def test_scheme(row: str, tmp_path: Path) -> None:
    """Whatever the cluster says about TLS."""
    bare = {"server": "h:1"}
    assert load(tmp_path, document(bare)).server == "http://h:1"
    assert load(tmp_path, document(bare | {"insecure-skip-tls-verify": True})).server == "http://h:1"
    assert load(tmp_path, document({"server": "https://h/prefix/"})).server == "https://h/prefix"
    assert refusal(tmp_path, document({"server": "h/p"})) == "clusters[c].cluster.server must be a URL, or HOST:PORT"
    assert refusal(tmp_path, document({"server": ""})) == "clusters[c].cluster.server is missing"
    assert refusal(tmp_path, document({"server": "ftp://h"})).endswith(
        "must begin with https:// or http://, not ftp://"
    )


@row("`server` with http")
async def test_plain_http(row: str, tmp_path: Path) -> None:
    """A token is not for everybody on the way."""
    user = {"token": "t", "as": "jane"}
    connection = load(tmp_path, document({"server": "http://10.0.0.1:8080"}, user))
    assert await authorization(connection) is None
    assert connection.headers == (("Impersonate-User", "jane"),)
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert await authorization(load(tmp_path, document({"server": f"http://{host}"}, user))) == "Bearer t"


@row("`server` with user:password@")
async def test_user_in_the_url(row: str, tmp_path: Path) -> None:
    """The password leaves the URL, which is printed, for a header, which is not."""
    cluster = {"server": "https://me:p%40ss@h"}
    connection = load(tmp_path, document(cluster))
    assert connection.server == "https://h"
    assert await authorization(connection) == "Basic " + data(b"me:p@ss")
    assert await authorization(load(tmp_path, document(cluster, {"token": "t"}))) == "Bearer t"


@row("`namespace`")
def test_namespace(row: str, tmp_path: Path) -> None:
    assert load(tmp_path, document(namespace="prod")).namespace == "prod"
    assert load(tmp_path, document()).namespace == "default"


@row("`certificate-authority(-data)`")
async def test_authority(row: str, tmp_path: Path, authority: trustme.CA, ca_pem: bytes) -> None:
    """Only what is given is trusted; where both are given, the file is not even read."""
    write(tmp_path / "ca.crt", ca_pem)
    for fields in (
        {"certificate-authority": "ca.crt"},
        {"certificate-authority-data": data(ca_pem)},
        {"certificate-authority-data": data(ca_pem), "certificate-authority": "missing"},
        {"certificate-authority-data": "\n".join(data(b"# comment \xe9\n" + ca_pem))},
    ):
        tls = load(tmp_path, document(fields)).tls
        assert tls is not None
        assert len((await tls.context()).get_ca_certs()) == 1

    assert refusal(tmp_path, document({"certificate-authority": "no"})) == (
        f"clusters[c].cluster.certificate-authority: there is no file {tmp_path}/no"
    )
    assert refusal(tmp_path, document({"certificate-authority-data": "@@"})) == (
        "clusters[c].cluster.certificate-authority-data is not valid base64"
    )
    assert refusal(tmp_path, document({"certificate-authority-data": data(b"junk")})) == (
        "clusters[c].cluster.certificate-authority-data holds no PEM certificate"
    )


@row("neither")
async def test_system_authorities(row: str, tmp_path: Path) -> None:
    tls = load(tmp_path, document()).tls
    assert tls is not None
    context = await tls.context()
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 1


@row("`insecure-skip-tls-verify`")
async def test_insecure(row: str, tmp_path: Path, ca_pem: bytes) -> None:
    insecure = {"insecure-skip-tls-verify": True}
    tls = load(tmp_path, document(insecure)).tls
    assert tls is not None
    assert not (await tls.context()).check_hostname
    assert refusal(tmp_path, document(insecure | {"certificate-authority-data": data(ca_pem)})) == (
        "clusters[c].cluster.insecure-skip-tls-verify: not allowed beside a certificate-authority"
    )


@row("`client-certificate(-data)`, `-key`")
def test_client_certificate(row: str, tmp_path: Path, identity: dict[str, str]) -> None:
    """Certificate and key from data or files, mixed as one likes; what does not fit is refused at once."""
    for name in ("client-certificate", "client-key"):
        write(tmp_path / name, base64.b64decode(identity[f"{name}-data"]))
    load(tmp_path, document(user=identity | {"client-key": "missing"}))
    load(tmp_path, document(user={"client-certificate": "client-certificate", "client-key": "client-key"}))
    load(tmp_path, document(user={**identity, "client-key-data": "", "client-key": "client-key"}))

    def problem(**fields: str) -> str:
        return refusal(tmp_path, document(user=identity | {name.replace("_", "-"): v for name, v in fields.items()}))

    assert problem(client_key_data="") == "users[u].user.client-certificate: client-key or client-key-data is missing"
    assert problem(client_key_data="=") == "users[u].user.client-key-data is not valid base64"
    assert problem(client_key_data=data(b"junk")) == "users[u].user.client-certificate-data: no PEM private key"
    assert problem(client_certificate_data=data(b"junk")) == "users[u].user.client-certificate-data: no PEM certificate"
    other = trustme.CA().issue_cert("other").private_key_pem.bytes()
    assert problem(client_key_data=data(other)).endswith("the certificate and the key do not belong together")


@row("`token`")
async def test_token(row: str, tmp_path: Path) -> None:
    """White space around it does no harm; what cannot be in a header is refused unquoted."""
    assert await authorization(load(tmp_path, document(user={"token": "t0ken\n"}))) == "Bearer t0ken"
    expected = "users[u].user.token is not a token: it has characters that no token has"
    assert refusal(tmp_path, document(user={"token": "a\nb"})) == expected


@row("`tokenFile`")
async def test_token_file(row: str, tmp_path: Path) -> None:
    write(tmp_path / "token", "from-file\n")
    assert await authorization(load(tmp_path, document(user={"tokenFile": "token"}))) == "Bearer from-file"
    expected = f"users[u].user.tokenFile: there is no file {tmp_path}/no"
    assert refusal(tmp_path, document(user={"tokenFile": "no"})) == expected


@row("both")
async def test_token_and_file(row: str, tmp_path: Path) -> None:
    connection = load(tmp_path, document(user={"tokenFile": "token", "token": "inline"}))
    assert await authorization(connection) == "Bearer inline"
    write(tmp_path / "token", "from-file")
    assert await authorization(connection) == "Bearer from-file"


@row("`username`, `password`")
async def test_password(row: str, tmp_path: Path) -> None:
    both = {"username": "mé", "password": "p:w"}
    assert await authorization(load(tmp_path, document(user=both))) == "Basic " + data("mé:p:w".encode())
    assert refusal(tmp_path, document(user=both | {"token": "t"})) == (
        "users[u].user.token: a token and a user name or password; only one of them is allowed"
    )
    assert refusal(tmp_path, document(user={"password": "p"})) == "users[u].user.password: a password without username"


@row("`exec`")
async def test_exec_beside_a_token(row: str, tmp_path: Path) -> None:
    """The plugin, which does not exist, is not run."""
    assert await authorization(load(tmp_path, document(user={"exec": PLUGIN, "token": "t"}))) == "Bearer t"
    with pytest.raises(ConfigError, match="is not installed"):
        await authorization(load(tmp_path, document(user={"exec": PLUGIN})))
    problem = refusal(tmp_path, document(user={"exec": PLUGIN | {"command": ""}}))
    assert problem == "users[u].user.exec.command is missing"
    problem = refusal(tmp_path, document(user={"exec": PLUGIN | {"env": [{"value": "v"}]}}))
    assert problem == "users[u].user.exec.env: a variable has no name"


@row("`exec.apiVersion`")
def test_exec_version(row: str, tmp_path: Path) -> None:
    for version in ("client.authentication.k8s.io/v1alpha1", ""):
        problem = refusal(tmp_path, document(user={"exec": PLUGIN | {"apiVersion": version}}))
        assert problem.startswith("users[u].user.exec.apiVersion must be client.authentication.k8s.io/v1 or")


@row("`exec.interactiveMode`")
def test_interactive_mode(row: str, tmp_path: Path) -> None:
    v1beta1 = {"apiVersion": "client.authentication.k8s.io/v1beta1", "interactiveMode": ""}
    load(tmp_path, document(user={"exec": PLUGIN | v1beta1}))
    load(tmp_path, document(user={"exec": PLUGIN | {"interactiveMode": "Always"}}), terminal=True)
    for mode in ("", "Sometimes"):
        problem = refusal(tmp_path, document(user={"exec": PLUGIN | {"interactiveMode": mode}}))
        assert problem == "users[u].user.exec.interactiveMode must be Never, IfAvailable or Always"
    problem = refusal(tmp_path, document(user={"exec": PLUGIN | {"interactiveMode": "Always"}}))
    assert problem == "users[u].user.exec.interactiveMode is Always, but standard input is not a terminal"


@row("`auth-provider`")
def test_auth_provider(row: str, tmp_path: Path) -> None:
    problem = refusal(tmp_path, document(user={"auth-provider": {"name": "gcp"}}))
    assert problem == "users[u].user.auth-provider is not supported; use an exec plugin instead"
    problem = refusal(tmp_path, document(user={"auth-provider": {"name": "gcp"}, "exec": PLUGIN}))
    assert problem == "users[u].user.auth-provider: not allowed beside exec"


@row("`proxy-url`")
def test_proxy_url(row: str, tmp_path: Path) -> None:
    for proxy in ("http://p:1", "https://me:pw@p", "socks5://p"):
        assert load(tmp_path, document({"proxy-url": proxy})).proxy == proxy
    problem = refusal(tmp_path, document({"proxy-url": "ftp://me:canary@p"}))
    expected = "clusters[c].cluster.proxy-url must be a URL that begins with http://, https:// or socks5://"
    assert problem == expected


@row("no `proxy-url`")
def test_proxy_from_environment(row: str, tmp_path: Path) -> None:
    environ = {"HTTPS_PROXY": "http://p:1"}
    remote = {"server": "https://10.0.0.1"}
    assert load(tmp_path, document(remote), environ=environ).proxy == "http://p:1"
    assert load(tmp_path, document(remote), environ=environ | {"NO_PROXY": "10.0.0.0/8"}).proxy is None
    assert load(tmp_path, document(), environ=environ).proxy is None
    assert load(tmp_path, document(remote | {"proxy-url": "http://q"}), environ=environ).proxy == "http://q"


@row("`disable-compression`")
def test_compression(row: str, tmp_path: Path) -> None:
    assert load(tmp_path, document()).compress
    assert not load(tmp_path, document({"disable-compression": True})).compress


@row("`as`, `as-uid`, `as-groups`, …")
def test_impersonation(row: str, tmp_path: Path) -> None:
    user = {"as": "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"acme.com/pro%ject": ["x", "y"]}}
    assert load(tmp_path, document(user=user)).headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-acme.com%2Fpro%25ject", "x"),
        ("Impersonate-Extra-acme.com%2Fpro%25ject", "y"),
    )
    problem = refusal(tmp_path, document(user={"as-groups": ["a"]}))
    assert problem == "users[u].user.as is missing, but as-uid, as-groups or as-user-extra is there"
    problem = refusal(tmp_path, document(user={"as": "jane\r\nX-Injected: 1"}))
    assert problem == "users[u].user.as: impersonation takes printable ASCII only"


def test_the_table_is_tested_row_by_row() -> None:
    """A row that is added to the table needs a test, and a test needs its row."""
    lines = [line for line in (_context.__doc__ or "").splitlines() if line.startswith("| ")]
    table = {line.split("|")[1].strip() for line in lines[1:]}
    assert table == tested_rows | set(ELSEWHERE)


def test_repr_says_where_it_comes_from(tmp_path: Path) -> None:
    expected = f"Connection(server='{SERVER}', namespace='default', source='{tmp_path}/config, context x')"
    assert repr(load(tmp_path, document(user={"token": "canary"}))) == expected
