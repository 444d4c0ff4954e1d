"""How many pods each node has, by phase, for Prometheus: `python pod_exporter.py [PORT]`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import msgspec
import trio
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, start_http_server

from trio_k8swatch import ApiClient, HandlerFuncs, Metrics, ObjectMeta, WatchConfig, open_client, open_watch

PORT = 9100
STALE_SECONDS = 300


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Where the pod runs."""

    node_name: str = ""


class PodStatus(msgspec.Struct, frozen=True, gc=False):
    """How it is."""

    phase: str = "Unknown"


class Pod(msgspec.Struct, frozen=True, gc=False):
    """Of a pod's hundreds of fields, the two that are counted."""

    metadata: ObjectMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


@dataclass(frozen=True)
class PodCount:
    """The gauge, and how each change of a pod moves it."""

    pods: Gauge

    def add(self, pod: Pod, preexisting: bool) -> None:
        """One more there."""
        del preexisting
        self.pods.labels(pod.spec.node_name, pod.status.phase).inc()

    def update(self, old: Pod, new: Pod) -> None:
        """From there to here. The final state comes this way, too: `delete` finds the pod where it was."""
        self.pods.labels(old.spec.node_name, old.status.phase).dec()
        self.pods.labels(new.spec.node_name, new.status.phase).inc()

    def delete(self, pod: Pod, may_be_stale: bool) -> None:
        """One less."""
        del may_be_stale
        self.pods.labels(pod.spec.node_name, pod.status.phase).dec()


async def count_pods(client: ApiClient, registry: CollectorRegistry = REGISTRY) -> None:
    """Count until cancelled; StaleError when the cluster could not be followed for too long."""
    count = PodCount(Gauge("node_pods", "Pods on a node", ["node", "phase"], registry=registry))
    handlers = HandlerFuncs[Pod](add=count.add, update=count.update, delete=count.delete)
    config = WatchConfig(metrics=Metrics("node_pods_watch", registry).instance("pods"))
    async with open_watch(client.resource("v1", "pods", type=Pod), handlers=handlers, config=config) as store:
        while True:
            await trio.sleep(30)
            store.require_fresh(STALE_SECONDS)


async def main(port: int) -> None:
    """Serve the metrics, and keep them true."""
    start_http_server(port)
    async with open_client() as client:
        await count_pods(client)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if sys.argv[1:] else PORT)
