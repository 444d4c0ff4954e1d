"""A real etcd and a real kube-apiserver for the time of a test, as envtest runs them: started, killed, restarted, stopped.

The binaries are those of `TEST_ASSET_ETCD` and `TEST_ASSET_KUBE_APISERVER`, or `etcd` and `kube-apiserver` in the
folder `KUBEBUILDER_ASSETS`. Nothing is ever looked for anywhere else, and nothing is downloaded.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio
import trustme

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.2
USER = "tester"


class NoControlPlane(Exception):
    """There is nothing to test against; the message says what would have to be given."""


@dataclass(frozen=True)
class Binaries:
    """Where the two programs are."""

    etcd: Path
    apiserver: Path


def binaries(environ: Mapping[str, str]) -> Binaries:
    """What the environment names. Raises NoControlPlane, with the reason, where that is not two programs."""
    folder = environ.get("KUBEBUILDER_ASSETS")
    paths: dict[str, Path] = {}
    for program, variable in (("etcd", "TEST_ASSET_ETCD"), ("kube-apiserver", "TEST_ASSET_KUBE_APISERVER")):
        named = environ.get(variable) or (folder and str(Path(folder) / program))
        if not named:
            raise NoControlPlane(f"no {program}: set {variable}, or KUBEBUILDER_ASSETS to a folder that has it")
        if not os.access(named, os.X_OK):
            raise NoControlPlane(f"no {program}: {named} is not a program that can be run")
        paths[program] = Path(named)
    return Binaries(paths["etcd"], paths["kube-apiserver"])


def free_port() -> int:
    """A port of loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Program:
    """One process with its log in a file; started, killed and started again."""

    arguments: list[str]
    log: Path
    process: trio.Process | None = None

    async def start(self) -> None:
        """Start it; its output goes to the end of `log`."""
        with self.log.open("ab") as log:
            self.process = await trio.lowlevel.open_process(self.arguments, stdout=log, stderr=subprocess.STDOUT)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, politely or not, and wait until it is gone; after a while it is killed in any case."""
        process, self.process = self.process, None
        if process is None:
            return
        with trio.CancelScope(shield=True):
            process.send_signal(how)
            with trio.move_on_after(STOP_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()

    def check(self) -> None:
        """Raise, with the end of the log, if it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise AssertionError(f"{self.arguments[0]} ended with status {self.process.returncode}:\n{tail}")


@dataclass
class ControlPlane:
    """Both programs on ports of loopback, and a kubeconfig for a user who may do everything.

    With `etcd_url` etcd is spoken to directly; the token of the user stands in `token_file`, which the API server reads
    when it starts.
    """

    folder: Path
    found: Binaries
    etcd_port: int = field(default_factory=free_port)
    peer_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    token: str = "first-token"
    extra: tuple[str, ...] = ()
    """More arguments for the API server."""
    etcd: Program = field(init=False)
    apiserver: Program = field(init=False)
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_certificates()
        self.write_tokens(self.token)
        self.etcd = Program(self._etcd_arguments(), self.folder / "etcd.log")
        self.apiserver = Program(self._apiserver_arguments(), self.folder / "apiserver.log")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def etcd_url(self) -> str:
        return f"http://127.0.0.1:{self.etcd_port}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def write_tokens(self, token: str) -> None:
        """The token that the API server accepts from its next start on. The client's file stays as it is."""
        (self.folder / "tokens.csv").write_text(f'{token},{USER},{USER},"system:masters"\n')
        if not (self.folder / "token").exists():
            self.show_token(token)

    def show_token(self, token: str) -> None:
        """The token that the client shows."""
        self.token = token
        (self.folder / "token").write_text(token)

    async def start(self) -> None:
        """Start both, and return when the API server is ready."""
        await self.etcd.start()
        await self.start_apiserver()

    async def start_apiserver(self) -> None:
        """Start the API server, and return when it says that it is ready."""
        await self.apiserver.start()
        await self._until_ready()

    async def kill_apiserver(self) -> None:
        """As a machine that loses its power."""
        await self.apiserver.stop(signal.SIGKILL)

    async def stop(self) -> None:
        """Stop both."""
        await self.apiserver.stop()
        await self.etcd.stop()

    async def compact(self) -> None:
        """Have etcd forget its history, all of it, by its JSON gateway."""
        async with httpx.AsyncClient(base_url=self.etcd_url, trust_env=False) as client:
            answer = await client.post("/v3/kv/range", json={"key": "AA=="})
            revision = answer.raise_for_status().json()["header"]["revision"]
            answer = await client.post("/v3/kv/compaction", json={"revision": revision, "physical": True})
            answer.raise_for_status()

    async def _until_ready(self) -> None:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        headers = {"Authorization": f"Bearer {self.token}"}
        with trio.fail_after(START_SECONDS):
            async with httpx.AsyncClient(base_url=self.url, verify=context, headers=headers, trust_env=False) as client:
                while True:
                    self.etcd.check()
                    self.apiserver.check()
                    try:
                        if (await client.get("/readyz")).status_code == 200:
                            return
                    except httpx.TransportError:
                        # It does not listen yet.
                        pass
                    await trio.sleep(POLL_SECONDS)

    def _write_certificates(self) -> None:
        server = self.authority.issue_cert("127.0.0.1", "localhost")
        self.authority.cert_pem.write_to_path(str(self.folder / "ca.crt"))
        server.private_key_and_cert_chain_pem.write_to_path(str(self.folder / "server.pem"))
        server.private_key_pem.write_to_path(str(self.folder / "server.key"))
        server.cert_chain_pems[0].write_to_path(str(self.folder / "server.crt"))
        self.kubeconfig.write_text(
            f"""\
apiVersion: v1
kind: Config
current-context: real
clusters: [{{name: real, cluster: {{server: "{self.url}", certificate-authority: ca.crt}}}}]
users: [{{name: {USER}, user: {{tokenFile: token}}}}]
contexts: [{{name: real, context: {{cluster: real, user: {USER}}}}}]
"""
        )

    def _etcd_arguments(self) -> list[str]:
        peer = f"http://127.0.0.1:{self.peer_port}"
        return [
            str(self.found.etcd),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync=true",
        ]

    def _apiserver_arguments(self) -> list[str]:
        key, certificate = self.folder / "server.key", self.folder / "server.crt"
        return [
            str(self.found.apiserver),
            f"--etcd-servers={self.etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--disable-admission-plugins=ServiceAccount",
            *self.extra,
        ]


@asynccontextmanager
async def control_plane(folder: Path, programs: Binaries) -> AsyncGenerator[ControlPlane]:
    """Both programs for the time of a block; nothing of them is left after it."""
    plane = ControlPlane(folder, programs)
    try:
        await plane.start()
        yield plane
    finally:
        await plane.stop()
