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
from ._demo_objects import APPS
from ._json import Object
from ._server import FakeApiServer
from ._storage.history import Change
from .builders import service
from .simulation import Pace

__all__ = ["APPS", "demo_cluster"]

# Something that goes on without end: it does a step, and yields for how many seconds it rests then.
Process: TypeAlias = Iterator[float]

NAMESPACE: Final = "shop"
WORKERS: Final = 4
KUBELET_SECONDS: Final = 0.5
# A real cluster forgets its Events after an hour.
REMEMBERED_EVENTS: Final = 200
# Whole numbers of these are exact as floats, and so are their sums: what is due at the same time is, on every run.
TICK_SECONDS: Final = 1 / 64
PACE: Final = Pace(
    reaction_seconds=4 * TICK_SECONDS,
    schedule_seconds=6 * TICK_SECONDS,
    create_seconds=10 * TICK_SECONDS,
    start_seconds=32 * TICK_SECONDS,
)


async def demo_cluster(
    fake: FakeApiServer,
    *,
    rng: random.Random,
    speed: float = 1.0,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Fill the server, report `started()`, and keep it in motion until cancelled.

    Somebody releases new versions, and nodes fail; everything else is done by `fake.simulate()`. The first change comes
    within a tenth of a second, then several a second. With the same `rng`, on a server with the same seed, everything
    happens in the same order and with the same names; `speed` only says how fast.
    """
    cluster = _Cluster(fake, rng, speed)
    processes = [cluster.releasing(app, delay) for app, delay in zip(APPS, (0.05, 2.0, 5.0, 9.0, 13.0), strict=True)]
    processes.append(cluster.failing_node())
    task_status.started()
    try:
        await _drive(fake, processes, speed)
    finally:
        cluster.stop()


async def _drive(fake: FakeApiServer, processes: list[Process], speed: float) -> None:
    """One task for all, with a queue of its own: trio's order of tasks is random on purpose, this is not."""
    start = trio.current_time()
    queue = [(_whole(next(process)), number, process) for number, process in enumerate(processes)]
    heapq.heapify(queue)
    while True:
        moment = start + queue[0][0] / speed
        # Nobody may be looking: then this task sees to it that what is simulated happens in time.
        await trio.sleep_until(min(moment, fake.clock.trio_time(fake.agenda.next())))
        fake.agenda.catch_up()
        if trio.current_time() < moment:
            continue
        due, number, process = heapq.heappop(queue)
        heapq.heappush(queue, (due + _whole(next(process)), number, process))


def _whole(seconds: float) -> float:
    return round(seconds / TICK_SECONDS) * TICK_SECONDS


class _Cluster:
    """Who releases, what breaks, and who tells of it; controllers, scheduler and kubelets are the simulation's."""

    def __init__(self, fake: FakeApiServer, rng: random.Random, speed: float) -> None:
        self._fake = fake
        self._rng = rng
        self._events = 0
        self._told: deque[Object] = deque()
        self._release = dict.fromkeys(APPS, 1)
        fake.create(make.node("control-plane-0", 0, self._now(), role="control-plane"))
        for number in range(1, WORKERS + 1):
            fake.create(make.node(f"worker-{number}", number, self._now()))
        for app, replicas in APPS.items():
            fake.create(service(app, NAMESPACE, port=8080))
            fake.create(make.deployment(app, NAMESPACE, replicas=replicas, image=self._image(app)))
        # In no time at first: the demonstration begins with a cluster that has been there for a while.
        settling = fake.simulate(Pace(0.0, 0.0, 0.0, 0.0, 0.0))
        fake.agenda.catch_up()
        settling.stop()
        fake.kubelet_seconds = KUBELET_SECONDS / speed
        self._simulation = fake.simulate(PACE.times(1 / speed))
        self._stop_listening = fake.storage["pods"].listen(self._tell_of)

    def stop(self) -> None:
        """Nothing moves any more."""
        self._simulation.stop()
        self._stop_listening()

    def releasing(self, app: str, delay: float) -> Process:
        """A new version, again and again."""
        yield delay
        while True:
            self._release[app] += 1
            changed = make.deployment(app, NAMESPACE, replicas=APPS[app], image=self._image(app))
            self._fake.patch("deployments.apps", app, {"spec": changed["spec"]}, namespace=NAMESPACE)
            yield self._rng.uniform(1.0, 3.0) + 1.2 * APPS[app]

    def failing_node(self) -> Process:
        """Now and then a node falls silent, and is back a while later."""
        yield self._rng.uniform(8.0, 12.0)
        while True:
            number = self._rng.randint(1, WORKERS)
            self._set_node(number, ready=False)
            yield self._rng.uniform(6.0, 10.0)
            self._set_node(number, ready=True)
            yield self._rng.uniform(20.0, 40.0)

    def _set_node(self, number: int, *, ready: bool) -> None:
        conditions = make.node_conditions(self._now(), ready=ready)
        self._fake.patch("nodes", f"worker-{number}", {"status": {"conditions": conditions}})
        for pod in self._fake.objects("pods", namespace=NAMESPACE):
            if pod["spec"].get("nodeName") == f"worker-{number}" and pod["status"]["phase"] == "Running":
                self._set_readiness(pod, ready=ready)

    def _set_readiness(self, pod: Object, *, ready: bool) -> None:
        """As the node's controller does when nothing is heard of the kubelet."""
        conditions = pod["status"]["conditions"]
        for one in conditions:
            if one["type"] == "Ready":
                one |= {"status": "True" if ready else "False", "lastTransitionTime": self._now()}
        name = pod["metadata"]["name"]
        self._fake.patch("pods", name, {"status": {"conditions": conditions}}, namespace=NAMESPACE)

    def _tell_of(self, change: Change) -> None:
        """Later, because a change is not over while those who listen are told of it."""
        said = _said(change)
        if said is not None:
            self._fake.after(0.0, lambda: self._tell(change.new.object, *said))

    def _tell(self, pod: Object, reason: str, message: str) -> None:
        self._events += 1
        self._told.append(self._fake.create(make.event(self._events, pod, reason, message, self._now())))
        if len(self._told) > REMEMBERED_EVENTS:
            self._fake.delete(self._told.popleft())

    def _image(self, app: str) -> str:
        return f"registry.example.com/shop/{app}:1.{self._release[app]}"

    def _now(self) -> str:
        return timestamp(self._fake.clock.datetime())


def _said(change: Change) -> tuple[str, str] | None:
    """What a scheduler or a kubelet has to say about a change of a pod."""
    if change.type != "MODIFIED" or change.old is None:
        return None
    was, pod = change.old.object, change.new.object
    container = pod["spec"]["containers"][0]
    if "deletionTimestamp" in pod["metadata"]:
        began = "deletionTimestamp" not in was["metadata"]
        return ("Killing", f"Stopping container {container['name']}") if began else None
    if "nodeName" not in was["spec"] and "nodeName" in pod["spec"]:
        where = f"{NAMESPACE}/{pod['metadata']['name']} to {pod['spec']['nodeName']}"
        return "Scheduled", f"Successfully assigned {where}"
    if was["status"].get("phase") != "Running" and pod["status"].get("phase") == "Running":
        return "Started", f"Started container {container['name']}"
    return None
