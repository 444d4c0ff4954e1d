"""A process that leads: `python lease_holder.py KUBECONFIG IDENTITY`. It says when it leads, and when no longer."""

from __future__ import annotations

import sys
import time

import trio

from trio_k8swatch import open_client
from trio_k8swatch.connect import from_kubeconfig
from trio_k8swatch.lease import LeaseLost, open_lease

LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS = 4.0, 2.5, 0.5


def say(what: str) -> None:
    # CLOCK_MONOTONIC is one clock for all processes of a machine.
    print(what, time.monotonic(), flush=True)


async def main(kubeconfig: str, identity: str) -> None:
    async with open_client(from_kubeconfig(kubeconfig)) as client:
        try:
            async with open_lease(
                client,
                "real",
                namespace="default",
                identity=identity,
                lease_seconds=LEASE_SECONDS,
                renew_seconds=RENEW_SECONDS,
                retry_seconds=RETRY_SECONDS,
            ):
                say("leads")
                try:
                    await trio.sleep_forever()
                finally:
                    say("stops")
        except LeaseLost:
            say("lost")


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
