"""Asks a real kube-apiserver, and keeps its answers: `python -m testing.comparison.record FILE --episodes N --seed S`.

Run it in `tests/`, with `KUBEBUILDER_ASSETS` or its kin (`tests/real/control_plane.py`), or with `--url` and `--folder` of
a control plane that runs.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import ssl
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio
from real.control_plane import binaries, control_plane
from testing.comparison.answers import answered, prepare
from testing.comparison.applies import Applies
from testing.comparison.asks import Episodes


@asynccontextmanager
async def real_client(options):
    """To the control plane that was given, or to one for the time of the block."""
    if options.url:
        async with _client(options.url, options.folder) as client:
            yield client
        return
    with tempfile.TemporaryDirectory() as folder:
        async with control_plane(Path(folder), binaries(os.environ)) as plane, _client(plane.url, folder) as client:
            yield client


def _client(url, folder):
    context = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    token = Path(folder, "token").read_text()
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, verify=context, headers=headers, timeout=60, trust_env=False)


async def record(options) -> list:
    episodes, drawn = [], (Applies if options.applies else Episodes)(options.seed)
    async with real_client(options) as client:
        await prepare(client)
        for number in range(options.episodes):
            episode = []
            for ask in drawn.draw():
                episode.append({"ask": ask.as_json(), "answer": await answered(client, ask)})
            episodes.append(episode)
            if number % 50 == 0:
                sys.stderr.write(f"{number}\n")
    return episodes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--episodes", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--applies", action="store_true", help="server-side applies instead of everything")
    parser.add_argument("--url")
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    made = trio.run(record, arguments)
    arguments.file.write_bytes(lzma.compress(json.dumps(made, separators=(",", ":")).encode()))
