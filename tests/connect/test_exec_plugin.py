"""Credentials from real programs: good, slow, hanging, failing, junk, expiring."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import time
from pathlib import Path
from random import Random

import httpx
import pytest
import trio
from connect.kubeconfigs import write
from connect.plugins import V1, Plugin, exec_credential, is_gone

from trio_k8swatch._errors import ConfigError, K8sWatchError, Unavailable
from trio_k8swatch.connect import Connection

pytestmark = pytest.mark.usefixtures("time_limit")


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


async def token(connection: Connection) -> str | None:
    """What a request shows, less the scheme."""

    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=request.headers)

    async with httpx.AsyncClient(auth=connection.auth, transport=httpx.MockTransport(echo)) as client:
        header = (await client.get("http://x")).headers.get("Authorization")
        return header and header.removeprefix("Bearer ")


async def problem(connection: Connection, kind: type[K8sWatchError]) -> str:
    with pytest.raises(kind) as caught:
        await token(connection)
    message = str(caught.value)
    assert "\n" not in message
    label = f"{connection.source.partition(',')[0]}: users[u].user.exec: "
    assert message.startswith(label)
    return message.removeprefix(label).rpartition("/")[2] if message.count("/") else message


async def test_a_good_plugin(plugin: Plugin) -> None:
    """Runs once; its token is kept for as long as it says nothing of an end."""
    connection = plugin.prints(exec_credential(token="t-$n")).connection()
    assert [await token(connection) for _ in range(3)] == ["t-1"] * 3
    assert plugin.count == 1


async def test_it_runs_at_the_first_request_and_not_before(plugin: Plugin) -> None:
    """Reading a kubeconfig runs nothing."""
    connection = plugin.prints(exec_credential(token="t")).connection()
    assert plugin.count == 0
    await connection.prepare()
    assert plugin.count == 1
    await token(connection)
    assert plugin.count == 1


async def test_it_runs_once_for_all_who_wait(plugin: Plugin) -> None:
    """And the loop goes on meanwhile."""
    connection = plugin.prints(exec_credential(token="t-$n"), before="sleep 0.5").connection()
    tokens: list[str | None] = []
    ticks = 0

    async def want() -> None:
        tokens.append(await token(connection))

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.01)
            ticks += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        async with trio.open_nursery() as wanting:
            for _ in range(20):
                wanting.start_soon(want)
        nursery.cancel_scope.cancel()
    assert tokens == ["t-1"] * 20
    assert plugin.count == 1
    assert ticks > 10


async def test_a_failure_is_shared_too(plugin: Plugin) -> None:
    """Twenty requests that wait for one run that fails make no second run."""
    connection = plugin.does("sleep 0.3; echo no >&2; exit 3").connection()
    failures: list[str] = []

    async def want() -> None:
        with pytest.raises(Unavailable) as caught:
            await token(connection)
        failures.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(want)
    assert len(failures) == 20
    assert plugin.count == 1


async def test_a_cancelled_request_does_not_break_those_who_wait(plugin: Plugin) -> None:
    """The next in the line runs the plugin afresh."""
    connection = plugin.prints(exec_credential(token="t-$n"), before="sleep 0.4").connection()
    tokens: list[str | None] = []

    async def want() -> None:
        tokens.append(await token(connection))

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.2):
            nursery.start_soon(want)  # waits behind us, as we get the lock first
            await connection.prepare()
    assert tokens == ["t-2"]


async def test_cancellations_at_any_moment(plugin: Plugin) -> None:
    """Who is not cancelled gets a token; what was begun for the others has ended."""
    connection = plugin.prints(exec_credential(token="t"), before="echo $$ >> parents; sleep 0.05").connection()
    rng = Random(7)
    served = 0

    async def want(patience: float) -> None:
        nonlocal served
        with trio.move_on_after(patience):
            assert await token(connection) == "t"
            served += 1

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(want, rng.uniform(0, 0.2))
        nursery.start_soon(want, math.inf)
    assert served >= 1
    for number, pid in enumerate((plugin.folder / "parents").read_text().split()):
        assert await is_gone(write(plugin.folder / f"parent-{number}", pid))


async def test_cancellation_ends_the_plugin(plugin: Plugin) -> None:
    """And whatever it has started."""
    connection = plugin.does("sleep 60 & echo $! > child; echo $$ > parent; touch started; wait").connection()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(token, connection)
        while not (plugin.folder / "started").exists():
            await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert await is_gone(plugin.folder / "child")
    assert await is_gone(plugin.folder / "parent")


async def test_a_plugin_that_leaves_somebody_behind(plugin: Plugin) -> None:
    """An agent, perhaps, which holds the pipes open: it stays, and nobody waits for it."""
    connection = plugin.does(f"sleep 60 & echo $! > child\ncat <<'END'\n{exec_credential(token='t')}\nEND").connection()
    with trio.fail_after(5):
        assert await token(connection) == "t"
    os.kill(int((plugin.folder / "child").read_text()), signal.SIGKILL)


async def test_a_plugin_that_hangs(plugin: Plugin) -> None:
    """Is ended at its time limit, even one that will not listen."""
    plugin.does("trap '' TERM; echo $$ > parent; echo thinking >&2; while :; do sleep 60; done")
    connection = plugin.connection(machine_={"plugin_limit_seconds": 1.5})
    expected = "plugin gave no answer within 1.5 seconds, and was ended; it said: thinking"
    assert await problem(connection, Unavailable) == expected
    assert await is_gone(plugin.folder / "parent")


async def test_a_plugin_that_fails(plugin: Plugin) -> None:
    """Its last words are quoted on one line, without the values that kubeconfig gave it."""
    connection = plugin.does('printf "\\033[31mno session\\033[0m\\r\\n for $KEY\\a" >&2; exit 7').connection(
        env=[{"name": "KEY", "value": "canary-secret"}]
    )
    assert await problem(connection, Unavailable) == "plugin failed with status 7; it said: no session for ***"


async def test_a_plugin_that_fails_at_length(plugin: Plugin) -> None:
    """The end of stderr is kept: that is where errors are."""
    connection = plugin.does("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done >&2; exit 1").connection()
    message = await problem(connection, Unavailable)
    assert len(message) < 600
    assert message.endswith("19998 19999")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("canary", "printed something that is not an ExecCredential"),
        ("", "printed nothing on stdout, where an ExecCredential is expected"),
        ('{"kind": "canary"}', "printed something that is not an ExecCredential"),
        ('["canary"]', "printed something that is not an ExecCredential"),
        (exec_credential(), "printed neither a token nor a client certificate with its key"),
        (exec_credential(clientKeyData="canary"), "printed a client certificate or a key, but not both"),
        (exec_credential(token="canary\n1"), "status.token is not a token: it has characters that no token has"),
        (exec_credential(token="canary", expirationTimestamp="x"), "expirationTimestamp that is not an RFC 3339 time"),
        (exec_credential(V1 + "beta1", token="canary"), f"in apiVersion {V1}beta1, but kubeconfig asks for {V1}"),
    ],
    ids=lambda value: "junk",
)  # fmt: skip
async def test_junk(plugin: Plugin, output: str, expected: str) -> None:
    """What it printed is never quoted: it may be half a token."""
    plugin.does(f"cat <<'END'\n{output}\nEND")
    with pytest.raises(ConfigError) as caught:
        await token(plugin.connection())
    assert str(caught.value).endswith(expected)
    assert "canary" not in str(caught.value)


async def test_endless_output(plugin: Plugin) -> None:
    """Is cut off: a plugin cannot fill the memory."""
    connection = plugin.does("exec yes").connection()
    assert await problem(connection, Unavailable) == "plugin printed more than 1048576 bytes, and was ended"


async def test_yaml(plugin: Plugin) -> None:
    """Is read as kubectl reads it."""
    plugin.prints(f"apiVersion: {V1}\nkind: ExecCredential\nstatus:\n  token: from-yaml")
    assert await token(plugin.connection()) == "from-yaml"


async def test_a_missing_program(plugin: Plugin) -> None:
    """The kubeconfig's hint, or ours."""
    message = await problem(
        plugin.connection(command="aws-nothing", installHint="Run:\n  apt install aws"), ConfigError
    )
    assert message.endswith("aws-nothing is not installed: Run: apt install aws")
    message = await problem(plugin.connection(command="aws-nothing"), ConfigError)
    assert message.endswith("aws-nothing is not installed: install it, or correct the kubeconfig")


