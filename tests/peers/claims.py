"""What docs/comparison.md says of Python clients, tried: `python -m peers.claims [NAME…]` in tests/, against the fake's faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import trio

from trio_k8swatch.testing import FakeApiServer
from trio_k8swatch.testing.builders import pod

FOLLOWERS = {
    "kubernetes": """
from kubernetes import client, config
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer
config.load_kube_config()
informer = SharedInformer(list_func=client.CoreV1Api().list_namespaced_pod, namespace="default")
for kind in (ADDED, MODIFIED, DELETED):
    informer.add_event_handler(kind, lambda obj, kind=kind: say(str(kind), obj.metadata.name))
informer.start()
import time
while True:
    time.sleep(1)
""",
    "kr8s": """
import kr8s
for kind, obj in kr8s.watch("pods", namespace="default"):
    say(kind, obj.name)
""",
    "lightkube": """
from lightkube import Client
from lightkube.resources.core_v1 import Pod
for kind, obj in Client().watch(Pod, namespace="default"):
    say(kind, obj.metadata.name)
""",
    "kopf": """
import kopf
@kopf.on.event("pods")
def changed(event, name, **_):
    say(event["type"] or "ADDED", name)
kopf.run(standalone=True, namespace="default")
""",
    "trio-k8swatch": """
import trio
from trio_k8swatch import open_client, open_watch
async def main():
    async with open_client() as client, open_watch(client.resource("v1", "pods", namespace="default")) as store:
        async with store.subscribe() as changes:
            async for change in changes:
                say(change.type, change.object.metadata.name)
trio.run(main)
""",
}
SAY = """
import json, sys
def say(kind, name):
    print(json.dumps([kind.upper(), name]), flush=True)
"""
PATIENCE_SECONDS = 25.0


def outage(fake: FakeApiServer) -> None:
    """The connection breaks; while nobody can connect, an object is deleted and history is lost."""
    fake.faults.cut_connections()
    fake.faults.refuse(for_seconds=2)
    fake.delete("pods", "b")
    fake.faults.forget_history()


def gone(fake: FakeApiServer) -> None:
    """The watch is ended with an ERROR event of code 410, and something is created afterwards."""
    fake.faults.gone()
    fake.create(pod("c"))
    fake.after(2, lambda: fake.create(pod("d")))


def separator(fake: FakeApiServer) -> None:
    """An object whose text holds a line separator of Unicode, raw, as JSON allows it."""
    fake.create(
        {**pod("c"), "metadata": {"name": "c", "namespace": "default", "annotations": {"text": "a\x85b\u2028c"}}}
    )


CLAIMS: dict[str, tuple[Callable[[FakeApiServer], None], list[str]]] = {
    "a deletion during an outage is reported": (outage, ["DELETED", "b"]),
    "410 as an event is recovered from": (gone, ["ADDED", "d"]),
    "a line separator inside a string does no harm": (separator, ["ADDED", "c"]),
}


async def tried(name: str, happen: Callable[[FakeApiServer], None], expected: list[str]) -> bool:
    """Whether the client reports `expected` within the patience."""
    fake = FakeApiServer()
    for one in ("a", "b"):
        fake.create(pod(one))
    seen: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with fake.serve() as url, trio.open_nursery() as nursery:
            config = Path(folder) / "config"
            config.write_text(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                f'clusters: [{{name: c, cluster: {{server: "{url}"}}}}]\n'
                "users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u, namespace: default}}]\n"
            )
            command = [sys.executable, "-c", SAY + FOLLOWERS[name]]
            environ = {**os.environ, "KUBECONFIG": str(config)}
            run = partial(
                trio.run_process,
                command,
                stdout=subprocess.PIPE,
                stderr=None if os.environ.get("PEERS_STDERR") else subprocess.DEVNULL,
                env=environ,
                check=False,
            )
            process: trio.Process = await nursery.start(run)
            assert process.stdout is not None
            text = b""
            with trio.move_on_after(PATIENCE_SECONDS * 2) as scope:
                async for part in process.stdout:
                    text += part
                    *lines, text = text.split(b"\n")
                    before = len(seen)
                    seen += [json.loads(line) for line in lines if line.startswith(b"[")]
                    if before < 2 <= len(seen):
                        await trio.sleep(1)  # until its watch is open
                        happen(fake)
                        scope.deadline = trio.current_time() + PATIENCE_SECONDS
                    if expected in seen:
                        break
            process.kill()
    return expected in seen


async def main(names: list[str]) -> None:
    for name in names or FOLLOWERS:
        for claim, (happen, expected) in CLAIMS.items():
            print(
                f"{name} {version(name):10} {'yes' if await tried(name, happen, expected) else 'no ':4} {claim}",
                flush=True,
            )


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
