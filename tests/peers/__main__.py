"""Run the smoke of each client against a fake of its own, `python -m peers [NAME…]` in tests/, and say how each went."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PEERS = {
    "official": "kubernetes",
    "asyncio": "kubernetes_asyncio",
    "lightkube": "lightkube",
    "kr8s": "kr8s",
    "kopf": "kopf",
}
SECONDS = 90


def smoke(name: str, folder: Path) -> tuple[int, str, float]:
    """Status, output and seconds of one client's program, with a server that is made for it and gone after it."""
    config = folder / f"{name}.yaml"
    server = subprocess.Popen(
        [sys.executable, "-m", "trio_k8swatch", "fake", "--simulate", "--kubeconfig", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not config.exists() and server.poll() is None:
            time.sleep(0.05)
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, str(HERE / f"with_{name}.py")],
            env={**os.environ, "KUBECONFIG": str(config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        seconds = time.monotonic() - start
    finally:
        server.terminate()
        _, said = server.communicate()
    if "Traceback" in said:
        return 1, done.stdout + said, seconds
    return done.returncode, done.stdout, seconds


def main(names: list[str]) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names or PEERS:
            status, output, seconds = smoke(name, Path(folder))
            what = f"{PEERS[name]} {version(PEERS[name])}"
            last = output.strip().rpartition("\n")[2]
            print(f"{'ok  ' if status == 0 else 'FAIL'} {what:26} {seconds:5.1f} s  {last if status == 0 else ''}")
            if status:
                failed += 1
                print(output)
    return int(failed > 0)


sys.exit(main(sys.argv[1:]))