async def test_a_program_that_cannot_be_run(plugin: Plugin) -> None:
    """A file that is not executable, or only seems to be."""
    plugin.prints("x").path.chmod(0o600)
    assert await problem(plugin.connection(), ConfigError) == "plugin is not an executable file"
    plugin.path.write_bytes(b"\x00\x01")
    plugin.path.chmod(0o700)
    assert await problem(plugin.connection(), ConfigError) == "plugin cannot be started: Exec format error"


async def test_a_command_beside_the_kubeconfig(plugin: Plugin) -> None:
    """With a slash it is relative to the kubeconfig; without one it is searched in PATH."""
    plugin.prints(exec_credential(token="t"))
    assert await token(plugin.connection(command="./plugin")) == "t"
    environ = {"PATH": f"{plugin.folder}:{os.environ['PATH']}"}
    assert await token(plugin.connection(command="plugin", machine_={"environ": environ})) == "t"


async def test_what_a_plugin_is_given(plugin: Plugin) -> None:
    """Arguments, our environment with additions, and KUBERNETES_EXEC_INFO; no stdin."""
    plugin.does(
        'echo "$KUBERNETES_EXEC_INFO" > info; echo "$1|$2|$A|$B" > given; cat > stdin\n'
        f"cat <<'END'\n{exec_credential(token='t')}\nEND"
    )
    environ = {"PATH": os.environ["PATH"], "A": "a", "B": "b"}
    connection = plugin.connection(
        args=["one two", "*"], env=[{"name": "B", "value": "$A"}], machine_={"environ": environ}
    )
    await connection.prepare()

    assert (plugin.folder / "given").read_text() == "one two|*|a|$A\n"
    assert (plugin.folder / "stdin").read_text() == ""
    assert json.loads((plugin.folder / "info").read_text()) == {
        "kind": "ExecCredential",
        "apiVersion": V1,
        "spec": {"interactive": False},
    }


