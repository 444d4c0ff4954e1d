"""A lifelike cluster in motion: deployments roll, pods come and go, a node fails and comes back."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

import trio

from . import _demo_objects as make
from ._clock import timestamp
from ._json import Object
from ._server import FakeApiServer
from .builders import deployment, replica_set, service

# Something that goes on by itself: it does a step, and yields for how many seconds it rests then.
Process: TypeAlias = Iterator[float]

NAMESPACE: Final = "shop"
APPS: Final = {"web": 4, "api": 3, "cart": 2, "search": 2, "worker": 3}
WORKERS: Final = 4
# A real cluster forgets its Events after an hour.
REMEMBERED_EVENTS: Final = 200


async def demo_cluster(
    fake: FakeApiServer,
    *,
    rng: random.Random,
    speed: float = 1.0,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Fill the server, report `started()`, and keep it in motion until cancelled.

    The first change comes within a tenth of a second, then several a second. With the same `rng` everything happens
    in the same order and with the same names; `speed` only says how fast.
    """
    cluster = _Cluster(fake, rng)
    processes = [cluster.rolling(app, delay) for app, delay in zip(APPS, (0.05, 2.0, 5.0, 9.0, 13.0), strict=True)]
    processes.append(cluster.failing_node())
    task_status.started()
    start = trio.current_time()
    # One task for all, with a queue of its own: trio's order of tasks is random on purpose, this is not.
    queue = [(next(process), number, process) for number, process in enumerate(processes)]
    heapq.heapify(queue)
    while queue:
        due, number, process = heapq.heappop(queue)
        await trio.sleep_until(start + due / speed)
        rest = next(process, None)
        if rest is not None:
            heapq.heappush(queue, (due + rest, number, process))


