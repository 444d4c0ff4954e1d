"""One replica of a shard as a process of its own: `python -m benchmarks.replica`, run by `benchmarks.shards`.

Says every tenth of a second, as a line of JSON, what it holds and what it has used so far. `at` is the clock of the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import trio

from trio_k8swatch import DynamicObject, open_client
from trio_k8swatch._http.sockets.tcp import TcpSocket
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.shard import open_shard

_received = 0


def count_received_bytes() -> None:
    """Count what comes out of sockets, encrypted or not."""
    receive = TcpSocket.receive_some

    async def counting(self: TcpSocket, max_bytes: int | None = None) -> bytes:
        global _received  # noqa: PLW0603 - a process for one measurement
        data = await receive(self, max_bytes)
        _received += len(data)
        return data

    TcpSocket.receive_some = counting  # type: ignore[method-assign]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def report(store: Any) -> None:
    while True:
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            json.dumps(
                {
                    "at": time.monotonic(),
                    "objects": len(store),
                    "share": store.share,
                    "members": len(store.members),
                    "server_filters": store.server_filters,
                    "received": _received,
                    "cpu": used.ru_utime + used.ru_stime,
                    "resident": resident_bytes(),
                }
            ),
            flush=True,
        )
        await trio.sleep(0.1)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--identity", required=True)
    parser.add_argument("--slots", type=int, default=512)
    arguments = parser.parse_args()
    count_received_bytes()
    connection = from_kubeconfig(arguments.kubeconfig) if arguments.kubeconfig else None
    async with open_client(connection, base_url=arguments.url) as client:
        maps = client.resource(
            "v1", "configmaps", namespace="load", type=DynamicObject, drop=("metadata.managedFields",)
        )
        async with open_shard(
            maps, "bench", namespace="default", identity=arguments.identity, slots=arguments.slots
        ) as store:
            await report(store)


if __name__ == "__main__":
    try:
        trio.run(main)
    except* (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