async def test_cluster_info(plugin: Plugin) -> None:
    """`provideClusterInfo`: the CA as data wherever it stood, and the extension meant for plugins."""
    plugin.does(f"echo \"$KUBERNETES_EXEC_INFO\" > info\ncat <<'END'\n{exec_credential(token='t')}\nEND")
    (plugin.folder / "ca.crt").write_text("PEM")
    cluster = {
        "server": "http://127.0.0.1/",
        "tls-server-name": "n",
        "certificate-authority": "ca.crt",
        "proxy-url": "http://p",
        "disable-compression": True,
        "extensions": [
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x", "port": 8080}},
        ],
    }
    await plugin.connection(cluster, provideClusterInfo=True).prepare()

    assert json.loads((plugin.folder / "info").read_text())["spec"]["cluster"] == {
        "server": "http://127.0.0.1",
        "tls-server-name": "n",
        "certificate-authority-data": "UEVN",
        "proxy-url": "http://p",
        "disable-compression": True,
        "config": {"audience": "x", "port": 8080},
    }


async def test_an_interactive_plugin(plugin: Plugin, capfd: pytest.CaptureFixture[str]) -> None:
    """Has our stdin, is told so, and its questions are seen as they come."""
    plugin.does(
        f"echo 'Password?' >&2\necho \"$KUBERNETES_EXEC_INFO\" > info\ncat <<'END'\n{exec_credential(token='t')}\nEND"
    )
    connection = plugin.connection(interactiveMode="IfAvailable", machine_={"terminal": True})
    assert await token(connection) == "t"
    assert capfd.readouterr().err == "Password?\n"
    assert json.loads((plugin.folder / "info").read_text())["spec"] == {"interactive": True}


async def test_a_plugin_that_wants_no_terminal(plugin: Plugin) -> None:
    """Gets none, even if there is one."""
    plugin.does(f"echo \"$KUBERNETES_EXEC_INFO\" > info\ncat <<'END'\n{exec_credential(token='t')}\nEND")
    await plugin.connection(interactiveMode="Never", machine_={"terminal": True}).prepare()
    assert json.loads((plugin.folder / "info").read_text())["spec"] == {"interactive": False}


async def test_expiry(plugin: Plugin) -> None:
    """Renewed a little before the end: half a minute, or a tenth of the life if that is shorter."""
    now = time.time() // 1
    clock = [now]
    plugin.prints(exec_credential(expires=now + 3600, token="t-$n"))
    connection = plugin.connection(machine_={"now": lambda: clock[0]})

    tokens: list[str | None] = []
    for seconds in (0, 3569, 3571, 3572):
        clock[0] = now + seconds
        if seconds == 3571:
            plugin.prints(exec_credential(expires=now + 3591, token="t-$n"))
        tokens.append(await token(connection))
    assert tokens == ["t-1", "t-1", "t-2", "t-2"]
    clock[0] = now + 3589.5
    assert await token(connection) == "t-3"


async def test_already_expired(plugin: Plugin, caplog: pytest.LogCaptureFixture) -> None:
    """Used for one request, as kubectl does, because clocks differ; said aloud; and asked for again the next time."""
    clock = [1000.0]
    plugin.prints(exec_credential(expires=1, token="t-$n"))
    connection = plugin.connection(machine_={"now": lambda: clock[0]})
    with caplog.at_level(logging.WARNING):
        await connection.prepare()
        assert await token(connection) == "t-1"
        clock[0] += 1
        await connection.prepare()
        assert await token(connection) == "t-2"
    assert "have already expired; is the clock right?" in caplog.text


async def test_a_failing_renewal_keeps_what_is_still_good(plugin: Plugin, caplog: pytest.LogCaptureFixture) -> None:
    """Until it has expired; and meanwhile the plugin is not run at every request."""
    now = time.time() // 1
    clock = [now]
    connection = plugin.prints(exec_credential(expires=now + 100, token="t-$n")).connection(
        machine_={"now": lambda: clock[0]}
    )
    assert await token(connection) == "t-1"
    plugin.does("exit 1")
    clock[0] = now + 95
    with caplog.at_level(logging.WARNING):
        assert [await token(connection) for _ in range(5)] == ["t-1"] * 5
    assert plugin.count == 2
    assert "the last credentials stay in use" in caplog.text
    clock[0] = now + 101
    with pytest.raises(Unavailable, match="failed with status 1"):
        await token(connection)


async def test_a_client_certificate(plugin: Plugin) -> None:
    """Without a token, no header is sent; the certificate goes to TLS, which `test_tls` shows."""
    connection = plugin.prints(exec_credential(clientCertificateData="C", clientKeyData="K")).connection()
    assert await token(connection) is None
    assert plugin.count == 1