class _Cluster:
    """The hands of scheduler, kubelets and controllers."""

    def __init__(self, fake: FakeApiServer, rng: random.Random) -> None:
        self._fake = fake
        self._rng = rng
        self._events = 0
        self._told: deque[Object] = deque()
        self._addresses = 0
        self._release = dict.fromkeys(APPS, 1)
        self._down: set[int] = set()
        fake.create(make.node("control-plane-0", 0, self._now(), role="control-plane"))
        for number in range(1, WORKERS + 1):
            fake.create(make.node(f"worker-{number}", number, self._now()))
        for app, replicas in APPS.items():
            fake.create(service(app, NAMESPACE, port=8080))
            made = fake.create(deployment(app, NAMESPACE, replicas=replicas, image=self._image(app)))
            owner = self._new_replica_set(made)
            for _ in range(replicas):
                self._finish_at_once(owner, app)
            self._report(app)

    def rolling(self, app: str, delay: float) -> Process:
        """Roll a deployment out, again and again: one new pod up, one old pod down."""
        yield delay
        while True:
            old = self._pods(app)
            self._release[app] += 1
            changed = deployment(app, NAMESPACE, replicas=APPS[app], image=self._image(app))
            made = self._fake.patch("deployments.apps", app, {"spec": changed["spec"]}, namespace=NAMESPACE)
            owner = self._new_replica_set(made)
            for leaving in old:
                yield 0.05
                yield from self._starting(owner, app)
                yield from self._stopping(leaving, app)
            self._drop_old_replica_sets(app, owner)
            yield self._rng.uniform(2.0, 6.0)

    def failing_node(self) -> Process:
        """Now and then a node falls silent, and is back a while later."""
        yield self._rng.uniform(8.0, 12.0)
        while True:
            number = self._rng.randint(1, WORKERS)
            self._set_node(number, ready=False)
            yield self._rng.uniform(6.0, 10.0)
            self._set_node(number, ready=True)
            yield self._rng.uniform(20.0, 40.0)

    def _starting(self, owner: Object, app: str) -> Process:
        name = self._create_pod(owner, app)
        yield self._rng.uniform(0.05, 0.2)
        number = self._rng.choice([n for n in range(1, WORKERS + 1) if n not in self._down])
        self._schedule(name, number)
        yield self._rng.uniform(0.1, 0.3)
        image = self._image(app)
        self._set_status(name, make.creating(app, image, self._now()))
        self._tell(name, "Pulled", f'Container image "{image}" already present on machine')
        yield self._rng.uniform(0.3, 0.8)
        self._run(name, app, number)
        self._tell(name, "Started", f"Started container {app}")
        self._report(app)
        yield self._rng.uniform(0.05, 0.2)

    def _stopping(self, pod: Object, app: str) -> Process:
        name = pod["metadata"]["name"]
        if self._fake.get("pods", name, namespace=NAMESPACE) is None:
            return
        self._fake.delete("pods", name, namespace=NAMESPACE, grace_seconds=30)
        self._tell(name, "Killing", f"Stopping container {app}")
        yield self._rng.uniform(0.4, 1.0)
        if self._fake.get("pods", name, namespace=NAMESPACE) is not None:
            self._fake.delete("pods", name, namespace=NAMESPACE)
        self._report(app)

    def _finish_at_once(self, owner: Object, app: str) -> None:
        number = 1 + self._addresses % WORKERS
        name = self._create_pod(owner, app)
        self._schedule(name, number)
        self._run(name, app, number)

    def _create_pod(self, owner: Object, app: str) -> str:
        suffix = "".join(self._rng.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))
        name = f"{owner['metadata']['name']}-{suffix}"
        self._fake.create(make.pod(name, owner, app=app, image=self._image(app), token_suffix=suffix))
        return name

    def _schedule(self, name: str, number: int) -> None:
        patch = {"spec": {"nodeName": f"worker-{number}"}, "status": make.scheduled(self._now())}
        self._fake.patch("pods", name, patch, namespace=NAMESPACE)

    def _run(self, name: str, app: str, number: int) -> None:
        self._addresses += 1
        ip = f"10.244.{number}.{2 + self._addresses % 250}"
        self._set_status(name, make.running(app, self._image(app), self._now(), ip=ip, host=make.host_ip(number)))

    def _set_status(self, name: str, status: Object) -> None:
        self._fake.patch("pods", name, {"status": status}, namespace=NAMESPACE)

    def _set_node(self, number: int, *, ready: bool) -> None:
        conditions = make.node_conditions(self._now(), ready=ready)
        self._fake.patch("nodes", f"worker-{number}", {"status": {"conditions": conditions}})
        (self._down.discard if ready else self._down.add)(number)
        for pod in self._fake.objects("pods", namespace=NAMESPACE):
            if pod["spec"].get("nodeName") == f"worker-{number}" and pod["status"]["phase"] == "Running":
                self._set_readiness(pod, ready=ready)

    def _set_readiness(self, pod: Object, *, ready: bool) -> None:
        conditions = pod["status"]["conditions"]
        for one in conditions:
            if one["type"] == "Ready":
                one |= {"status": "True" if ready else "False", "lastTransitionTime": self._now()}
        self._set_status(pod["metadata"]["name"], {"conditions": conditions})

    def _new_replica_set(self, owner: Object) -> Object:
        app = owner["metadata"]["name"]
        template_hash = f"{self._rng.getrandbits(40):010x}"
        made = replica_set(f"{app}-{template_hash}", owner)
        made["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = template_hash
        return self._fake.create(made)

    def _drop_old_replica_sets(self, app: str, newest: Object) -> None:
        for one in self._fake.objects("replicasets.apps", namespace=NAMESPACE):
            owner = one["metadata"]["ownerReferences"][0]["name"]
            if owner == app and one["metadata"]["uid"] != newest["metadata"]["uid"]:
                self._fake.delete(one)

    def _report(self, app: str) -> None:
        """The deployment's status, as its controller writes it."""
        pods = self._pods(app)
        image = self._image(app)
        updated = sum(1 for pod in pods if pod["spec"]["containers"][0]["image"] == image)
        ready = sum(1 for pod in pods if pod["status"]["phase"] == "Running")
        current = self._fake.get("deployments.apps", app, namespace=NAMESPACE)
        generation = current["metadata"]["generation"] if current else 1
        status = make.deployment_status(len(pods), updated, ready, generation)
        self._fake.patch("deployments.apps", app, {"status": status}, namespace=NAMESPACE)

    def _tell(self, pod_name: str, reason: str, message: str) -> None:
        pod = self._fake.get("pods", pod_name, namespace=NAMESPACE)
        if pod is not None:
            self._events += 1
            self._told.append(self._fake.create(make.event(self._events, pod, reason, message, self._now())))
        if len(self._told) > REMEMBERED_EVENTS:
            self._fake.delete(self._told.popleft())

    def _pods(self, app: str) -> list[Object]:
        pods = self._fake.objects("pods", namespace=NAMESPACE)
        return [one for one in pods if one["metadata"]["labels"]["app"] == app]

    def _image(self, app: str) -> str:
        return f"registry.example.com/shop/{app}:1.{self._release[app]}"

    def _now(self) -> str:
        return timestamp(self._fake.clock.datetime())
