"""A small controller: every pod carries the zone of its node as a label.

Level-triggered, as controllers should be: events only say which pod to look at; what to do follows from what is there.
`tests/testing/test_example_controller.py` leads it through an outage, an expired history and a rolled API server.
"""

from __future__ import annotations

import httpx
import msgspec
import trio

from trio_k8swatch import (
    ApiClient,
    FlatNameIndex,
    IndexedStore,
    ObjectMeta,
    Store,
    WatchConfig,
    open_client,
    open_watch,
)

ZONE = "topology.kubernetes.io/zone"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
RETRY_SECONDS = 5.0
DEFAULT = WatchConfig()


class Node(msgspec.Struct, frozen=True):
    """What we need of a node: its labels."""

    metadata: ObjectMeta


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What we need of a pod's spec: where it runs."""

    node_name: str = ""


class Pod(msgspec.Struct, frozen=True):
    """What we need of a pod."""

    metadata: ObjectMeta
    spec: PodSpec


class ZoneLabeller:
    """Keeps the labels right for as long as `run` runs."""

    def __init__(
        self, pods: Store[Pod], nodes: IndexedStore[Node, FlatNameIndex[Node]], http: httpx.AsyncClient
    ) -> None:
        self._pods = pods
        self._nodes = nodes
        self._http = http
        self._due: dict[str, None] = {}
        self._work = trio.Event()

    async def run(self) -> None:
        """Until cancelled, or until a watch ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow_pods)
            nursery.start_soon(self._follow_nodes)
            while True:
                await self._work.wait()
                for uid in list(self._due):
                    del self._due[uid]
                    if not await self._reconcile(uid):
                        nursery.start_soon(self._look_again_later, uid)
                if not self._due:
                    self._work = trio.Event()

    def look_at(self, uid: str) -> None:
        """Have a look at this pod, soon and once, however often it is asked for."""
        self._due[uid] = None
        self._work.set()

    async def _follow_pods(self) -> None:
        async with self._pods.subscribe() as changes:
            async for change in changes:
                self.look_at(change.object.metadata.uid)

    async def _follow_nodes(self) -> None:
        async with self._nodes.subscribe() as changes:
            async for change in changes:
                for pod in self._pods:
                    if pod.spec.node_name == change.object.metadata.name:
                        self.look_at(pod.metadata.uid)

    async def _look_again_later(self, uid: str) -> None:
        await trio.sleep(RETRY_SECONDS)
        self.look_at(uid)

    async def _reconcile(self, uid: str) -> bool:
        """Make one pod right; False if that could not be done now."""
        pod = self._pods.get(uid)
        node = self._nodes.index.get(pod.spec.node_name) if pod is not None else None
        if pod is None or node is None:
            return True
        zone = node.metadata.labels.get(ZONE)
        if pod.metadata.labels.get(ZONE) == zone:
            return True
        # The uid makes sure that it is still this pod, and not its namesake.
        patch = {"metadata": {"uid": uid, "labels": {ZONE: zone}}}
        path = f"/api/v1/namespaces/{pod.metadata.namespace}/pods/{pod.metadata.name}"
        try:
            response = await self._http.patch(path, content=msgspec.json.encode(patch), headers=MERGE_PATCH)
        except httpx.TransportError:
            return False
        return response.is_success or response.status_code in {404, 409}


async def label_pods(client: ApiClient, http: httpx.AsyncClient, config: WatchConfig = DEFAULT) -> None:
    """The controller: two watches, and the work between them."""
    nodes = client.resource("v1", "nodes", type=Node)
    pods = client.resource("v1", "pods", type=Pod)
    async with open_watch(nodes, config=config) as node_store, open_watch(pods, config=config) as pod_store:
        with IndexedStore(node_store, FlatNameIndex[Node]()) as indexed:
            await ZoneLabeller(pod_store, indexed, http).run()


async def main(base_url: str = "http://127.0.0.1:8001") -> None:
    """Against `kubectl proxy`."""
    async with open_client(base_url=base_url) as client, httpx.AsyncClient(base_url=base_url, timeout=10) as http:
        await label_pods(client, http)


if __name__ == "__main__":
    trio.run(main)
