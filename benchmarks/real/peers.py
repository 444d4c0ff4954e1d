"""A peer's whole list of the same pods, in a process of its own: `python -m benchmarks.real.peers NAME KUBECONFIG COUNT`.

Only the standard library and the peer are imported: its environment has nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from benchmarks.meter import kept_bytes, peak_bytes, reset_peak

_NAMESPACE = "bench"


def _official(kubeconfig: str, count: int) -> Any:
    from kubernetes import client, config
    from kubernetes.informer import ADDED, SharedInformer

    config.load_kube_config(kubeconfig)
    done = threading.Event()
    left = [count]

    def added(_: object) -> None:
        left[0] -= 1
        if not left[0]:
            done.set()

    informer = SharedInformer(client.CoreV1Api().list_namespaced_pod, namespace=_NAMESPACE)
    informer.add_event_handler(ADDED, added)
    return lambda: (informer.start(), done.wait(), informer)


def _lightkube(kubeconfig: str, _count: int) -> Any:
    from lightkube import Client, KubeConfig
    from lightkube.resources.core_v1 import Pod

    client: Any = Client(config=KubeConfig.from_file(kubeconfig))
    return lambda: {pod.metadata.uid: pod for pod in client.list(Pod, namespace=_NAMESPACE, chunk_size=500)}


def main(name: str, kubeconfig: str, count: str) -> None:
    work = {"official": _official, "lightkube": _lightkube}[name](kubeconfig, int(count))
    base = kept_bytes()
    reset_peak()
    wall, cpu = time.monotonic(), time.process_time()
    held = work()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    peak = peak_bytes() - base
    print(json.dumps({"wall": wall, "cpu": cpu, "kept": kept_bytes() - base, "peak": peak}), flush=True)
    del held


if __name__ == "__main__":
    main(*sys.argv[1:])
    # An informer's thread waits for the next event, and would be waited for.
    os._exit(0)
