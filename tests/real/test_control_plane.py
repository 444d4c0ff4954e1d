"""How the real server is run, tried with programs that only pretend: so that it works where the real ones are."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import trio
from real.control_plane import ControlPlane, NoControlPlane, binaries, control_plane

ETCD = """\
import http.server, json, sys
port = int(next(a for a in sys.argv if a.startswith("--listen-client-urls=")).rpartition(":")[2])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open({log!r}, "a") as log:
            log.write(self.path + " " + body.decode() + "\\n")
        answer = json.dumps({{"header": {{"revision": "42"}}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

APISERVER = """\
import http.server, ssl, sys
options = dict(a[2:].split("=", 1) for a in sys.argv[1:])
token = open(options["token-auth-file"]).read().split(",")[0]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.headers["Authorization"] == "Bearer " + token
        self.send_response(200 if good and self.path == "/readyz" else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options["tls-cert-file"], options["tls-private-key-file"])
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(options["secure-port"])), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def program(path: Path, source: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o700)
    return path


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    program(tmp_path / "bin" / "etcd", ETCD.format(log=str(tmp_path / "asked")))
    program(tmp_path / "bin" / "kube-apiserver", APISERVER)
    return tmp_path / "bin"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "set TEST_ASSET_ETCD"),
        ({"KUBEBUILDER_ASSETS": "/nowhere"}, "/nowhere/etcd is not a program"),
        ({"TEST_ASSET_ETCD": sys.executable}, "set TEST_ASSET_KUBE_APISERVER"),
    ],
)
def test_nothing_to_test_against(environ, reason):
    """The reason says what would have to be given."""
    with pytest.raises(NoControlPlane, match=reason):
        binaries(environ)


def test_single_programs_win(assets: Path):
    """As with envtest: the variable of one program before the folder of all."""
    found = binaries({"KUBEBUILDER_ASSETS": str(assets), "TEST_ASSET_ETCD": sys.executable})
    assert found.etcd == Path(sys.executable)
    assert found.apiserver == assets / "kube-apiserver"


async def test_started_killed_restarted_and_stopped(assets: Path, tmp_path: Path):
    """The API server may be killed and comes back on its port; at the end no process is left."""
    with trio.fail_after(60):
        async with control_plane(tmp_path / "run", binaries({"KUBEBUILDER_ASSETS": str(assets)})) as plane:
            assert plane.etcd.process is not None
            assert plane.apiserver.process is not None
            pids = [plane.etcd.process.pid, plane.apiserver.process.pid]
            await plane.kill_apiserver()
            assert not is_alive(pids[1])
            plane.write_tokens("second-token")
            plane.show_token("second-token")
            await plane.start_apiserver()
            pids.append(plane.apiserver.process.pid)
            await plane.compact()
        assert not any(is_alive(pid) for pid in pids)
    assert (tmp_path / "asked").read_text().splitlines()[-1].startswith("/v3/kv/compaction")


async def test_cancelled_while_it_starts(assets: Path, tmp_path: Path):
    """Nothing is left of a start that was given up."""
    program(assets / "kube-apiserver", "import time; time.sleep(1000)")
    with trio.fail_after(60):
        with trio.move_on_after(1):
            async with control_plane(tmp_path / "run", binaries({"KUBEBUILDER_ASSETS": str(assets)})):
                raise AssertionError("it is never ready")
    assert "kube-apiserver" not in await processes_in(tmp_path)


async def test_a_program_that_ends_at_once(assets: Path, tmp_path: Path):
    """The end of its log is in the error."""
    program(assets / "kube-apiserver", "raise SystemExit('unknown flag: --tls-cert-file')")
    with trio.fail_after(60), pytest.raises(AssertionError, match="unknown flag"):
        async with control_plane(tmp_path / "run", binaries({"KUBEBUILDER_ASSETS": str(assets)})):
            pass


async def test_a_program_that_does_not_want_to_end(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is killed after a while."""
    monkeypatch.setattr("real.control_plane.STOP_SECONDS", 0.5)
    program(assets / "etcd", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)")
    plane = ControlPlane(tmp_path / "run", binaries({"KUBEBUILDER_ASSETS": str(assets)}))
    with trio.fail_after(30):
        await plane.etcd.start()
        assert plane.etcd.process is not None
        pid = plane.etcd.process.pid
        await trio.sleep(0.5)
        await plane.etcd.stop(signal.SIGTERM)
    assert not is_alive(pid)


async def processes_in(folder: Path) -> str:
    """Command lines of processes that mention a folder."""
    found = await trio.run_process(["ps", "-eo", "args"], capture_stdout=True)
    return "\n".join(line for line in found.stdout.decode().splitlines() if str(folder) in line)
