"""Real credential plugins: small shell scripts that count how often they run."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio
from connect.kubeconfigs import document, machine, write

from trio_k8swatch import connect
from trio_k8swatch.connect import Connection

V1 = "client.authentication.k8s.io/v1"


def exec_credential(api_version: str = V1, expires: float | None = None, **status: str) -> str:
    """What a good plugin prints."""
    if expires is not None:
        status["expirationTimestamp"] = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"apiVersion": api_version, "kind": "ExecCredential", "status": status})


@dataclass
class Plugin:
    """A script in `folder`. Each run adds a line with its number to `runs`, and then does `body`."""

    folder: Path
    body: str = "exit 1"

    @property
    def path(self) -> Path:
        return self.folder / "plugin"

    @property
    def count(self) -> int:
        try:
            return len((self.folder / "runs").read_text().split())
        except FileNotFoundError:
            return 0

    def does(self, body: str) -> Plugin:
        """Replace the script, in one step: it may be about to run."""
        self.body = body
        script = f"#!/bin/sh\ncd {shlex.quote(str(self.folder))}\necho run >> runs\nn=$(wc -l < runs)\n{body}\n"
        new = write(self.folder / "plugin.new", script)
        new.chmod(0o700)
        new.replace(self.path)
        return self

    def prints(self, text: str, *, before: str = "") -> Plugin:
        """Print `text`, in which `$n` is the number of the run."""
        return self.does(f"{before}\ncat <<END\n{text}\nEND")

    def user(self, **fields: Any) -> dict[str, Any]:
        """The user of a kubeconfig who has this plugin."""
        defaults = {"command": str(self.path), "apiVersion": V1, "interactiveMode": "Never"}
        return {"exec": defaults | fields}

    def connection(
        self, cluster: dict[str, Any] | None = None, machine_: dict[str, Any] | None = None, **fields: Any
    ) -> Connection:
        path = write(
            self.folder / "config", document({"server": "http://127.0.0.1"} | (cluster or {}), self.user(**fields))
        )
        environ = {"PATH": os.environ["PATH"]}
        return connect.from_kubeconfig(
            path, surroundings=machine(self.folder, **({"environ": environ} | (machine_ or {})))
        )


async def is_gone(pid_file: Path) -> bool:
    """Whether the process whose id was written to `pid_file` ends. A signal takes a moment to arrive."""
    with trio.move_on_after(5):
        while _is_alive(pid_file):
            await trio.sleep(0.01)
        return True
    return False


def _is_alive(pid_file: Path) -> bool:
    try:
        status = Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie has ended: its parent, which is not us, has yet to notice.
    return status.rpartition(")")[2].split()[0] != "Z"
